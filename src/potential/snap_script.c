#include "potential/snap_script.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/text.h"

typedef struct variable {
  char *name;
  char *value;
} variable;

/** Text that grows. */
typedef struct buffer {
  char *text;
  size_t length, capacity;
} buffer;

struct lml_script {
  lml_lines *lines;
  size_t line; /* first line of the command */
  variable *variables;
  size_t nvariables, variables_capacity;
  buffer raw;  /* the joined lines */
  buffer text; /* the same with variables put in; the words point into it */
  char **words;
  size_t words_capacity;
};

static lml_status append(buffer *b, const char *text, size_t length, lml_error *error) {
  const lml_status status = lml_grow(&b->text, &b->capacity, b->length + length + 1, 1, "a command", error);
  if (status != LML_OK) return status;
  memcpy(b->text + b->length, text, length);
  b->length += length;
  b->text[b->length] = '\0';
  return LML_OK;
}

/** Join lines while the last printable character is '&'. LAMMPS looks for comments only afterwards, so that '&' at the
 *  end of a comment continues the comment. */
static lml_status join_lines(lml_script *script, bool *end, lml_error *error) {
  script->raw.length = 0;
  lml_status status = append(&script->raw, "", 0, error);
  script->line = lml_lines_number(script->lines) + 1;
  *end = false;
  while (status == LML_OK) {
    const char *line;
    size_t length;
    status = lml_lines_next(script->lines, &line, &length, error);
    if (status != LML_OK) return status;
    if (line == NULL) {
      *end = script->raw.length == 0;
      return LML_OK;
    }
    if (memchr(line, '\0', length) != NULL) return lml_script_fail(script, error, "a NUL byte: not a text file");
    while (length > 0 && lml_is_blank(line[length - 1])) length--;
    const bool continues = length > 0 && line[length - 1] == '&';
    status = append(&script->raw, line, continues ? length - 1 : length, error);
    if (!continues) return status;
  }
  return status;
}

/* ---- variables ---- */

static const char *find_variable(const lml_script *script, lml_token name) {
  for (size_t k = 0; k < script->nvariables; k++)
    if (lml_token_equals(name, script->variables[k].name)) return script->variables[k].value;
  return NULL;
}

static lml_status fail_undefined(const lml_script *script, lml_token name, lml_error *error) {
  enum { MOST = 64 };
  const char *known[MOST];
  char text[64] = "";
  size_t count = 0;
  memcpy(text, name.text, name.length < sizeof text ? name.length : sizeof text - 1);
  for (; count < script->nvariables && count < MOST; count++) known[count] = script->variables[count].name;
  const char *nearest = lml_nearest(text, known, count);
  if (nearest == NULL) return lml_script_fail(script, error, "variable '%s' is not defined above", text);
  return lml_script_fail(script, error, "variable '%s' is not defined above: did you mean '%s'?", text, nearest);
}

/** The name behind the '$' at @p dollar; *@p behind is what follows it. */
static lml_status variable_name(const lml_script *script, const char *dollar, lml_token *name, const char **behind,
                                lml_error *error) {
  if (dollar[1] == '{') {
    const char *close = strchr(dollar, '}');
    if (close == NULL) return lml_script_fail(script, error, "'${' without '}'");
    *name = (lml_token){.text = dollar + 2, .length = (size_t)(close - dollar) - 2};
    *behind = close + 1;
    return LML_OK;
  }
  if (dollar[1] == '(' || dollar[1] == '\0')
    return lml_script_fail(script, error, "formulas '$(…)' are not supported: write the number");
  *name = (lml_token){.text = dollar + 1, .length = 1};
  *behind = dollar + 2;
  return LML_OK;
}

static lml_status put_variables_in(lml_script *script, lml_error *error) {
  script->text.length = 0;
  const char *c = script->raw.text;
  lml_status status = append(&script->text, "", 0, error);
  while (status == LML_OK && *c != '\0') {
    const size_t plain = strcspn(c, "$");
    status = append(&script->text, c, plain, error);
    c += plain;
    if (status != LML_OK || *c == '\0') return status;
    lml_token name = {.text = c, .length = 0};
    status = variable_name(script, c, &name, &c, error);
    if (status != LML_OK) return status;
    const char *value = find_variable(script, name);
    if (value == NULL) return fail_undefined(script, name, error);
    status = append(&script->text, value, strlen(value), error);
  }
  return status;
}

static lml_status define_variable(lml_script *script, const lml_script_command *command, lml_error *error) {
  if (command->count != 4)
    return lml_script_fail(script, error, "expected 'variable NAME equal NUMBER' or 'variable NAME index WORD'");
  const char *name = command->words[1], *style = command->words[2], *value = command->words[3];
  double number;
  if (strcmp(style, "equal") == 0) {
    if (!lml_parse_real((lml_token){.text = value, .length = strlen(value)}, &number))
      return lml_script_fail(script, error, "variable %s: formulas such as '%s' are not supported: write the number",
                             name, value);
  } else if (strcmp(style, "index") != 0) {
    return lml_script_fail(script, error, "variable %s: style '%s' is not supported: use equal or index", name, style);
  }
  if (find_variable(script, (lml_token){.text = name, .length = strlen(name)}) != NULL)
    return lml_script_fail(script, error, "variable %s is defined twice: define it once", name);
  const lml_status status = lml_grow(&script->variables, &script->variables_capacity, script->nvariables + 1,
                                     sizeof *script->variables, "variables", error);
  if (status != LML_OK) return status;
  variable *new_one = &script->variables[script->nvariables];
  new_one->name = lml_strdup(name, error);
  new_one->value = new_one->name == NULL ? NULL : lml_strdup(value, error);
  if (new_one->value == NULL) {
    lml_free(new_one->name);
    return LML_ERR_MEMORY;
  }
  script->nvariables++;
  return LML_OK;
}

/* ---- commands ---- */

static lml_status split_words(lml_script *script, lml_script_command *command, lml_error *error) {
  *command = (lml_script_command){.line = script->line};
  if (strpbrk(script->text.text, "\"'") != NULL)
    return lml_script_fail(script, error, "quotes are not supported: write the words without");
  for (char *c = script->text.text; *c != '\0';) {
    while (lml_is_blank(*c)) c++;
    if (*c == '\0') break;
    const lml_status status = lml_grow(&script->words, &script->words_capacity, command->count + 1,
                                       sizeof *script->words, "the words of a command", error);
    if (status != LML_OK) return status;
    script->words[command->count++] = c;
    while (*c != '\0' && !lml_is_blank(*c)) c++;
    if (*c != '\0') *c++ = '\0';
  }
  command->words = script->words;
  return LML_OK;
}

lml_status lml_script_next(lml_script *script, lml_script_command *command, bool *end, lml_error *error) {
  while (true) {
    lml_status status = join_lines(script, end, error);
    if (status != LML_OK || *end) return status;
    script->raw.text[strcspn(script->raw.text, "#")] = '\0';
    status = put_variables_in(script, error);
    if (status == LML_OK) status = split_words(script, command, error);
    if (status != LML_OK) return status;
    if (command->count == 0) continue;
    if (strcmp(command->words[0], "variable") != 0) return LML_OK;
    status = define_variable(script, command, error);
    if (status != LML_OK) return status;
  }
}

lml_status lml_script_fail(const lml_script *script, lml_error *error, const char *format, ...) {
  char reason[LML_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: %s", lml_lines_path(script->lines), script->line, reason);
}

lml_status lml_script_open(const char *path, lml_script **script, lml_error *error) {
  lml_status status = lml_alloc(script, 1, sizeof **script, "a script", error);
  if (status != LML_OK) return status;
  status = lml_lines_open(path, &(*script)->lines, error);
  if (status == LML_OK) return LML_OK;
  lml_free(*script);
  *script = NULL;
  return status;
}

void lml_script_close(lml_script *script) {
  if (script == NULL) return;
  lml_lines_close(script->lines);
  for (size_t k = 0; k < script->nvariables; k++) {
    lml_free(script->variables[k].name);
    lml_free(script->variables[k].value);
  }
  lml_free(script->variables);
  lml_free(script->raw.text);
  lml_free(script->text.text);
  lml_free(script->words);
  lml_free(script);
}
