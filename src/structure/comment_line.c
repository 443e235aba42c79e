#include "structure/comment_line.h"

#include <string.h>

#include "base/fail.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "base/sys.h"
#include "base/text.h"
#include "structure/frame.h"

static const char json_mark[] = "_JSON ";

/** ASE takes the value of this key for a text, whatever it looks like. */
static bool is_identifier(const char *name) {
  return strlen(name) == 3 && (name[0] | 32) == 'u' && (name[1] | 32) == 'i' && (name[2] | 32) == 'd';
}

/* --- keys and values -------------------------------------------------------------------------------------------- */

/** The delimiter that closes what @p c opens, NUL where it opens nothing. */
static char closing(char c) {
  static const char opening_ones[] = "\"'{[", closing_ones[] = "\"'}]";
  const char *found = c == '\0' ? NULL : strchr(opening_ones, c);
  return found == NULL ? '\0' : closing_ones[found - opening_ones];
}

/** Copy one word, up to a blank (or, in a key, '=') outside of quotes, to @p out, without quotes and escapes. Returns
 *  the end of the copy; *@p open is true where the line ends within quotes. */
static char *copy_word(const char **cursor, const char *also_ends, char *out, bool *open) {
  char delimiter = '\0';
  const char *at = *cursor;
  for (; *at != '\0'; at++) {
    if (*at == '\\') {
      if (at[1] == '\0') continue;
      *out++ = *++at;
    } else if (delimiter != '\0') {
      if (*at == delimiter)
        delimiter = '\0';
      else
        *out++ = *at;
    } else if (closing(*at) != '\0') {
      delimiter = closing(*at);
    } else if (lml_is_blank(*at) || strchr(also_ends, *at) != NULL) {
      break;
    } else {
      *out++ = *at;
    }
  }
  *cursor = at;
  *open = delimiter != '\0';
  *out = '\0';
  return out;
}

static const char *skip_blanks(const char *at) {
  while (lml_is_blank(*at)) at++;
  return at;
}

lml_status lml_comment_next(lml_comment *comment, bool *end, lml_error *error) {
  bool open;
  char *out;
  const char *next;
  comment->key = comment->scratch;
  comment->value = "T";
  do { /* a pair of quotes with nothing in it is no key */
    comment->at = skip_blanks(comment->at);
    *end = *comment->at == '\0';
    if (*end) return LML_OK;
    out = copy_word(&comment->at, "=", comment->scratch, &open);
    next = skip_blanks(comment->at);
  } while (comment->key[0] == '\0' && *next != '=');
  if (*next != '=') return LML_OK;
  if (comment->key[0] == '\0') return lml_fail(error, LML_ERR_INPUT, "a '=' of the comment line has no key before it");
  comment->at = skip_blanks(next + 1);
  comment->value = out + 1;
  copy_word(&comment->at, "", out + 1, &open);
  if (open) return lml_fail(error, LML_ERR_INPUT, "the quotes or brackets of key %s are not closed", comment->key);
  return LML_OK;
}

/* --- types ------------------------------------------------------------------------------------------------------ */

static bool parse_logical(lml_token token, bool *value) {
  static const char *const names[] = {"F", "T", "False", "True", "false", "true", "FALSE", "TRUE"};
  for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
    if (lml_token_equals(token, names[k])) {
      *value = k % 2 == 1;
      return true;
    }
  return false;
}

/** The next word, between blanks and commas. */
static bool next_word(const char **cursor, lml_token *word) {
  const char *at = *cursor;
  while (lml_is_blank(*at) || *at == ',') at++;
  word->text = at;
  while (*at != '\0' && !lml_is_blank(*at) && *at != ',') at++;
  word->length = (size_t)(at - word->text);
  *cursor = at;
  return word->length > 0;
}

static bool has_type(lml_token word, lml_value_type type) {
  int64_t integer;
  double real;
  bool logical;
  switch (type) {
    case LML_INTEGER:
      return lml_parse_integer(word, &integer);
    case LML_REAL:
      return lml_parse_any_real(word, &real);
    case LML_LOGICAL:
      return parse_logical(word, &logical);
    case LML_TEXT:
      break;
  }
  return true;
}

/** The type that all words of @p text have, and their number. */
static lml_value_type type_of(const char *text, size_t *count) {
  static const lml_value_type tried[] = {LML_INTEGER, LML_REAL, LML_LOGICAL};
  for (size_t k = 0; k < sizeof tried / sizeof tried[0]; k++) {
    const char *cursor = text;
    lml_token word;
    *count = 0;
    while (next_word(&cursor, &word) && has_type(word, tried[k])) ++*count;
    if (word.length == 0) return tried[k];
  }
  *count = 1;
  return LML_TEXT;
}

/** Value of @p count hexadecimal digits, −1 where they aren't. */
static int hexadecimal(const char *digits, int count) {
  int value = 0;
  for (int k = 0; k < count; k++) {
    static const char known[] = "0123456789abcdefABCDEF";
    const char *found = digits[k] == '\0' ? NULL : strchr(known, digits[k]);
    if (found == NULL) return -1;
    const int digit = (int)(found - known);
    value = 16 * value + (digit < 16 ? digit : digit - 6);
  }
  return value;
}

static char *append_utf8(char *out, int code) {
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xc0 | code >> 6);
    *out++ = (char)(0x80 | (code & 0x3f));
  } else {
    *out++ = (char)(0xe0 | code >> 12);
    *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    *out++ = (char)(0x80 | (code & 0x3f));
  }
  return out;
}

/** Decode the JSON string in @p text in place; false, and the text may have changed, where it isn't just that. */
static bool decode_json_string(char *text) {
  static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
  const char *at = text;
  char *out = text;
  if (*at++ != '"') return false;
  for (; *at != '"'; at++) {
    if (*at == '\0') return false;
    if (*at != '\\') {
      *out++ = *at;
      continue;
    }
    const char *found = *++at == '\0' ? NULL : strchr(names, *at);
    const int code = *at == 'u' ? hexadecimal(at + 1, 4) : found != NULL ? codes[found - names] : -1;
    if (code <= 0 || (code >= 0xd800 && code < 0xe000)) return false; /* no NUL; surrogates stay as they are */
    out = append_utf8(out, code);
    if (*at == 'u') at += 4;
  }
  *out = '\0';
  return at[1] == '\0';
}

static lml_status take_text(lml_values *values, const char *text, lml_error *error) {
  lml_status status = lml_values_allocate(values, LML_TEXT, 1, 1, error);
  if (status != LML_OK) return status;
  values->scalar = true;
  if (strncmp(text, json_mark, strlen(json_mark)) == 0 && !is_identifier(values->name)) {
    char *decoded = lml_strdup(text + strlen(json_mark), error);
    if (decoded == NULL) return LML_ERR_MEMORY;
    if (decode_json_string(decoded)) {
      values->texts[0] = decoded;
      return LML_OK;
    }
    lml_free(decoded);
  }
  values->texts[0] = lml_strdup(text, error);
  return values->texts[0] == NULL ? LML_ERR_MEMORY : LML_OK;
}

lml_status lml_comment_value(lml_values *values, const char *text, lml_error *error) {
  size_t count;
  const lml_value_type type = is_identifier(values->name) ? LML_TEXT : type_of(text, &count);
  if (type == LML_TEXT) return take_text(values, text, error);
  const lml_status status = lml_values_allocate(values, type, 1, count, error);
  if (status != LML_OK) return status;
  values->scalar = count == 1;
  lml_token word;
  for (size_t k = 0; next_word(&text, &word); k++) {
    if (type == LML_INTEGER) lml_parse_integer(word, &values->integers[k]);
    if (type == LML_REAL) lml_parse_any_real(word, &values->reals[k]);
    if (type == LML_LOGICAL) parse_logical(word, &values->logicals[k]);
  }
  return LML_OK;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

static lml_status put(lml_file_writer *writer, const char *text, size_t length, lml_error *error) {
  return lml_file_writer_write(writer, text, length, error);
}

lml_status lml_write_value(lml_file_writer *writer, const lml_values *values, size_t index, lml_error *error) {
  char text[LML_REAL_TEXT];
  switch (values->type) {
    case LML_REAL:
      return put(writer, text, lml_format_real(values->reals[index], text), error);
    case LML_INTEGER:
      return put(writer, text, lml_format_integer(values->integers[index], text), error);
    case LML_LOGICAL:
      return put(writer, values->logicals[index] ? "T" : "F", 1, error);
    case LML_TEXT:
      break;
  }
  return put(writer, values->texts[index], strlen(values->texts[index]), error);
}

/** Whether @p text may go as it is. */
static bool is_plain(const char *text) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:";
  return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

/** Write @p text, which has no line break, in quotes where it needs them. */
static lml_status put_escaped(lml_file_writer *writer, const char *text, lml_error *error) {
  if (is_plain(text)) return put(writer, text, strlen(text), error);
  lml_status status = put(writer, "\"", 1, error);
  for (const char *c = text; *c != '\0' && status == LML_OK; c++) {
    if (*c == '"' || *c == '\\') status = put(writer, "\\", 1, error);
    if (status == LML_OK) status = put(writer, c, 1, error);
  }
  return status == LML_OK ? put(writer, "\"", 1, error) : status;
}

/** Whether Python might read @p word as a number: it allows underscores and the digits of all scripts. */
static bool may_be_number(lml_token word) {
  char bare[128];
  size_t length = 0;
  bool foreign = false;
  for (size_t k = 0; k < word.length; k++) {
    const char c = word.text[k];
    foreign = foreign || (c & 0x80) != 0;
    if (c == '_') continue;
    if (length == sizeof bare) return true; /* too long to tell; a JSON string is right for any text */
    bare[length++] = c;
  }
  double value;
  return foreign || lml_parse_any_real((lml_token){bare, length}, &value);
}

/** Whether a text is read back as that text without further ado. */
static bool reads_as_text(const char *text) {
  size_t count;
  const char *cursor = text;
  lml_token word;
  if (strncmp(text, json_mark, strlen(json_mark)) == 0) return lml_json_text_is_value(text + strlen(json_mark));
  if (type_of(text, &count) != LML_TEXT) return false;
  for (const char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < 0x20) return false;
  while (next_word(&cursor, &word))
    if (!may_be_number(word)) return true;
  return false;
}

static char *append_text(char *out, const char *text) {
  while (*text != '\0') *out++ = *text++;
  return out;
}

/** `_JSON "…"`, to be escaped once more. The caller frees it. */
static char *encode_json_string(const char *text, lml_error *error) {
  static const char hex[] = "0123456789abcdef";
  const size_t size = sizeof json_mark + 2 + 6 * strlen(text);
  char *encoded = lml_sys->malloc(size);
  if (encoded == NULL) {
    lml_fail_memory(error, size, "a text");
    return NULL;
  }
  char *out = append_text(encoded, json_mark);
  *out++ = '"';
  for (const char *c = text; *c != '\0'; c++) {
    if ((unsigned char)*c < 0x20) {
      out = append_text(out, "\\u00");
      *out++ = hex[*c >> 4];
      *out++ = hex[*c & 15];
      continue;
    }
    if (*c == '"' || *c == '\\') *out++ = '\\';
    *out++ = *c;
  }
  *append_text(out, "\"") = '\0';
  return encoded;
}

static lml_status put_text(lml_file_writer *writer, const lml_values *values, lml_error *error) {
  if (values->count * values->width != 1)
    return lml_fail(error, LML_ERR_USAGE, "info key %s has %zu texts; only one can be written", values->name,
                    values->count * values->width);
  const char *text = values->texts[0];
  if (is_identifier(values->name) || reads_as_text(text)) return put_escaped(writer, text, error);
  char *encoded = encode_json_string(text, error);
  if (encoded == NULL) return LML_ERR_MEMORY;
  const lml_status status = put_escaped(writer, encoded, error);
  lml_free(encoded);
  return status;
}

static lml_status put_numbers(lml_file_writer *writer, const lml_values *values, lml_error *error) {
  const size_t count = values->count * values->width;
  if (values->scalar && count == 1) return lml_write_value(writer, values, 0, error);
  /* ASE misreads empty quotes, and takes an empty JSON array for one of reals. */
  if (count == 0) return put_escaped(writer, values->type == LML_INTEGER ? "," : "_JSON []", error);
  lml_status status = put(writer, "\"", 1, error);
  for (size_t k = 0; k < count && status == LML_OK; k++) {
    if (k > 0) status = put(writer, " ", 1, error);
    if (status == LML_OK) status = lml_write_value(writer, values, k, error);
  }
  return status == LML_OK ? put(writer, "\"", 1, error) : status;
}

/** A line break in a text goes as JSON, but for a key, and the text that ASE takes as it is. */
static lml_status check_one_line(const lml_values *values, lml_error *error) {
  const bool raw = values->type == LML_TEXT && is_identifier(values->name);
  if (strpbrk(values->name, "\r\n") == NULL && !(raw && strpbrk(values->texts[0], "\r\n") != NULL)) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "info key \"%.60s\" cannot be written, as there is a line break in it",
                  values->name);
}

lml_status lml_comment_write(lml_file_writer *writer, const lml_values *values, lml_error *error) {
  lml_status status = check_one_line(values, error);
  if (status != LML_OK) return status;
  /* ASE would take the next key for its value. */
  if (values->type == LML_TEXT && is_identifier(values->name) && values->texts[0][0] == '\0') return LML_OK;
  status = put(writer, " ", 1, error);
  if (status == LML_OK) status = put_escaped(writer, values->name, error);
  if (status == LML_OK) status = put(writer, "=", 1, error);
  if (status != LML_OK) return status;
  return values->type == LML_TEXT ? put_text(writer, values, error) : put_numbers(writer, values, error);
}
