/** @file thread_pool.h
 *  Threads that work through a numbered list of tasks. What the tasks have made is reduced in the list's order, so that
 *  sums over the tasks do not depend on how many threads there are.
 */
#ifndef LML_BASE_THREAD_POOL_H
#define LML_BASE_THREAD_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

/** Who does a task, and where. */
typedef struct lml_pool_place {
  size_t thread; /**< its number: what is needed during the task alone is kept under it */
  size_t slot;   /**< the task's until it is reduced: what is to be reduced is kept under it */
} lml_pool_place;

typedef struct lml_pool_tasks {
  size_t count;
  /** Do task number @p task, while others are done elsewhere. */
  lml_status (*work)(void *context, lml_pool_place place, size_t task, lml_error *error);
  /** Reduce what the task has left in @p slot, once all earlier ones are reduced; NULL: there is nothing to reduce. One
   *  at a time, by any thread. */
  lml_status (*reduce)(void *context, size_t slot, size_t task, lml_error *error);
  /** Whether the task leaves nothing to reduce, and nothing waits for it; NULL: none is so. */
  bool (*independent)(void *context, size_t task);
  void *context;
} lml_pool_tasks;

/** Slots for so many threads: where there are several, one more, so that a thread need not wait until what it has done
 *  is reduced. */
size_t lml_pool_slots(size_t nthreads);

/** Do all tasks with @p nthreads threads, the caller's among them; with fewer where threads can't be had. After a
 *  failure no further task is begun, nor a later one reduced; the status and error are those of the first task that
 *  failed. */
lml_status lml_pool_run(size_t nthreads, const lml_pool_tasks *tasks, lml_error *error);

#endif
