/** @file run.h
 *  One retraining under way: what its steps share. Private to this folder.
 */
#ifndef LML_RETRAIN_RUN_H
#define LML_RETRAIN_RUN_H

#include "retrain/retrain.h"
#include "retrain/rows/workers.h"
#include "retrain/sums/compression.h"

typedef struct lml_run {
  lml_retrain *retrain;
  lml_retrain_options *options;
  lml_comm *comm;
  const lml_retrain_listener *listener;
  lml_workers workers;
  double **baseline; /**< of each set: what the starting potential gives for its rows; NULL where that is not kept */
  lml_compression compression;
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

/** Say what of a set's file is left out: a torn last frame, or frames that can't be used. */
void lml_run_report_skipped(const lml_run *run, const lml_dataset *set);

/** Warn of what in a set's file may not be what it seems: a mask, names of missing values. */
void lml_run_report_doubts(const lml_run *run, const lml_dataset *set);
/** Find out by what λs are chosen: kinds of test sets, groups and folds of target frames, what watches the rest. */
lml_status lml_run_plan_choice(lml_run *run, lml_error *error);

/** Make room for the constraints' rows and the sums. Collective, as all functions below. */
lml_status lml_run_make_room(lml_run *run, lml_error *error);

/** Fill them from the cache, if there is one of these inputs; the two functions below then make none themselves. */
lml_status lml_run_restore(lml_run *run, lml_error *error);

/** Find the constraints and what they leave free. */
lml_status lml_run_constrain(lml_run *run, lml_error *error);

/** Forget what the starting potential gives: of hard constraints zero, to which the ranks add theirs, else NaN. */
void lml_run_forget_baseline(lml_run *run);

/** Make the sums of targets, soft constraints and test sets. */
lml_status lml_run_make_sums(lml_run *run, lml_error *error);

/** Put into the cache what it did not have; that it can't be written is told, and no error. */
lml_status lml_run_remember(lml_run *run, lml_error *error);

/** Add to the targets' sums the frames of set number @p index from @p first on. */
lml_status lml_run_add_frames(lml_run *run, size_t index, size_t first, lml_error *error);

/** Make the solver, on rank 0, where that was not done yet. */
lml_status lml_run_make_solver(lml_run *run, lml_error *error);

/** Find the rank of the targets' sums, unless it is known; @p context is the run. A job for workers, not
 *  collective: it takes long, and nothing that is behind the solution depends on it. */
lml_status lml_run_find_rank(void *context, lml_pool_place place, size_t position, lml_error *error);

/** Find δ from the sums, or where they won't do, from the rows. */
lml_status lml_run_solve(lml_run *run, lml_error *error);

/** Make the new potential, measure it, write it, and the report. May be called again after further frames. */
lml_status lml_run_finish(lml_run *run, lml_error *error);

/** Wait for frames that are appended to the set that is followed, and solve and write anew as they come, until the
 *  listener says stop. */
lml_status lml_run_follow(lml_run *run, lml_error *error);

#endif
