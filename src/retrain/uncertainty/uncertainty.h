/** @file uncertainty.h
 *  The uncertainty of a retraining's result: the steps of a run that find it.
 */
#ifndef LML_RETRAIN_UNCERTAINTY_UNCERTAINTY_H
#define LML_RETRAIN_UNCERTAINTY_UNCERTAINTY_H

#include "retrain/run.h"

/** Find what is wanted of the uncertainty of the result, and how well it says the errors of targets and tests. After
 *  the solution; collective. */
lml_status lml_run_find_uncertainty(lml_run *run, lml_error *error);

/** Without targets: the distance alone, of the starting potential as it is, from the structures that are named, and its
 *  file beside the output. Workers are there; collective. */
lml_status lml_run_describe_start(lml_run *run, lml_error *error);

#endif
