/** @file left_out.h
 *  Errors of quantum rows that were left out, and what a factor from the others says of them.
 */
#ifndef LML_RETRAIN_UNCERTAINTY_LEFT_OUT_H
#define LML_RETRAIN_UNCERTAINTY_LEFT_OUT_H

#include "retrain/run.h"
#include "retrain/uncertainty/factor.h"

/** Leave out each fold of target frames in turn, solve, and compare the errors e of its held rows with their σ from the
 *  @p rank columns that the other folds' rows give; both are of the rows without their own weights. Fills @p
 *  calibration. Rank 0 alone. */
lml_status lml_left_out_calibrate(const lml_run *run, const lml_held_rows *held, lml_uncertainty_kind kind, size_t rank,
                                  lml_calibration *calibration, lml_error *error);

#endif
