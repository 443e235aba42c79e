#include "potential/lammps_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"

lml_status lml_lammps_line(lml_lines *lines, lml_token *content, bool *end, lml_error *error) {
  const char *text;
  size_t length;
  const lml_status status = lml_lines_next(lines, &text, &length, error);
  if (status != LML_OK) return status;
  *end = text == NULL;
  *content = (lml_token){.text = "", .length = 0};
  if (text == NULL) return LML_OK;
  const char *comment = memchr(text, '#', length);
  *content = lml_trim((lml_token){.text = text, .length = comment == NULL ? length : (size_t)(comment - text)});
  return LML_OK;
}

lml_status lml_lammps_full_line(lml_lines *lines, lml_token *content, bool *end, lml_error *error) {
  lml_status status;
  do status = lml_lammps_line(lines, content, end, error);
  while (status == LML_OK && !*end && content->length == 0);
  return status;
}

static bool separates(char c) { return lml_is_blank(c) || c == '"' || c == '\''; }

size_t lml_lammps_split(lml_token content, lml_token *tokens, size_t max) {
  const char *c = content.text, *end = content.text + content.length;
  size_t count = 0;
  while (true) {
    while (c < end && separates(*c)) c++;
    if (c == end) return count;
    const char *begin = c;
    while (c < end && !separates(*c)) c++;
    if (count < max) tokens[count] = (lml_token){.text = begin, .length = (size_t)(c - begin)};
    count++;
  }
}

lml_status lml_lammps_fail(const lml_lines *lines, lml_error *error, const char *format, ...) {
  char reason[LML_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: %s", lml_lines_path(lines), lml_lines_number(lines), reason);
}

lml_status lml_lammps_real(const lml_lines *lines, lml_token word, const char *what, double *value, lml_error *error) {
  if (lml_parse_real(word, value)) return LML_OK;
  return lml_lammps_fail(lines, error, "%s '%.*s' is not a finite decimal number", what, LML_TOKEN_ARGS(word));
}

lml_status lml_lammps_integer(const lml_lines *lines, lml_token word, const char *what, int64_t min, int64_t max,
                              int64_t *value, lml_error *error) {
  int64_t number;
  if (lml_parse_integer(word, &number) && number >= min && number <= max) {
    *value = number;
    return LML_OK;
  }
  return lml_lammps_fail(lines, error, "%s '%.*s' is not a whole number from %" PRId64 " to %" PRId64, what,
                         LML_TOKEN_ARGS(word), min, max);
}
