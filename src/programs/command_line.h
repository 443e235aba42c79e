/** @file command_line.h
 *  Command lines of lmlink's programs: one table describes the options, and from it come the parser, the error
 *  messages and the --help text.
 *
 *  Options are long ones alone, `--name VALUE` or `--name=VALUE`; they may stand before, between or after the
 *  positional arguments, and `--` ends them. `--help` and `--version` are in every program without being in its table.
 */
#ifndef LML_PROGRAMS_COMMAND_LINE_H
#define LML_PROGRAMS_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"
#include "programs/keys.h"

/** One option. Unset members are zero: `{.name = "check", .help = "…"}` is a flag that may be given once. */
typedef struct lml_option {
  const char *name;                                /**< without the dashes */
  const char *value;                               /**< what the value is called in --help ("FILE"); NULL: no value */
  const char *help;                                /**< a sentence or two; wrapped when printed */
  const char *const *choices;                      /**< NULL-terminated list of the allowed values; NULL: any */
  enum { LML_OPTION_ONCE, LML_OPTION_MANY } times; /**< how often it may be given */
  const lml_key *key; /**< the configuration's that it is an option of, which has its help; NULL: none */
  size_t base;        /**< where that key's structure is in the configuration */
} lml_option;

/** A program. */
typedef struct lml_command {
  const char *program;       /**< "lmlink-eval" */
  const char *usage;         /**< what follows the program's name in the usage line; further usages after '\n' */
  const char *summary;       /**< what the program does; wrapped when printed */
  const char *notes;         /**< printed after the options, as it is; may be NULL */
  const lml_key_root *keys;  /**< of its configuration, some of which are options too; NULL: it has none */
  const lml_option *options; /**< further ones */
  size_t noptions;
  size_t positional_min; /**< number of positional arguments */
  size_t positional_max;
  const char
      *positional; /**< what a positional argument is called in messages, "structure file"; NULL where max is 0 */
} lml_command;

/** What there is to do; the first option that asks for something to be printed wins. */
typedef enum lml_action {
  LML_ACTION_RUN = 0,
  LML_ACTION_HELP,
  LML_ACTION_VERSION,
  LML_ACTION_SCHEMA,
  LML_ACTION_MAN,
  LML_ACTION_BASH,
  LML_ACTION_ZSH
} lml_action;

/** All options of a program: those of its configuration's keys, its own, and the standard ones. */
enum { LML_MOST_OPTIONS = 96 };
typedef struct lml_option_list {
  lml_option options[LML_MOST_OPTIONS];
  size_t count;
} lml_option_list;

void lml_command_options(const lml_command *command, lml_option_list *list);

/** A parsed command line; the strings are those of argv. */
typedef struct lml_arguments {
  const lml_command *command;
  struct lml_given {
    lml_option option;
    const char *value;
  } * given; /**< the options in the order they were given */
  size_t ngiven;
  const char **positional;
  size_t npositional;
  lml_action action;
} lml_arguments;

/** Parse. Wrong usage is LML_ERR_USAGE with a message that names the argument and, for an unknown option, the
 *  nearest known one. Release with lml_arguments_free, also after a failure. */
lml_status lml_arguments_parse(const lml_command *command, int argc, char *const *argv, lml_arguments *arguments,
                               lml_error *error);
void lml_arguments_free(lml_arguments *arguments);

/** How often option @p name was given. It must be one of the table, here and below. */
size_t lml_arguments_count(const lml_arguments *arguments, const char *name);

/** The value of the @p index-th occurrence (from 0), NULL where there are fewer. */
const char *lml_arguments_text(const lml_arguments *arguments, const char *name, size_t index);

/** Which of the option's choices was given (index in the table), @p otherwise where it was not. */
size_t lml_arguments_choice(const lml_arguments *arguments, const char *name, size_t otherwise);

/** The value as a whole number from @p min to @p max, or as a finite number; *@p value is left alone where the option
 *  was not given. LML_ERR_USAGE names option and value. */
lml_status lml_arguments_integer(const lml_arguments *arguments, const char *name, long min, long max, long *value,
                                 lml_error *error);
lml_status lml_arguments_real(const lml_arguments *arguments, const char *name, double *value, lml_error *error);

/** Put what the options say that are keys of the configuration into @p target, the configuration's structure. */
lml_status lml_arguments_apply(const lml_arguments *arguments, void *target, lml_error *error);

#endif
