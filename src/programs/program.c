#include "programs/program.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "programs/command_text.h"
#include "programs/key_schema.h"
#include "programs/signals.h"

enum { TEXT_SIZE = 65536 };

static lml_status print(const char *text, lml_error *error) {
  const bool failed = fputs(text, stdout) == EOF || fflush(stdout) == EOF;
  return failed ? lml_fail(error, LML_ERR_IO, "cannot write to the standard output") : LML_OK;
}

/** A text of a program that is as long as it is. */
static lml_status print_text(const lml_command *command, size_t (*make)(const lml_command *, char *, size_t),
                             lml_error *error) {
  char text[TEXT_SIZE];
  const size_t length = make(command, text, sizeof text);
  if (length >= sizeof text)
    return lml_fail(error, LML_ERR_USAGE, "the text has %zu bytes, and room is for %zu", length, sizeof text);
  return print(text, error);
}

static size_t make_version(const lml_command *command, char *text, size_t size) {
  return lml_print_cut(text, size, "%s %s\n", command->program, lml_version());
}

static lml_status print_schema(const lml_command *command, lml_error *error) {
  char *schema = NULL;
  lml_status status = lml_key_schema(command->keys, &schema, error);
  if (status == LML_OK) status = print(schema, error);
  lml_free(schema);
  return status;
}

/** Help, version and the like, which are all there is to do then. */
static lml_status inform(const lml_arguments *arguments, lml_error *error) {
  const lml_command *command = arguments->command;
  switch (arguments->action) {
    case LML_ACTION_SCHEMA:
      return print_schema(command, error);
    case LML_ACTION_MAN:
      return print_text(command, lml_command_man, error);
    case LML_ACTION_BASH:
      return print_text(command, lml_command_bash, error);
    case LML_ACTION_ZSH:
      return print_text(command, lml_command_zsh, error);
    case LML_ACTION_VERSION:
      return print_text(command, make_version, error);
    case LML_ACTION_HELP:
    case LML_ACTION_RUN:
      break;
  }
  return print_text(command, lml_command_help, error);
}

static int exit_code(const lml_program *program, lml_status status) {
  if (status == LML_ERR_INTERRUPTED && program->stop != NULL && *program->stop != 0) return 128 + *program->stop;
  return status == LML_OK ? 0 : status == LML_ERR_USAGE ? 2 : 1;
}

static int run(const lml_program *program, int argc, char *const *argv, lml_comm *comm) {
  const bool talks = comm == NULL || lml_comm_rank(comm) == 0;
  lml_arguments arguments;
  lml_error error = {0};
  lml_status status = lml_arguments_parse(program->command, argc, argv, &arguments, &error);
  if (status == LML_OK && arguments.action != LML_ACTION_RUN) {
    if (talks) status = inform(&arguments, &error);
  } else {
    if (status == LML_OK && program->ranks == LML_PROGRAM_ALONE) status = lml_comm_check_single(&error);
    if (status == LML_OK) status = program->run(&arguments, comm, &error);
  }
  lml_arguments_free(&arguments);
  if (talks && status != LML_OK) fprintf(stderr, "%s: %s\n", program->command->program, error.message);
  return exit_code(program, status);
}

int lml_program_main(const lml_program *program, int argc, char *const *argv) {
  lml_comm *comm = NULL;
  lml_error error = {0};
  lml_signals_outlive_notices();
  if (program->ranks == LML_PROGRAM_RANKS && lml_comm_world(&comm, &error) != LML_OK) {
    fprintf(stderr, "%s: %s\n", program->command->program, error.message);
    return exit_code(program, error.status);
  }
  const int code = run(program, argc, argv, comm);
  if (comm != NULL) lml_comm_finalise(comm);
  return code;
}
