/** @file choose.h
 *  How λs are chosen: by what, which frames are left out together, and what watches the rest.
 */
#ifndef LML_RETRAIN_CHOOSE_CHOOSE_H
#define LML_RETRAIN_CHOOSE_CHOOSE_H

#include "retrain/run.h"

/** Find out by what λs are chosen: kinds of test sets, groups and folds of target frames, what watches the rest. */
lml_status lml_run_plan_choice(lml_run *run, lml_error *error);

/** With a set that is followed and an uncertainty: put the target frames that are there so far into groups, and these
 *  into folds anew. There may be one group, or none. Sums by folds must be forgotten before. */
lml_status lml_run_group_frames(lml_run *run, lml_error *error);

#endif
