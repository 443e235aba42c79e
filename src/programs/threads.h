/** @file threads.h
 *  How many threads the linear calculators of a program have.
 *
 *  As many as the configuration says; otherwise as many as there are cores (base/cores.h), divided by 1 + the number of
 *  engines that the program has beside it on this machine, and by the number of lmlink programs of this user that are
 * at work there while an evaluation begins (base/roster.h), at least one. Under MPI what else is at work is not
 * counted.
 */
#ifndef LML_PROGRAMS_THREADS_H
#define LML_PROGRAMS_THREADS_H

#include "base/comm.h"
#include "base/log.h"
#include "base/roster.h"
#include "lmlink/calculator.h"

/** Initialise with `lml_threads t = {0};`, release with lml_threads_free. */
typedef struct lml_threads {
  size_t count;       /**< of a calculator whose number is not told; 0: not found out yet */
  size_t engines;     /**< on this machine */
  const char *by;     /**< in words, what says so */
  lml_roster *roster; /**< NULL: nothing else is counted */
} lml_threads;

/** Find out @p threads for a program with @p engines engines; all ranks of @p comm call it. What could not be found out
 * is a warning. */
lml_status lml_threads_find(lml_threads *threads, size_t engines, lml_comm *comm, const lml_log *log, lml_error *error);

/** Let the linear @p calculator have @p told threads; 0: those that were found, shared with who else is at work. */
lml_status lml_threads_give(const lml_threads *threads, size_t told, lml_calculator *calculator, lml_error *error);

/** Write into @p text how many threads a calculator with @p told has, and why: "2 threads (the cores that may be
 * used)". */
void lml_threads_describe(const lml_threads *threads, size_t told, char *text, size_t size);

void lml_threads_free(lml_threads *threads);

#endif
