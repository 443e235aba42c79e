#include "programs/command_line.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/print.h"
#include "base/text.h"

/** What is printed in place of a run. */
static const struct {
  lml_option option;
  lml_action action;
} standard_options[] = {
    {{.name = "print-schema", .help = "Print a JSON schema of the configuration file, for editors, and exit."},
     LML_ACTION_SCHEMA},
    {{.name = "print-man", .help = "Print the manual page and exit."}, LML_ACTION_MAN},
    {{.name = "print-bash-completion", .help = "Print what bash completes options by, and exit."}, LML_ACTION_BASH},
    {{.name = "print-zsh-completion", .help = "The same for zsh."}, LML_ACTION_ZSH},
    {{.name = "help", .help = "Print this text and exit."}, LML_ACTION_HELP},
    {{.name = "version", .help = "Print the version and exit."}, LML_ACTION_VERSION},
};
enum { NSTANDARD = sizeof standard_options / sizeof standard_options[0] };

/* ---- all options of a program ---- */

static lml_status add_key(const lml_key *key, size_t base, void *context, lml_error *error) {
  lml_option_list *list = context;
  (void)error;
  if (key->option != NULL && list->count < LML_MOST_OPTIONS)
    list->options[list->count++] = (lml_option){.name = key->option,
                                                .value = key->argument,
                                                .choices = key->type == LML_KEY_CHOICE ? key->choices : NULL,
                                                .key = key,
                                                .base = base};
  return LML_OK;
}

void lml_command_options(const lml_command *command, lml_option_list *list) {
  const bool has_file = command->keys != NULL && command->keys->title != NULL;
  list->count = 0;
  if (has_file) (void)lml_keys_walk(command->keys, add_key, list, NULL);
  for (size_t k = 0; k < command->noptions && list->count < LML_MOST_OPTIONS; k++)
    list->options[list->count++] = command->options[k];
  if (!has_file && command->keys != NULL) (void)lml_keys_walk(command->keys, add_key, list, NULL);
  for (size_t k = 0; k < NSTANDARD && list->count < LML_MOST_OPTIONS; k++)
    if (standard_options[k].action != LML_ACTION_SCHEMA || has_file)
      list->options[list->count++] = standard_options[k].option;
}

static const lml_option *find_option(const lml_option_list *list, const char *name, size_t length) {
  for (size_t k = 0; k < list->count; k++)
    if (strlen(list->options[k].name) == length && strncmp(list->options[k].name, name, length) == 0)
      return &list->options[k];
  return NULL;
}

/* ---- parsing ---- */

static lml_status fail_unknown(const lml_option_list *list, const char *word, lml_error *error) {
  if (strncmp(word, "--", 2) != 0)
    return lml_fail(error, LML_ERR_USAGE, "unknown option '%s': options are long ones, such as --help", word);
  char name[64];
  lml_print_cut(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
  const char *known[LML_MOST_OPTIONS];
  for (size_t k = 0; k < list->count; k++) known[k] = list->options[k].name;
  const char *nearest = lml_nearest(name, known, list->count);
  if (nearest != NULL)
    return lml_fail(error, LML_ERR_USAGE, "unknown option '--%s': did you mean --%s?", name, nearest);
  return lml_fail(error, LML_ERR_USAGE, "unknown option '--%s': --help lists the options", name);
}

static lml_status check_choice(const lml_option *option, const char *value, lml_error *error) {
  if (option->choices == NULL) return LML_OK;
  char known[256] = "";
  for (size_t k = 0; option->choices[k] != NULL; k++) {
    if (strcmp(option->choices[k], value) == 0) return LML_OK;
    lml_print_behind(known, sizeof known, "%s%s", k == 0 ? "" : ", ", option->choices[k]);
  }
  return lml_fail(error, LML_ERR_USAGE, "--%s '%s' is not one of: %s", option->name, value, known);
}

static lml_status add_given(lml_arguments *arguments, const lml_option *option, const char *value, lml_error *error) {
  if (option->times == LML_OPTION_ONCE && lml_arguments_count(arguments, option->name) > 0)
    return lml_fail(error, LML_ERR_USAGE, "--%s is given twice: give it once", option->name);
  arguments->given[arguments->ngiven++] = (struct lml_given){.option = *option, .value = value};
  return value == NULL ? LML_OK : check_choice(option, value, error);
}

static lml_action action_of(const lml_option *option) {
  for (size_t k = 0; k < NSTANDARD; k++)
    if (strcmp(option->name, standard_options[k].option.name) == 0) return standard_options[k].action;
  return LML_ACTION_RUN;
}

/** Parse the option at argv[*position] and move on to the last word that belongs to it. */
static lml_status parse_option(lml_arguments *arguments, const lml_option_list *list, int argc, char *const *argv,
                               int *position, lml_error *error) {
  const char *word = argv[*position];
  const size_t length = strcspn(word, "=");
  const lml_option *option = length < 3 ? NULL : find_option(list, word + 2, length - 2);
  if (strncmp(word, "--", 2) != 0 || option == NULL) return fail_unknown(list, word, error);
  arguments->action = action_of(option);
  if (arguments->action != LML_ACTION_RUN && word[length] == '\0') return LML_OK;
  const char *value = word[length] == '=' ? word + length + 1 : NULL;
  if (option->value == NULL) {
    if (value != NULL) return lml_fail(error, LML_ERR_USAGE, "--%s takes no value: omit '=%s'", option->name, value);
    return add_given(arguments, option, NULL, error);
  }
  if (value == NULL && *position + 1 < argc && strncmp(argv[*position + 1], "--", 2) != 0) value = argv[++*position];
  if (value == NULL || *value == '\0')
    return lml_fail(error, LML_ERR_USAGE, "--%s needs a value: --%s %s", option->name, option->name, option->value);
  return add_given(arguments, option, value, error);
}

static lml_status check_positional_count(const lml_arguments *arguments, lml_error *error) {
  const lml_command *command = arguments->command;
  if (arguments->npositional > command->positional_max)
    return lml_fail(
        error, LML_ERR_USAGE, "unexpected argument '%s'%s%s", arguments->positional[command->positional_max],
        command->positional_max == 0 ? "" : ": too many of: ", command->positional_max == 0 ? "" : command->positional);
  if (arguments->npositional < command->positional_min)
    return lml_fail(error, LML_ERR_USAGE, "missing argument: %s", command->positional);
  return LML_OK;
}

lml_status lml_arguments_parse(const lml_command *command, int argc, char *const *argv, lml_arguments *arguments,
                               lml_error *error) {
  *arguments = (lml_arguments){.command = command};
  const size_t most = argc > 0 ? (size_t)argc : 0;
  lml_status status = lml_alloc(&arguments->given, most, sizeof *arguments->given, "the command line", error);
  if (status == LML_OK)
    status = lml_alloc(&arguments->positional, most, sizeof *arguments->positional, "the command line", error);
  lml_option_list list;
  lml_command_options(command, &list);
  bool options_ended = false;
  for (int k = 1; status == LML_OK && k < argc && arguments->action == LML_ACTION_RUN; k++) {
    const char *word = argv[k];
    if (options_ended || word[0] != '-' || word[1] == '\0')
      arguments->positional[arguments->npositional++] = word;
    else if (strcmp(word, "--") == 0)
      options_ended = true;
    else
      status = parse_option(arguments, &list, argc, argv, &k, error);
  }
  if (status == LML_OK && arguments->action == LML_ACTION_RUN) status = check_positional_count(arguments, error);
  return status;
}

void lml_arguments_free(lml_arguments *arguments) {
  lml_free(arguments->given);
  lml_free(arguments->positional);
  *arguments = (lml_arguments){.command = arguments->command};
}

/* ---- values ---- */

static const struct lml_given *occurrence(const lml_arguments *arguments, const char *name, size_t index) {
  for (size_t k = 0; k < arguments->ngiven; k++) {
    const struct lml_given *given = &arguments->given[k];
    if (strcmp(given->option.name, name) == 0 && index-- == 0) return given;
  }
  return NULL;
}

size_t lml_arguments_count(const lml_arguments *arguments, const char *name) {
  size_t count = 0;
  while (occurrence(arguments, name, count) != NULL) count++;
  return count;
}

const char *lml_arguments_text(const lml_arguments *arguments, const char *name, size_t index) {
  const struct lml_given *given = occurrence(arguments, name, index);
  return given == NULL ? NULL : given->value;
}

size_t lml_arguments_choice(const lml_arguments *arguments, const char *name, size_t otherwise) {
  const struct lml_given *given = occurrence(arguments, name, 0);
  if (given == NULL) return otherwise;
  const char *const *choices = given->option.choices;
  for (size_t k = 0; choices[k] != NULL; k++)
    if (strcmp(choices[k], given->value) == 0) return k;
  return otherwise;
}

lml_status lml_arguments_integer(const lml_arguments *arguments, const char *name, long min, long max, long *value,
                                 lml_error *error) {
  const char *text = lml_arguments_text(arguments, name, 0);
  if (text == NULL) return LML_OK;
  int64_t number;
  if (!lml_parse_integer(lml_token_of(text), &number) || number < min || number > max)
    return lml_fail(error, LML_ERR_USAGE, "--%s '%s' is not a whole number from %ld to %ld", name, text, min, max);
  *value = (long)number;
  return LML_OK;
}

lml_status lml_arguments_real(const lml_arguments *arguments, const char *name, double *value, lml_error *error) {
  const char *text = lml_arguments_text(arguments, name, 0);
  if (text == NULL) return LML_OK;
  if (lml_parse_real(lml_token_of(text), value)) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "--%s '%s' is not a finite number", name, text);
}

/* ---- keys of the configuration ---- */

static lml_status fail_range(const lml_key *key, const char *text, lml_error *error) {
  return lml_fail(error, LML_ERR_USAGE, "--%s '%s' is %s%s%s", key->option, text,
                  key->range == LML_RANGE_POSITIVE ? "not positive" : "negative", key->advice == NULL ? "" : ": ",
                  key->advice == NULL ? "" : key->advice);
}

static lml_status apply_real(const lml_arguments *arguments, const lml_key *key, const char *text, double *value,
                             lml_error *error) {
  double number = 0.0;
  const lml_status status = lml_arguments_real(arguments, key->option, &number, error);
  if (status != LML_OK) return status;
  if (!lml_key_holds(key, number)) return fail_range(key, text, error);
  *value = number;
  return LML_OK;
}

/** Numbers with commas between them into a new array. */
static lml_status apply_reals(const lml_key *key, const char *text, double **values, size_t *count, lml_error *error) {
  size_t n = 1, k = 0;
  double *array;
  for (const char *c = text; *c != '\0'; c++) n += *c == ',';
  lml_status status = lml_alloc(&array, n, sizeof *array, "a list of numbers", error);
  for (const char *c = text; status == LML_OK && k < n; k++) {
    const size_t length = strcspn(c, ",");
    if (!lml_parse_real(lml_trim((lml_token){c, length}), &array[k]) || !lml_key_holds(key, array[k]))
      status = lml_fail(error, LML_ERR_USAGE, "--%s '%s' must be numbers from 0 on, with commas between them",
                        key->option, text);
    c += c[length] == ',' ? length + 1 : length;
  }
  if (status != LML_OK) {
    lml_free(array);
    return status;
  }
  lml_free(*values);
  *values = array;
  *count = n;
  return LML_OK;
}

static lml_status apply_count(const lml_arguments *arguments, const lml_key *key, size_t *value, lml_error *error) {
  long number = 0;
  const lml_status status =
      lml_arguments_integer(arguments, key->option, key->least, key->most > 0 ? key->most : INT32_MAX, &number, error);
  if (status == LML_OK) *value = (size_t)number;
  return status;
}

/** What is to be done with the options. */
typedef struct applying {
  const lml_arguments *arguments;
  char *target;
} applying;

static lml_status apply_key(const lml_key *key, size_t base, void *context, lml_error *error) {
  const applying *a = context;
  char *target = a->target + base;
  const struct lml_given *given = key->option == NULL ? NULL : occurrence(a->arguments, key->option, 0);
  if (given == NULL) return LML_OK;
  void *value = lml_key_value(key, target);
  switch (key->type) {
    case LML_KEY_TEXT:
    case LML_KEY_PATH:
      return lml_set_text(value, given->value, error);
    case LML_KEY_REAL:
      return apply_real(a->arguments, key, given->value, value, error);
    case LML_KEY_REALS:
      return apply_reals(key, given->value, value, (size_t *)(target + key->count_offset), error);
    case LML_KEY_COUNT:
      return apply_count(a->arguments, key, value, error);
    case LML_KEY_LOGICAL:
      *(bool *)value = true;
      return LML_OK;
    case LML_KEY_SWITCH:
      *(int *)value = key->on;
      return LML_OK;
    case LML_KEY_CHOICE:
      *(int *)value = key->first + (int)lml_arguments_choice(a->arguments, key->option, 0);
      return LML_OK;
    case LML_KEY_CONSTANT:
    case LML_KEY_TRUE:
    case LML_KEY_VERSION:
    case LML_KEY_VECTOR:
    case LML_KEY_INTEGERS:
    case LML_KEY_ELEMENTS:
    case LML_KEY_PATHS:
    case LML_KEY_TEXTS:
    case LML_KEY_NUMBERS:
    case LML_KEY_OBJECTS:
    case LML_KEY_OBJECT:
    case LML_KEY_VARIANT:
      return LML_OK; /* no option stands for one of these */
  }
  return LML_OK;
}

lml_status lml_arguments_apply(const lml_arguments *arguments, void *target, lml_error *error) {
  applying a = {.arguments = arguments, .target = target};
  return lml_keys_walk(arguments->command->keys, apply_key, &a, error);
}
