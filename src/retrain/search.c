#include "retrain/search.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

static double root_mean(double square, double count) { return count > 0.0 ? sqrt(square / count) : NAN; }

static lml_problem problem_of(const lml_retrain *retrain, const lml_normal *target, const lml_trial *trial) {
  return (lml_problem){.target = target,
                       .soft = retrain->soft.gram == NULL ? NULL : &retrain->soft,
                       .constraints = &retrain->constraints,
                       .lambda_soft = trial->lambda_soft,
                       .lambda_ridge = trial->lambda_ridge,
                       .ridge = retrain->ridge.factors};
}

/** The sums of all parts but one. Adding up the others loses less than taking one off the whole. */
static void put_train(lml_retrain *retrain, size_t left_out) {
  lml_normal_clear(&retrain->train);
  for (size_t k = 0; k < retrain->options->folds; k++)
    if (k != left_out) lml_normal_add(&retrain->train, &retrain->folds[k], 1.0);
}

/** RMS deviation of the frames that were left out, each part in turn. */
static lml_status try_folds(lml_retrain *retrain, lml_solver *solver, lml_trial *trial, double *delta,
                            lml_error *error) {
  double square = 0.0, count = 0.0;
  lml_status status = LML_OK;
  for (size_t k = 0; k < retrain->options->folds && status == LML_OK; k++) {
    const lml_normal *left_out = &retrain->folds[k];
    lml_solution solution;
    put_train(retrain, k);
    const lml_problem problem = problem_of(retrain, &retrain->train, trial);
    status = lml_solver_solve(solver, &problem, delta, &solution, error);
    if (status != LML_OK) break;
    if (!isfinite(solution.condition)) square = INFINITY;
    square += lml_normal_square(left_out, delta, solver->vectors);
    count += left_out->nrows;
  }
  trial->rms_choice = root_mean(square, count);
  return status;
}

/** Solve with one pair, and measure. */
static lml_status try_pair(lml_retrain *retrain, lml_solver *solver, lml_trial *trial, double *delta,
                           lml_solution *solution, lml_error *error) {
  lml_status status = LML_OK;
  trial->rms_choice = NAN;
  if (retrain->folds != NULL) status = try_folds(retrain, solver, trial, delta, error);
  const lml_problem problem = problem_of(retrain, &retrain->target, trial);
  if (status == LML_OK) status = lml_solver_solve(solver, &problem, delta, solution, error);
  trial->condition = solution->condition;
  if (status != LML_OK || !isfinite(solution->condition)) return status;
  double *scratch = solver->vectors;
  trial->rms_target = root_mean(lml_normal_square(&retrain->target, delta, scratch), retrain->target.nrows);
  if (retrain->soft.gram != NULL)
    trial->rms_soft = root_mean(lml_normal_square(&retrain->soft, delta, scratch), retrain->soft.nrows);
  if (retrain->test.gram != NULL)
    trial->rms_choice = root_mean(lml_normal_square(&retrain->test, delta, scratch), retrain->test.nrows);
  return LML_OK;
}

static bool better(const lml_trial *trial, const lml_trial *best) {
  if (!isfinite(trial->condition) || isnan(trial->rms_choice)) return false;
  return !isfinite(best->condition) || !(best->rms_choice <= trial->rms_choice);
}

static lml_status make_trials(lml_retrain *retrain, lml_error *error) {
  const lml_retrain_options *options = retrain->options;
  static const double no_lambda[] = {0.0}, one[] = {1.0};
  const size_t nsoft = options->nlambda_soft > 0 ? options->nlambda_soft : 1;
  const size_t nridge = options->nlambda_ridge > 0 ? options->nlambda_ridge : 1;
  const double *soft = options->nlambda_soft > 0 ? options->lambda_soft : one;
  const double *ridge = options->nlambda_ridge > 0 ? options->lambda_ridge : no_lambda;
  lml_free(retrain->trials);
  retrain->chosen = 0;
  retrain->ntrials = nsoft * nridge;
  const lml_status status = lml_alloc(&retrain->trials, retrain->ntrials, sizeof *retrain->trials, "the grid", error);
  for (size_t k = 0; k < retrain->ntrials && status == LML_OK; k++)
    retrain->trials[k] = (lml_trial){.lambda_soft = soft[k / nridge],
                                     .lambda_ridge = ridge[k % nridge],
                                     .rms_target = NAN,
                                     .rms_soft = NAN,
                                     .rms_choice = NAN,
                                     .condition = INFINITY};
  return status;
}

lml_status lml_search_run(lml_retrain *retrain, lml_solver *solver, void (*tell)(void *context), void *context,
                          lml_error *error) {
  double *delta;
  lml_status status = make_trials(retrain, error);
  if (status == LML_OK) status = lml_alloc(&delta, retrain->width, sizeof *delta, "a solution", error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < retrain->ntrials && status == LML_OK; k++) {
    lml_solution solution = {0};
    status = try_pair(retrain, solver, &retrain->trials[k], delta, &solution, error);
    if (status == LML_OK && (k == 0 || better(&retrain->trials[k], &retrain->trials[retrain->chosen]))) {
      retrain->chosen = k;
      retrain->solution = solution;
      memcpy(retrain->delta, delta, retrain->width * sizeof *delta);
    }
    if (status == LML_OK && tell != NULL) tell(context);
  }
  lml_free(delta);
  return status;
}
