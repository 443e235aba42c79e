/** @file thread_pool.h
 *  Threads that work through a numbered list of tasks and hand in what they have done in the list's order, so that sums
 *  over the tasks do not depend on how many threads there are.
 */
#ifndef LML_BASE_THREAD_POOL_H
#define LML_BASE_THREAD_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

/** Who does a task, and where. */
typedef struct lml_team_place {
  size_t thread; /**< its number: what is needed during the task alone is kept under it */
  size_t seat;   /**< the task's until it is handed in: what is to be handed in is kept under it */
} lml_team_place;

typedef struct lml_team_tasks {
  size_t count;
  /** Do task number @p task, while others are done elsewhere. */
  lml_status (*work)(void *context, lml_team_place place, size_t task, lml_error *error);
  /** Hand in the task that was done at @p seat, once all earlier ones are handed in; NULL: there is nothing to hand in.
   *  One at a time, by any thread. */
  lml_status (*hand_in)(void *context, size_t seat, size_t task, lml_error *error);
  /** Whether the task has nothing to hand in, and nothing waits for it; NULL: none is so. */
  bool (*alone)(void *context, size_t task);
  void *context;
} lml_team_tasks;

/** Seats for so many threads: where there are several, one more, so that a thread need not wait until what it has done
 *  is handed in. */
size_t lml_team_seats(size_t nthreads);

/** Do all tasks with @p nthreads threads, the caller's among them; with fewer where threads can't be had. After a
 *  failure no further task is begun, or handed in behind it; the status and error are those of the first task that
 *  failed. */
lml_status lml_team_run(size_t nthreads, const lml_team_tasks *tasks, lml_error *error);

#endif
