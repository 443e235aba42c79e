/** @file process.h
 *  A command that runs beside lmlink, and everything that it starts.
 */
#ifndef LML_ENGINE_PROCESS_H
#define LML_ENGINE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

typedef struct lml_process_settings {
  const char *command; /**< for the shell, /bin/sh */
  const char *folder;  /**< working folder; made where it is missing */
  const char *output;  /**< file in that folder, or absolute: standard output and error are appended to it */
  const char *mark;    /**< see marked.h; kept */
} lml_process_settings;

typedef struct lml_process lml_process;

/** Start the command, in a process group of its own and with lmlink's environment, but for the variables by which an
 *  MPI launcher tells a process that it is one of its ranks: an `mpirun` in the command then works inside an MPI job.
 *  The mark is added, by which everything that the command starts can be found again. */
lml_status lml_process_start(const lml_process_settings *settings, lml_process **process, lml_error *error);

/** Whether the command runs. Where it has ended, @p how (at most @p size bytes) says so: "ended with exit code 3". */
bool lml_process_runs(lml_process *process, char *how, size_t size);

/** Whether the command ended by itself with exit code 0. */
bool lml_process_succeeded(const lml_process *process);

/** Whether anything with the mark runs still, also where the command itself has ended. */
bool lml_process_is_left(lml_process *process);

long lml_process_number(const lml_process *process);

const char *lml_process_mark(const lml_process *process);

/** Wait at most @p alone s for the command to end by itself, then ask it and everything that has the mark to end
 * (SIGTERM: an MPI launcher passes that on to other machines), and after another @p asked s kill what is left. The
 * process is freed; NULL is fine. */
void lml_process_stop(lml_process *process, double alone, double asked);

#endif
