#include "programs/command_line.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/text.h"

enum { HELP_WIDTH = 79, HELP_COLUMN = 26, HELP_SIZE = 16384, MOST_OPTIONS = 64 };

static const lml_option standard_options[] = {
    {.name = "help", .help = "Print this text and exit."},
    {.name = "version", .help = "Print the version and exit."},
};
enum { NSTANDARD = sizeof standard_options / sizeof standard_options[0] };

/* ---- parsing ---- */

static size_t find_option(const lml_option *options, size_t count, const char *name, size_t length) {
  for (size_t k = 0; k < count; k++)
    if (strlen(options[k].name) == length && strncmp(options[k].name, name, length) == 0) return k;
  return SIZE_MAX;
}

static lml_status fail_unknown(const lml_command *command, const char *word, lml_error *error) {
  if (strncmp(word, "--", 2) != 0)
    return lml_fail(error, LML_ERR_USAGE, "unknown option '%s': options are long ones, such as --help", word);
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
  const char *known[MOST_OPTIONS];
  size_t count = 0;
  for (size_t k = 0; k < NSTANDARD; k++) known[count++] = standard_options[k].name;
  for (size_t k = 0; k < command->noptions && count < MOST_OPTIONS; k++) known[count++] = command->options[k].name;
  const char *nearest = lml_nearest(name, known, count);
  if (nearest != NULL)
    return lml_fail(error, LML_ERR_USAGE, "unknown option '--%s': did you mean --%s?", name, nearest);
  return lml_fail(error, LML_ERR_USAGE, "unknown option '--%s': --help lists the options", name);
}

static lml_status check_choice(const lml_option *option, const char *value, lml_error *error) {
  if (option->choices == NULL) return LML_OK;
  char known[256] = "";
  for (size_t k = 0; option->choices[k] != NULL; k++) {
    if (strcmp(option->choices[k], value) == 0) return LML_OK;
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", k == 0 ? "" : ", ", option->choices[k]);
  }
  return lml_fail(error, LML_ERR_USAGE, "--%s '%s' is not one of: %s", option->name, value, known);
}

static lml_status add_given(lml_arguments *arguments, size_t index, const char *value, lml_error *error) {
  const lml_option *option = &arguments->command->options[index];
  if (option->times == LML_OPTION_ONCE && lml_arguments_count(arguments, option->name) > 0)
    return lml_fail(error, LML_ERR_USAGE, "--%s is given twice: give it once", option->name);
  arguments->given[arguments->ngiven++] = (struct lml_given){.option = index, .value = value};
  return value == NULL ? LML_OK : check_choice(option, value, error);
}

/** Parse the option at argv[*position] and move on to the last word that belongs to it. */
static lml_status parse_option(lml_arguments *arguments, int argc, char *const *argv, int *position, lml_error *error) {
  const lml_command *command = arguments->command;
  const char *word = argv[*position];
  if (strcmp(word, "--help") == 0 || strcmp(word, "--version") == 0) {
    arguments->action = strcmp(word, "--help") == 0 ? LML_ACTION_HELP : LML_ACTION_VERSION;
    return LML_OK;
  }
  const size_t length = strcspn(word, "=");
  const size_t index = length < 3 ? SIZE_MAX : find_option(command->options, command->noptions, word + 2, length - 2);
  if (strncmp(word, "--", 2) != 0 || index == SIZE_MAX) return fail_unknown(command, word, error);

  const lml_option *option = &command->options[index];
  const char *value = word[length] == '=' ? word + length + 1 : NULL;
  if (option->value == NULL) {
    if (value != NULL)
      return lml_fail(error, LML_ERR_USAGE, "--%s takes no value: leave '=%s' out", option->name, value);
    return add_given(arguments, index, NULL, error);
  }
  if (value == NULL && *position + 1 < argc && strncmp(argv[*position + 1], "--", 2) != 0) value = argv[++*position];
  if (value == NULL || *value == '\0')
    return lml_fail(error, LML_ERR_USAGE, "--%s needs a value: --%s %s", option->name, option->name, option->value);
  return add_given(arguments, index, value, error);
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
  bool options_ended = false;
  for (int k = 1; status == LML_OK && k < argc && arguments->action == LML_ACTION_RUN; k++) {
    const char *word = argv[k];
    if (options_ended || word[0] != '-' || word[1] == '\0')
      arguments->positional[arguments->npositional++] = word;
    else if (strcmp(word, "--") == 0)
      options_ended = true;
    else
      status = parse_option(arguments, argc, argv, &k, error);
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
    if (strcmp(arguments->command->options[given->option].name, name) == 0 && index-- == 0) return given;
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
  const char *const *choices = arguments->command->options[given->option].choices;
  for (size_t k = 0; choices[k] != NULL; k++)
    if (strcmp(choices[k], given->value) == 0) return k;
  return otherwise;
}

lml_status lml_arguments_integer(const lml_arguments *arguments, const char *name, long min, long max, long *value,
                                 lml_error *error) {
  const char *text = lml_arguments_text(arguments, name, 0);
  if (text == NULL) return LML_OK;
  int64_t number;
  if (!lml_parse_integer((lml_token){.text = text, .length = strlen(text)}, &number) || number < min || number > max)
    return lml_fail(error, LML_ERR_USAGE, "--%s '%s' is not a whole number from %ld to %ld", name, text, min, max);
  *value = (long)number;
  return LML_OK;
}

lml_status lml_arguments_real(const lml_arguments *arguments, const char *name, double *value, lml_error *error) {
  const char *text = lml_arguments_text(arguments, name, 0);
  if (text == NULL) return LML_OK;
  if (lml_parse_real((lml_token){.text = text, .length = strlen(text)}, value)) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "--%s '%s' is not a finite number", name, text);
}

/* ---- help ---- */

/** Text that grows like snprintf's: counts what does not fit. */
typedef struct printer {
  char *text;
  size_t size, length, column;
} printer;

static void put_char(printer *p, char c) {
  if (p->length + 1 < p->size) p->text[p->length] = c;
  p->length++;
  p->column = c == '\n' ? 0 : p->column + 1;
}

static void put(printer *p, const char *text) {
  while (*text != '\0') put_char(p, *text++);
}

static void put_spaces_to(printer *p, size_t column) {
  while (p->column < column) put_char(p, ' ');
}

/** Words of @p text, with line breaks before HELP_WIDTH and every line from @p indent on. */
static void put_wrapped(printer *p, const char *text, size_t indent) {
  put_spaces_to(p, indent);
  while (*text != '\0') {
    const size_t word = strcspn(text, " ");
    if (p->column > indent && p->column + 1 + word > HELP_WIDTH) {
      put_char(p, '\n');
      put_spaces_to(p, indent);
    } else if (p->column > indent) {
      put_char(p, ' ');
    }
    for (size_t k = 0; k < word; k++) put_char(p, text[k]);
    text += word + strspn(text + word, " ");
  }
  put_char(p, '\n');
}

static void put_usage(printer *p, const lml_command *command) {
  const char *lead = "Usage: ";
  for (const char *line = command->usage; *line != '\0'; lead = "       ") {
    put(p, lead);
    put(p, command->program);
    put_char(p, ' ');
    while (*line != '\0' && *line != '\n') put_char(p, *line++);
    put_char(p, '\n');
    if (*line == '\n') line++;
  }
}

static void put_option(printer *p, const lml_option *option) {
  put(p, "  --");
  put(p, option->name);
  for (size_t k = 0; option->choices != NULL && option->choices[k] != NULL; k++) {
    put_char(p, k == 0 ? ' ' : '|');
    put(p, option->choices[k]);
  }
  if (option->choices == NULL && option->value != NULL) {
    put_char(p, ' ');
    put(p, option->value);
  }
  if (p->column + 2 > HELP_COLUMN) put_char(p, '\n');
  put_wrapped(p, option->help, HELP_COLUMN);
}

size_t lml_command_help(const lml_command *command, char *text, size_t size) {
  printer p = {.text = text, .size = size};
  put_usage(&p, command);
  put_char(&p, '\n');
  put_wrapped(&p, command->summary, 0);
  put(&p, "\nOptions:\n");
  for (size_t k = 0; k < command->noptions; k++) put_option(&p, &command->options[k]);
  for (size_t k = 0; k < NSTANDARD; k++) put_option(&p, &standard_options[k]);
  if (command->notes != NULL) {
    put_char(&p, '\n');
    put(&p, command->notes);
  }
  if (size > 0) text[p.length < size ? p.length : size - 1] = '\0';
  return p.length;
}

/* ---- the frame of main ---- */

static int print_and_exit_code(const char *text) {
  const int failed = fputs(text, stdout) == EOF || fflush(stdout) == EOF;
  return failed ? 1 : 0;
}

bool lml_command_begin(const lml_command *command, int argc, char *const *argv, lml_arguments *arguments,
                       int *exit_code) {
  lml_error error = {0};
  const lml_status status = lml_arguments_parse(command, argc, argv, arguments, &error);
  if (status == LML_OK && arguments->action == LML_ACTION_RUN) return true;
  char text[HELP_SIZE];
  if (status != LML_OK) {
    *exit_code = lml_command_end(command, status, &error);
  } else if (arguments->action == LML_ACTION_HELP) {
    lml_command_help(command, text, sizeof text);
    *exit_code = print_and_exit_code(text);
  } else {
    snprintf(text, sizeof text, "%s %s\n", command->program, lml_version());
    *exit_code = print_and_exit_code(text);
  }
  lml_arguments_free(arguments);
  return false;
}

int lml_command_end(const lml_command *command, lml_status status, const lml_error *error) {
  if (status == LML_OK) return 0;
  fprintf(stderr, "%s: %s\n", command->program, error->message);
  return status == LML_ERR_USAGE ? 2 : 1;
}
