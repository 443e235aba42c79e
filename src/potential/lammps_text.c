#include "potential/lammps_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "base/print.h"

/** The next line, and its comment without the '#', which is empty where there is none. */
static lml_status next_line(lml_lines *lines, lml_token *content, lml_token *comment, bool *end, lml_error *error) {
  const char *text;
  size_t length;
  *content = *comment = (lml_token){.text = "", .length = 0};
  const lml_status status = lml_lines_next(lines, &text, &length, error);
  if (status != LML_OK) return status;
  *end = text == NULL;
  if (text == NULL) return LML_OK;
  const char *mark = memchr(text, '#', length);
  const size_t before = mark == NULL ? length : (size_t)(mark - text);
  *content = lml_trim((lml_token){.text = text, .length = before});
  if (mark != NULL) *comment = lml_trim((lml_token){.text = mark + 1, .length = length - before - 1});
  return LML_OK;
}

lml_status lml_lammps_line(lml_lines *lines, lml_token *content, bool *end, lml_error *error) {
  lml_token comment;
  return next_line(lines, content, &comment, end, error);
}

/** In any case. */
static bool begins_with(lml_token text, const char *word) {
  const size_t length = strlen(word);
  return text.length > length && strncasecmp(text.text, word, length) == 0 &&
         (lml_is_blank(text.text[length]) || word[length - 1] == ':');
}

/** The first of its kind stays. */
static void keep_remark(lml_lammps_remark *remark, lml_token comment, size_t line) {
  if (remark->line != 0) return;
  remark->line = line;
  lml_print_cut(remark->text, sizeof remark->text, "%.*s", (int)comment.length, comment.text);
}

lml_status lml_lammps_full_line(lml_lines *lines, lml_lammps_remarks *remarks, lml_token *content, bool *end,
                                lml_error *error) {
  lml_token comment;
  lml_status status;
  do {
    status = next_line(lines, content, &comment, end, error);
    if (status != LML_OK || *end) return status;
    if (remarks != NULL && begins_with(comment, "pair_style"))
      keep_remark(&remarks->pair_style, comment, lml_lines_number(lines));
    if (remarks != NULL && begins_with(comment, LML_GENERATION_WORD))
      keep_remark(&remarks->generation, comment, lml_lines_number(lines));
  } while (content->length == 0);
  return LML_OK;
}

lml_status lml_lammps_remarks_read(const char *path, lml_lammps_remarks *remarks, lml_error *error) {
  *remarks = (lml_lammps_remarks){0};
  lml_lines *lines;
  lml_status status = lml_lines_open(path, &lines, error);
  if (status != LML_OK) return status;
  lml_token content;
  bool end = false;
  while (status == LML_OK && !end) status = lml_lammps_full_line(lines, remarks, &content, &end, error);
  lml_lines_close(lines);
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

const char *lml_lammps_quote(const char *word) { return strchr(word, '"') == NULL ? "\"" : "'"; }

lml_status lml_lammps_fail(const lml_lines *lines, lml_error *error, const char *format, ...) {
  char reason[LML_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(reason, sizeof reason, format, arguments);
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
