/** @file run.h
 *  One retraining under way: what its steps share. Private to this folder.
 */
#ifndef LML_RETRAIN_RUN_H
#define LML_RETRAIN_RUN_H

#include "retrain/accumulate/accumulator.h"
#include "retrain/rows/workers.h"
#include "retrain/state.h"

typedef struct lml_run {
  lml_retrain *retrain;
  lml_retrain_options *options;
  lml_comm *comm;
  const lml_retrain_listener *listener;
  lml_workers workers;
  double **baseline; /**< of each set: what the starting potential gives for its rows; NULL where that is not kept */
  lml_accumulation accumulation; /**< how rows are summed */
  lml_solver solver;
  lml_stage stage;
  size_t done, total;
  double began;       /**< s */
  bool without_tests; /**< sums of test sets are not needed, and the cache has none */
  bool restored;      /**< the constraints' rows and the sums came from the cache */
  bool ranked;        /**< the rank of the targets' sums is known */
} lml_run;

/** Whether this is rank 0, which solves, writes and talks. */
bool lml_run_is_root(const lml_run *run);

/** A stage of @p total frames or pairs of parameters begins; its time counts until it ends. */
void lml_run_begin_stage(lml_run *run, lml_stage stage, size_t total);
void lml_run_end_stage(lml_run *run);

/** One frame or pair of parameters is done; @p context is the run. */
void lml_run_report_one(void *context);

/** No more than those that were done are needed. */
void lml_run_report_last(lml_run *run);

/** Frames that are used of all sets for @p role. */
size_t lml_run_frames(const lml_run *run, lml_role role);

/** Say what of a set's file is left out: a truncated last frame, or frames that can't be used. */
void lml_run_report_skipped(const lml_run *run, const lml_dataset *set);

/** Warn of what in a set's file may not be what it seems: a mask, names of missing values. */
void lml_run_report_doubts(const lml_run *run, const lml_dataset *set);

/** Make the solver, on rank 0, where that was not done yet. */
lml_status lml_run_make_solver(lml_run *run, lml_error *error);

#endif
