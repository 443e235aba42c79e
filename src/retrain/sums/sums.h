/** @file sums.h
 *  The constraints' rows and the sums over all others. All functions are collective but lml_run_forget_baseline.
 */
#ifndef LML_RETRAIN_SUMS_SUMS_H
#define LML_RETRAIN_SUMS_SUMS_H

#include "retrain/run.h"

/** Make room for the constraints' rows and the sums. Collective, as all functions below. */
lml_status lml_run_make_room(lml_run *run, lml_error *error);

/** Find the constraints and what they leave free. */
lml_status lml_run_constrain(lml_run *run, lml_error *error);

/** Forget what the starting potential gives: of hard constraints zero, to which the ranks add theirs, else NaN. */
void lml_run_forget_baseline(lml_run *run);

/** Make the sums of targets, soft constraints and test sets. */
lml_status lml_run_make_sums(lml_run *run, lml_error *error);

/** Make the sums of targets anew, by the folds that their frames are in now. */
lml_status lml_run_sum_folds(lml_run *run, lml_error *error);

/** Add to the targets' sums the frames of set number @p index from @p first on. */
lml_status lml_run_add_frames(lml_run *run, size_t index, size_t first, lml_error *error);

#endif
