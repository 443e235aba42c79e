/** @file choose.h
 *  How λs are chosen: by what, which frames are left out together, and what watches the rest.
 */
#ifndef LML_RETRAIN_CHOOSE_CHOOSE_H
#define LML_RETRAIN_CHOOSE_CHOOSE_H

#include "retrain/run.h"

/** Find out by what λs are chosen: kinds of test sets, groups and folds of target frames, what watches the rest. */
lml_status lml_run_plan_choice(lml_run *run, lml_error *error);

#endif
