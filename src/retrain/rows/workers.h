/** @file workers.h
 *  Several threads, and several ranks, that share the frames of a set.
 *
 *  Frames are dealt out in *units* of consecutive ones, which depend on the set alone. What is made of a unit is
 *  reduced in the order of the units, so that a sum does not depend on the number of threads.
 */
#ifndef LML_RETRAIN_ROWS_WORKERS_H
#define LML_RETRAIN_ROWS_WORKERS_H

#include "base/comm.h"
#include "base/thread_pool.h"
#include "retrain/rows/design.h"

typedef struct lml_workers {
  size_t nthreads;     /**< of this rank; see thread_pool.h for their slots */
  lml_design *designs; /**< one for each */
  lml_comm *comm;
  void (*progress)(void *context); /**< a frame is done, here or on another rank; NULL: not reported */
  void *context;
} lml_workers;

/** Let all designs make rows for descriptors that are counted from @p shift; NULL: from zero. */
void lml_workers_set_shift(const lml_workers *workers, const lml_shift *shift);

/** What is done with each frame of a set, or one thing alone. */
typedef struct lml_frame_job {
  const lml_dataset *set; /**< NULL: one thing, which every rank does for itself and nothing waits for */
  size_t first;           /**< position of the first frame */
  size_t most;            /**< frames in a unit, at most; 0: no matter */
  /** One frame, by one thread; the frames of a unit come one after the other. */
  lml_status (*work)(void *context, lml_pool_place place, size_t position, lml_error *error);
  /** A unit's last frame is done, in @p slot, while others may be at other units. May be NULL. */
  void (*finish)(void *context, size_t slot);
  /** Reduce what a unit, which begins with the frame at @p position, has left in @p slot: unit after unit. May be
   *  NULL. */
  lml_status (*reduce)(void *context, size_t slot, size_t position, lml_error *error);
  void *context;
} lml_frame_job;

/** Do this rank's share of the units of @p njobs jobs, those of one after those of the other and without waiting in
 *  between: every rank calls it, and learns of its own failures alone. BLAS uses one thread where there are several. */
lml_status lml_workers_run(const lml_workers *workers, const lml_frame_job *jobs, size_t njobs, lml_error *error);

/** What is done with the rows of a set. */
typedef struct lml_row_job {
  const lml_dataset *set;
  size_t first, most;                         /**< as above */
  lml_row_sink sink;                          /**< gets blocks from all threads, several at once */
  void (*finish)(void *context, size_t slot); /**< these two with the sink's context */
  lml_status (*reduce)(void *context, size_t slot, size_t position, lml_error *error);
  double *baseline; /**< the set's rows: gets what the starting potential gives, fixed terms included; NULL: not kept */
} lml_row_job;

/** Make the rows of this rank's share, set by set, and do @p beside meanwhile, unless that is NULL. */
lml_status lml_workers_make_rows(const lml_workers *workers, const lml_row_job *jobs, size_t njobs,
                                 const lml_frame_job *beside, lml_error *error);

#endif
