/** @file calibrate.h
 *  The scale of a factor, from errors of rows that were left out.
 */
#ifndef LML_RETRAIN_UNCERTAINTY_CALIBRATE_H
#define LML_RETRAIN_UNCERTAINTY_CALIBRATE_H

#include "potential/uncertainty.h"

/** The scale from @p count errors of rows that were left out and their σ before scaling. LML_ERR_INPUT where all σ are
 *  zero. */
lml_status lml_calibrate(const double *errors, const double *sigmas, size_t count, lml_calibration *calibration,
                         lml_error *error);

#endif
