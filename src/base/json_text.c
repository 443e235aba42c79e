#include "base/json_text.h"

#include <stdbool.h>
#include <string.h>

#include "base/fail.h"

size_t lml_json_text_line(const char *text, const char *position) {
  size_t line = 1;
  for (const char *c = text; c < position; c++)
    if (*c == '\n') line++;
  return line;
}

static lml_status fail_at(const char *text, const char *position, const char *name, const char *reason,
                          lml_error *error) {
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: %s", name, lml_json_text_line(text, position), reason);
}

/** The closing quote of the string that begins behind the quote at @p quote, or the first character that may not be in
 *  it, or @p end. */
static const char *string_end(const char *quote, const char *end) {
  const char *c = quote + 1;
  while (c < end && *c != '"') {
    if (*c == '\n' || *c == '\0') return c;
    if (*c == '\\') {
      if (end - c >= 6 && memcmp(c, "\\u0000", 6) == 0) return c;
      c++;
    }
    c++;
  }
  return c < end ? c : end;
}

lml_status lml_json_text_check(const char *text, size_t bytes, const char *name, lml_error *error) {
  const char *end = text + bytes;
  long depth = 0;
  for (const char *c = text; c < end; c++) {
    if (*c == '"') {
      const char *quote = c;
      c = string_end(quote, end);
      if (c == end || *c == '\n') return fail_at(text, quote, name, "a string without its closing quote '\"'", error);
      if (*c != '"') return fail_at(text, c, name, "a NUL character in a string; remove it", error);
    }
    if (*c == '\0') return fail_at(text, c, name, "a NUL character; remove it", error);
    if (*c == '#' || *c == '/') return fail_at(text, c, name, "a comment, which JSON has not; remove it", error);
    if (*c == '{' || *c == '[') depth++;
    if (*c == '}' || *c == ']') depth--;
  }
  if (depth > 0) return fail_at(text, end, name, "the text ends before its last '}' or ']'; is it cut off?", error);
  return LML_OK;
}

/** True where the string that closes at @p quote is a key. */
static bool is_key(const char *quote) {
  const char *c = quote + 1;
  c += strspn(c, " \t\r\n");
  return *c == ':';
}

const char *lml_json_text_value(const char *text, size_t index) {
  const char *end = text + strlen(text);
  size_t seen = 0;
  for (const char *c = text + strcspn(text, "{["); c < end; c++) {
    if (strchr(" \t\r\n,:]}", *c) != NULL) continue;
    const char *start = c;
    if (*c == '"') {
      c = string_end(c, end);
      if (is_key(c)) continue;
    } else if (*c != '{' && *c != '[') {
      c += strcspn(c, " \t\r\n,:]}") - 1;
    }
    if (seen++ == index) return start;
  }
  return end;
}
