/** @file team.h
 *  Threads that work through a numbered list of tasks and hand in what they have done in the list's order, so that sums
 *  over the tasks do not depend on how many threads there are.
 */
#ifndef LML_BASE_TEAM_H
#define LML_BASE_TEAM_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

typedef struct lml_team_tasks {
  size_t count;
  /** Do task number @p task. Other tasks are done meanwhile, by workers of other numbers; what a worker needs for
   *  itself is kept under its number. */
  lml_status (*work)(void *context, size_t worker, size_t task, lml_error *error);
  /** Hand in the task, by the worker that did it, once all earlier ones are handed in; NULL: there is nothing to. One
   *  at a time, also where there is no `work` to be waited for. */
  lml_status (*hand_in)(void *context, size_t worker, size_t task, lml_error *error);
  /** Whether the task has nothing to hand in, and nothing waits for it; NULL: none is so. */
  bool (*alone)(void *context, size_t task);
  void *context;
} lml_team_tasks;

/** Do all tasks with @p nworkers threads, the caller's among them; with fewer where threads can't be had. After a
 *  failure no further task is begun or handed in; the status and error are those of the first task that failed. */
lml_status lml_team_run(size_t nworkers, const lml_team_tasks *tasks, lml_error *error);

#endif
