/** @file trial.h
 *  Trying one pair of λs: the solution from all sums, its errors and changes, and the error on target frames that are
 *  left out, fold by fold.
 */
#ifndef LML_RETRAIN_CHOOSE_TRIAL_H
#define LML_RETRAIN_CHOOSE_TRIAL_H

#include "retrain/state.h"

/** Room for trials. Initialise with lml_trial_room_make, release with lml_trial_room_free. */
typedef struct lml_trial_room {
  const lml_retrain *retrain;
  struct lml_trial_worker *workers; /**< one for each thread */
  size_t nworkers;
  double *squares; /**< of each fold's deviations */
  double *delta;   /**< of the trial that was made last, where it has a solution */
  double *scale;   /**< of its columns, see cholesky.h */
} lml_trial_room;

/** For the sums of @p retrain, with up to @p nthreads threads that share the folds. */
lml_status lml_trial_room_make(lml_trial_room *room, const lml_retrain *retrain, size_t nthreads, lml_error *error);
void lml_trial_room_free(lml_trial_room *room);

/** Solve with the λs of @p trial, and fill all else of it and @p solution. */
lml_status lml_trial_make(lml_trial_room *room, lml_trial *trial, lml_solution *solution, lml_error *error);

/** The problem of @p target with the λs of @p trial. */
lml_problem lml_trial_problem(const lml_retrain *retrain, const lml_trial *trial, const lml_normal *target);

/** The sums of all folds but number @p left_out into @p train. Adding up the others loses less than taking one off the
 *  whole. */
void lml_trial_leave_out(const lml_retrain *retrain, lml_normal *train, size_t left_out);

#endif
