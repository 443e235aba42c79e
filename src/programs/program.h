/** @file program.h
 *  The frame of the programs' main functions: ranks, command line, --help, --version and --print-schema, the line that
 *  says what went wrong, and the exit code.
 */
#ifndef LML_PROGRAMS_PROGRAM_H
#define LML_PROGRAMS_PROGRAM_H

#include <signal.h>

#include "base/comm.h"
#include "programs/command_line.h"

/** How many processes work together. */
typedef enum lml_program_ranks {
  LML_PROGRAM_RANKS, /**< all that a launcher starts; rank 0 prints, and the exit code is the same on each */
  LML_PROGRAM_ALONE  /**< one; as one of several it fails */
} lml_program_ranks;

typedef struct lml_program {
  const lml_command *command;
  lml_program_ranks ranks;
  /** What it does. Every rank calls it with the same arguments; @p comm is NULL for a program that is alone. */
  lml_status (*run)(const lml_arguments *arguments, lml_comm *comm, lml_error *error);
  const volatile sig_atomic_t *stop; /**< the signal that asked to stop, 0: none; NULL: signals are no reason to stop */
} lml_program;

/** Parse and run. The exit code: 0, 1 after an error, 2 for wrong usage, 128 + N where signal N interrupted it. */
int lml_program_main(const lml_program *program, int argc, char *const *argv);

#endif
