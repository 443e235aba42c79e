/** @file thread_pool.h
 *  Threads that work through a numbered list of tasks. What the tasks have made is reduced in the list's order, so that
 *  sums over the tasks do not depend on how many threads there are.
 *
 *  The threads of a pool are started when there is first work for them, and sleep between one list and the next. They
 *  get no signals, which are the caller's. A forked child has none of them, and may do nothing with the pool.
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

typedef struct lml_pool lml_pool;

/** A pool of @p nthreads threads, at least 1, the caller's among them; of fewer where threads can't be had. */
lml_status lml_pool_create(size_t nthreads, lml_pool **pool, lml_error *error);
void lml_pool_destroy(lml_pool *pool); /**< ends the threads; NULL is fine */

/** Let @p nthreads threads at most, at least 1, work through the lists that are begun from now on; as many as there are
 *  in any case. Where no tasks are under way. */
void lml_pool_limit(lml_pool *pool, size_t nthreads);

/** Begin with @p tasks, whose context must live until they are ended, where no others are under way. */
void lml_pool_begin(lml_pool *pool, const lml_pool_tasks *tasks);

/** Do one task in the caller's thread; false when none is left to be begun. */
bool lml_pool_step(lml_pool *pool);

/** Do all tasks that are left, and wait for the other threads. After a failure no further task is begun, nor a later
 *  one reduced; the status and error are those of the first task that failed. */
lml_status lml_pool_end(lml_pool *pool, lml_error *error);

/** Begin no further task, and wait for those that were begun, which are reduced. */
void lml_pool_give_up(lml_pool *pool);

/** Do all tasks with a pool of @p nthreads threads, or fewer where there are fewer tasks. */
lml_status lml_pool_run(size_t nthreads, const lml_pool_tasks *tasks, lml_error *error);

/** A loop over @p count things that do not depend on one another, in runs of @p length of them: @p work does the things
 *  from @p begin up to @p end, of run number begin / length. */
typedef struct lml_pool_loop {
  size_t count, length;
  lml_status (*work)(void *context, size_t begin, size_t end, lml_error *error);
  void *context;
} lml_pool_loop;

/** Runs of a loop over @p count things. */
size_t lml_pool_loop_runs(size_t count, size_t length);

/** Do all of a loop where no tasks are under way; the status and error are those of the first run that failed. @p pool
 *  NULL: in the caller's thread, as where there is one run alone. */
lml_status lml_pool_do_loop(lml_pool *pool, const lml_pool_loop *loop, lml_error *error);

#endif
