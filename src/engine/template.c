#include "engine/template.h"

#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"

/** The value whose {name} begins at @p at, NULL where none does. */
static const lml_template_value *find(const char *at, const lml_template_value *values, size_t count) {
  if (*at != '{') return NULL;
  for (size_t i = 0; i < count; i++) {
    const size_t length = strlen(values[i].name);
    if (strncmp(at + 1, values[i].name, length) == 0 && at[1 + length] == '}') return &values[i];
  }
  return NULL;
}

/** A text that grows, with a NUL behind it. */
typedef struct output {
  char *text;
  size_t length, capacity;
} output;

static lml_status put(output *to, const char *bytes, size_t length, lml_error *error) {
  const lml_status status =
      lml_grow(&to->text, &to->capacity, to->length + length + 1, 1, "a text with values filled in", error);
  if (status != LML_OK) return status;
  memcpy(to->text + to->length, bytes, length);
  to->length += length;
  to->text[to->length] = '\0';
  return LML_OK;
}

char *lml_template_fill(const char *text, const lml_template_value *values, size_t count, lml_error *error) {
  output filled = {0};
  lml_status status = put(&filled, "", 0, error);
  while (*text != '\0' && status == LML_OK) {
    const lml_template_value *value = find(text, values, count);
    status = value == NULL ? put(&filled, text, 1, error) : put(&filled, value->value, strlen(value->value), error);
    text += value == NULL ? 1 : strlen(value->name) + 2;
  }
  if (status == LML_OK) return filled.text;
  lml_free(filled.text);
  return NULL;
}

/* ---- commands ---- */

/** How the shell reads what stands at a place of a command (POSIX, Shell Command Language, 2.2). */
typedef enum quoting { PLAIN = 0, IN_SINGLE, IN_DOUBLE, IN_COMMENT } quoting;

typedef struct place {
  quoting quoting;
  bool escaped; /**< by a backslash before it */
  bool in_word; /**< where # begins no comment */
  bool nested;  /**< behind the beginning of a command substitution, a here-document, or Bash's $'...' */
} place;

static bool ends_word(char c) { return strchr(" \t\n;&|()<>", c) != NULL; }

/** Go on behind the character @p at, which is neither escaped nor within quotes. */
static void pass_plain(place *here, const char *at) {
  if (*at == '`' || strncmp(at, "$(", 2) == 0 || strncmp(at, "<<", 2) == 0 || strncmp(at, "$'", 2) == 0)
    here->nested = true;
  if (*at == '"') here->quoting = IN_DOUBLE;
  if (*at == '\'') here->quoting = IN_SINGLE;
  if (*at == '#' && !here->in_word) here->quoting = IN_COMMENT;
  here->in_word = (here->in_word && *at == '\\') || !(ends_word(*at) || *at == '\\');
}

/** Go on behind the character @p at. */
static void pass(place *here, const char *at) {
  const bool escaped = here->escaped;
  here->escaped = !escaped && *at == '\\' && (here->quoting == PLAIN || here->quoting == IN_DOUBLE);
  if (escaped) {
    here->in_word = here->in_word || *at != '\n';
    return;
  }
  switch (here->quoting) {
    case PLAIN:
      pass_plain(here, at);
      break;
    case IN_SINGLE:
      if (*at == '\'') here->quoting = PLAIN;
      break;
    case IN_DOUBLE:
      if (*at == '`' || strncmp(at, "$(", 2) == 0) here->nested = true;
      if (*at == '"') here->quoting = PLAIN;
      break;
    case IN_COMMENT:
      if (*at == '\n') *here = (place){.nested = here->nested};
      break;
  }
}

/** Whether the shell takes @p text as it is, wherever it stands; nothing at all is no word. */
static bool is_harmless(const char *text) {
  static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-+:@%,=";
  return text[0] != '\0' && text[strspn(text, harmless)] == '\0';
}

static bool has_control_characters(const char *text) {
  for (; *text != '\0'; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7f) return true;
  return false;
}

/** Append @p value so that the shell reads it as it is. */
static lml_status put_quoted(output *to, const char *value, quoting where, lml_error *error) {
  const bool opens = where == PLAIN;
  lml_status status = opens ? put(to, "'", 1, error) : LML_OK;
  for (const char *c = value; *c != '\0' && status == LML_OK; c++) {
    if (where != IN_DOUBLE && *c == '\'') {
      status = put(to, "'\\''", 4, error);
      continue;
    }
    if (where == IN_DOUBLE && strchr("\\\"$`", *c) != NULL) status = put(to, "\\", 1, error);
    if (status == LML_OK) status = put(to, c, 1, error);
  }
  return opens && status == LML_OK ? put(to, "'", 1, error) : status;
}

static lml_status put_value(output *to, const lml_template_value *value, const place *here, lml_error *error) {
  if (is_harmless(value->value)) return put(to, value->value, strlen(value->value), error);
  if (has_control_characters(value->value))
    return lml_fail(error, LML_ERR_INPUT, "{%s} stands for '%.100s', which has control characters; give another name",
                    value->name, value->value);
  if (here->nested || here->escaped)
    return lml_fail(
        error, LML_ERR_INPUT,
        "{%s} stands for '%.100s', which cannot be quoted for the shell behind a backslash, $(, `, << or $'; give "
        "a name of letters, digits and ./_-+:@%%,= or put the command into a script",
        value->name, value->value);
  return here->quoting == IN_COMMENT ? put(to, value->value, strlen(value->value), error)
                                     : put_quoted(to, value->value, here->quoting, error);
}

lml_status lml_template_fill_command(const char *text, const lml_template_value *values, size_t count, char **command,
                                     lml_error *error) {
  output filled = {0};
  place here = {0};
  lml_status status = put(&filled, "", 0, error);
  for (const char *begin = text; *text != '\0' && status == LML_OK;) {
    const lml_template_value *value = find(text, values, count);
    if (value != NULL && text > begin && text[-1] == '$') {
      status = lml_fail(error, LML_ERR_INPUT, "${%s} is the shell's variable and not lmlink's: write {%s}, without $",
                        value->name, value->name);
    } else if (value != NULL) {
      status = put_value(&filled, value, &here, error);
      here.escaped = false;
      here.in_word = true;
      text += strlen(value->name) + 2;
    } else {
      status = put(&filled, text, 1, error);
      pass(&here, text++);
    }
  }
  if (status != LML_OK) lml_free(filled.text);
  *command = status == LML_OK ? filled.text : NULL;
  return status;
}

char *lml_template_fill_index(const char *text, unsigned index, lml_error *error) {
  char number[16];
  lml_print_cut(number, sizeof number, "%u", index);
  const lml_template_value value = {"index", number};
  return lml_template_fill(text, &value, 1, error);
}
