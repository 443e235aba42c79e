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

/* ---- is it JSON at all ---- */

enum { DEEPEST = 200 /**< arrays and objects within each other */ };

static const char *skip_white(const char *c) { return c + strspn(c, " \t\r\n"); }

static const char *skip_digits(const char *c) { return c + strspn(c, "0123456789"); }

/** The functions below return what is behind the thing that begins at @p c, NULL where there is none. */
static const char *behind_string(const char *c) {
  if (*c++ != '"') return NULL;
  for (; *c != '"'; c++) {
    if ((unsigned char)*c < 0x20) return NULL;
    if (*c != '\\') continue;
    c++;
    if (*c == '\0' || strchr("\"\\/bfnrtu", *c) == NULL) return NULL;
    if (*c == 'u' && strspn(c + 1, "0123456789abcdefABCDEF") < 4) return NULL;
  }
  return c + 1;
}

static const char *behind_number(const char *c) {
  c += *c == '-';
  const char *digits = c;
  c = skip_digits(c);
  if (c == digits || (*digits == '0' && c > digits + 1)) return NULL;
  if (*c == '.') {
    digits = c + 1;
    c = skip_digits(digits);
    if (c == digits) return NULL;
  }
  if (*c == 'e' || *c == 'E') {
    c++;
    c += *c == '+' || *c == '-';
    digits = c;
    c = skip_digits(c);
    if (c == digits) return NULL;
  }
  return c;
}

static const char *behind_word(const char *c) {
  static const char *const words[] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};
  for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
    if (strncmp(c, words[k], strlen(words[k])) == 0) return c + strlen(words[k]);
  return NULL;
}

static const char *behind_value(const char *c, int depth);

/** Of an array or object, whose opening bracket is at @p c. */
static const char *behind_list(const char *c, int depth) {
  const bool object = *c == '{';
  const char closing = object ? '}' : ']';
  c = skip_white(c + 1);
  if (*c == closing) return c + 1;
  for (;;) {
    if (object) {
      c = behind_string(c);
      if (c == NULL) return NULL;
      c = skip_white(c);
      if (*c++ != ':') return NULL;
    }
    c = behind_value(skip_white(c), depth + 1);
    if (c == NULL) return NULL;
    c = skip_white(c);
    if (*c == closing) return c + 1;
    if (*c != ',') return NULL;
    c = skip_white(c + 1);
  }
}

static const char *behind_value(const char *c, int depth) {
  if (*c == '"') return behind_string(c);
  if (*c == '[' || *c == '{') return depth < DEEPEST ? behind_list(c, depth) : NULL;
  const char *behind = behind_word(c);
  return behind != NULL ? behind : behind_number(c);
}

bool lml_json_text_is_value(const char *text) {
  const char *behind = behind_value(skip_white(text), 0);
  return behind != NULL && *skip_white(behind) == '\0';
}
