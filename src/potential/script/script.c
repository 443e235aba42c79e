#include "potential/script/script.h"

#include <stdarg.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/print.h"
#include "base/text.h"
#include "potential/script/formula.h"

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
  buffer text; /* the same without comment and with variables put in; the words point into it */
  buffer formula;
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

static const char *look_up(const void *script, lml_token name) { return find_variable(script, name); }

static lml_status evaluate(const lml_script *script, const char *formula, double *value, lml_error *error) {
  const char *wrong = lml_formula_evaluate(formula, look_up, script, value);
  if (wrong == NULL) return LML_OK;
  return lml_script_fail(script, error, "formula '%s' can't be read: %s; write the number", formula, wrong);
}

/** The end of the parenthesis that opens at @p open, NULL where it has none. */
static const char *closing(const char *open) {
  size_t depth = 0;
  for (const char *c = open; *c != '\0'; c++) {
    depth += *c == '(' ? 1 : 0;
    if (*c == ')' && --depth == 0) return c;
  }
  return NULL;
}

/** Put in the value of the formula `$(…)` at @p dollar; *@p after is what follows it. LAMMPS writes 20 digits. */
static lml_status put_formula_in(lml_script *script, const char *dollar, const char **after, lml_error *error) {
  const char *close = closing(dollar + 1);
  if (close == NULL) return lml_script_fail(script, error, "'$(' without ')'");
  *after = close + 1;
  script->formula.length = 0;
  lml_status status = append(&script->formula, dollar + 2, (size_t)(close - dollar) - 2, error);
  double value = 0.0;
  if (status == LML_OK) status = evaluate(script, script->formula.text, &value, error);
  if (status != LML_OK) return status;
  char text[64];
  lml_print_cut(text, sizeof text, "%.20g", value);
  return append(&script->text, text, strlen(text), error);
}

/** Put in the value of what begins with the '$' at @p dollar; *@p after is what follows it. */
static lml_status put_value_in(lml_script *script, const char *dollar, const char **after, lml_error *error) {
  if (dollar[1] == '(') return put_formula_in(script, dollar, after, error);
  if (dollar[1] == '\0') return lml_script_fail(script, error, "'$' without the name of a variable");
  lml_token name = {.text = dollar + 1, .length = 1};
  *after = dollar + 2;
  if (dollar[1] == '{') {
    const char *close = strchr(dollar, '}');
    if (close == NULL) return lml_script_fail(script, error, "'${' without '}'");
    name = (lml_token){.text = dollar + 2, .length = (size_t)(close - dollar) - 2};
    *after = close + 1;
  }
  const char *value = find_variable(script, name);
  return value == NULL ? fail_undefined(script, name, error) : append(&script->text, value, strlen(value), error);
}

/** Copy the joined lines up to a comment, with variables put in; between quotes neither means anything. */
static lml_status put_variables_in(lml_script *script, lml_error *error) {
  script->text.length = 0;
  const char *c = script->raw.text;
  char quote = '\0';
  lml_status status = append(&script->text, "", 0, error);
  while (status == LML_OK && *c != '\0' && (quote != '\0' || *c != '#')) {
    if (quote == '\0' && *c == '$') {
      status = put_value_in(script, c, &c, error);
      continue;
    }
    if (quote == '\0' && (*c == '"' || *c == '\''))
      quote = *c;
    else if (*c == quote)
      quote = '\0';
    status = append(&script->text, c++, 1, error);
  }
  if (status == LML_OK && quote != '\0') return lml_script_fail(script, error, "a quote that isn't closed");
  return status;
}

/** The value that `${NAME}` stands for, to be freed; NULL after a failure. LAMMPS writes the number of an equal-style
 *  variable with 15 digits. */
static lml_status variable_value(const lml_script *script, const lml_script_command *command, char **value,
                                 lml_error *error) {
  const char *name = command->words[1], *style = command->words[2], *text = command->words[3];
  char number[64];
  if (strcmp(style, "equal") == 0) {
    double result;
    const lml_status status = evaluate(script, text, &result, error);
    if (status != LML_OK) return status;
    lml_print_cut(number, sizeof number, "%.15g", result);
    text = number;
  } else if (strcmp(style, "index") != 0 && strcmp(style, "string") != 0) {
    return lml_script_fail(
        script, error,
        "variable %s: style '%s' is not supported, as its value is not in this file: use equal, index "
        "or string",
        name, style);
  }
  *value = lml_strdup(text, error);
  return *value == NULL ? LML_ERR_MEMORY : LML_OK;
}

static lml_status define_variable(lml_script *script, const lml_script_command *command, lml_error *error) {
  if (command->count != 4)
    return lml_script_fail(
        script, error,
        "expected 'variable NAME equal FORMULA', 'variable NAME index WORD' or 'variable NAME string "
        "TEXT'");
  const char *name = command->words[1];
  if (find_variable(script, lml_token_of(name)) != NULL)
    return lml_script_fail(script, error, "variable %s is defined twice: define it once", name);
  lml_status status = lml_grow(&script->variables, &script->variables_capacity, script->nvariables + 1,
                               sizeof *script->variables, "variables", error);
  if (status != LML_OK) return status;
  variable new_one = {.name = NULL};
  status = variable_value(script, command, &new_one.value, error);
  if (status != LML_OK) return status;
  new_one.name = lml_strdup(name, error);
  if (new_one.name == NULL) {
    lml_free(new_one.value);
    return LML_ERR_MEMORY;
  }
  script->variables[script->nvariables++] = new_one;
  return LML_OK;
}

/* ---- commands ---- */

/** The end of the word at @p begin, which stands between quotes where that is one. */
static lml_status end_word(const lml_script *script, char **begin, char **end, lml_error *error) {
  const char quote = **begin;
  if (quote != '"' && quote != '\'') {
    *end = *begin + strcspn(*begin, " \t\r\f\v\n");
    if (memchr(*begin, '"', (size_t)(*end - *begin)) == NULL && memchr(*begin, '\'', (size_t)(*end - *begin)) == NULL)
      return LML_OK;
    return lml_script_fail(script, error, "a quote inside of a word: put quotes around the whole word");
  }
  if (quote == '"' && strncmp(*begin, "\"\"\"", 3) == 0)
    return lml_script_fail(script, error, "triple quotes are not supported: write \"…\"");
  ++*begin;
  *end = strchr(*begin, quote);
  if (*end == NULL) return lml_script_fail(script, error, "a quote that isn't closed");
  if ((*end)[1] == '\0' || lml_is_blank((*end)[1])) return LML_OK;
  return lml_script_fail(script, error, "after a closing quote a blank must follow");
}

static lml_status split_words(lml_script *script, lml_script_command *command, lml_error *error) {
  *command = (lml_script_command){.line = script->line};
  for (char *c = script->text.text, *end = c; *c != '\0';) {
    while (lml_is_blank(*c)) c++;
    if (*c == '\0') break;
    lml_status status = lml_grow(&script->words, &script->words_capacity, command->count + 1, sizeof *script->words,
                                 "the words of a command", error);
    if (status == LML_OK) status = end_word(script, &c, &end, error);
    if (status != LML_OK) return status;
    script->words[command->count++] = c;
    c = end;
    if (*c != '\0') *c++ = '\0';
  }
  command->words = script->words;
  return LML_OK;
}

lml_status lml_script_next(lml_script *script, lml_script_command *command, bool *end, lml_error *error) {
  while (true) {
    lml_status status = join_lines(script, end, error);
    if (status != LML_OK || *end) return status;
    status = put_variables_in(script, error);
    if (status == LML_OK) status = split_words(script, command, error);
    if (status != LML_OK) return status;
    if (command->count == 0) continue;
    if (strcmp(command->words[0], "variable") != 0) return LML_OK;
    status = define_variable(script, command, error);
    if (status != LML_OK) return status;
  }
}

bool lml_script_has(const lml_script *script, const char *text) { return strstr(script->raw.text, text) != NULL; }

lml_status lml_script_fail(const lml_script *script, lml_error *error, const char *format, ...) {
  char reason[LML_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  lml_print_cut_list(reason, sizeof reason, format, arguments);
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
  lml_free(script->formula.text);
  lml_free(script->words);
  lml_free(script);
}
