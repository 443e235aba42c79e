#include "retrain/choose/trial.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "retrain/choose/trade_off.h"

/** Errors on folds need no more than this of δ. */
static const double fold_correction = 1e-9;

static const char what[] = "solutions for several lambdas";

/** What one thread solves with. */
typedef struct lml_trial_worker {
  lml_solver solver;
  lml_normal train; /**< the sums of all folds but one */
  double *delta;
} worker;

static lml_status make_worker(worker *w, const lml_retrain *retrain, lml_error *error) {
  lml_status status = lml_solver_make(&w->solver, retrain->width, retrain->constraints.rank, error);
  if (status == LML_OK && retrain->folds != NULL) status = lml_normal_make(&w->train, retrain->width, error);
  if (status == LML_OK && retrain->folds != NULL)
    status = lml_normal_allow_offsets(&w->train, retrain->target.offsets.count, error);
  return status == LML_OK ? lml_alloc(&w->delta, retrain->width, sizeof(double), what, error) : status;
}

lml_status lml_trial_room_make(lml_trial_room *room, const lml_retrain *retrain, size_t nthreads, lml_error *error) {
  const bool shared = retrain->folds != NULL && openblas_get_num_threads() == 1;
  *room = (lml_trial_room){.retrain = retrain};
  lml_status status = lml_alloc(&room->workers, shared ? nthreads : 1, sizeof *room->workers, what, error);
  if (status != LML_OK) return status;
  room->nworkers = shared ? nthreads : 1;
  for (size_t k = 0; k < room->nworkers && status == LML_OK; k++)
    status = make_worker(&room->workers[k], retrain, error);
  if (status == LML_OK) status = lml_alloc(&room->squares, retrain->nfolds, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&room->delta, retrain->width, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&room->scale, retrain->width, sizeof(double), what, error) : status;
}

void lml_trial_room_free(lml_trial_room *room) {
  for (size_t k = 0; k < room->nworkers; k++) {
    lml_solver_free(&room->workers[k].solver);
    lml_normal_free(&room->workers[k].train);
    lml_free(room->workers[k].delta);
  }
  lml_free(room->workers);
  lml_free(room->squares);
  lml_free(room->delta);
  lml_free(room->scale);
  *room = (lml_trial_room){0};
}

/** One pair under way. */
typedef struct {
  lml_trial_room *room;
  lml_trial *trial;
  lml_solution *solution;
} work;

lml_problem lml_trial_problem(const lml_retrain *retrain, const lml_trial *trial, const lml_normal *target) {
  return (lml_problem){.target = target,
                       .soft = retrain->soft.gram == NULL ? NULL : &retrain->soft,
                       .constraints = &retrain->constraints,
                       .lambda_soft = trial->lambda_soft,
                       .lambda_ridge = trial->lambda_ridge,
                       .ridge = retrain->ridge.factors};
}

static double root_mean(double square, double count) { return count > 0.0 ? sqrt(square / count) : NAN; }

/* ---- frames that are left out ---- */

void lml_trial_leave_out(const lml_retrain *retrain, lml_normal *train, size_t left_out) {
  lml_normal_clear(train);
  for (size_t k = 0; k < retrain->nfolds; k++)
    if (k != left_out) lml_normal_add(train, &retrain->folds[k]);
  lml_normal_finalise(train);
}

static lml_status try_fold(const work *w, worker *by, size_t left_out, lml_error *error) {
  const lml_retrain *retrain = w->room->retrain;
  const lml_normal *fold = &retrain->folds[left_out];
  lml_solution solution;
  w->room->squares[left_out] = 0.0;
  if (fold->nrows == 0.0) return LML_OK;
  lml_trial_leave_out(retrain, &by->train, left_out);
  lml_problem problem = lml_trial_problem(retrain, w->trial, &by->train);
  problem.correction = fold_correction;
  const lml_status status = lml_solver_solve(&by->solver, &problem, by->delta, &solution, error);
  if (status != LML_OK) return status;
  w->room->squares[left_out] =
      isfinite(solution.condition) ? lml_normal_ssr_unseen(fold, &by->train, by->delta, by->solver.vectors) : INFINITY;
  return LML_OK;
}

/* ---- the whole ---- */

/** Root mean square deviations, or changes, of the test sets of one kind. */
static double measure_tests(const work *w, worker *by, lml_test_kind kind) {
  const lml_retrain *retrain = w->room->retrain;
  double square = 0.0, count = 0.0;
  for (size_t s = 0; s < retrain->options->nsets; s++) {
    const lml_dataset *set = &retrain->options->sets[s];
    const lml_normal *test = &retrain->tests[s];
    const bool changes = kind == LML_TEST_SOFT;
    if (set->role != LML_ROLE_TEST || set->kind != kind || test->gram == NULL) continue;
    if (changes && (set->quantity != LML_QUANTITY_FORCES || set->weight == 0.0)) continue;
    square += changes ? lml_normal_change(test, by->delta, by->solver.vectors) / set->weight
                      : lml_normal_ssr_unseen(test, &retrain->target, by->delta, by->solver.vectors);
    count += test->nrows;
  }
  return root_mean(square, count);
}

/** The larger change where two kinds of structures watch. */
static lml_status measure_change(const work *w, worker *by, const lml_problem *problem, lml_error *error) {
  const lml_retrain *retrain = w->room->retrain;
  const lml_watch watch = retrain->watch;
  double left_out = NAN;
  lml_status status = LML_OK;
  if (watch == LML_WATCH_TEST || watch == LML_WATCH_BOTH) w->trial->soft_change = measure_tests(w, by, LML_TEST_SOFT);
  if (watch == LML_WATCH_LEFT_OUT || watch == LML_WATCH_BOTH)
    status = lml_soft_sample_change(&retrain->sample, &by->solver, problem, by->delta, &left_out, error);
  w->trial->soft_change = fmax(w->trial->soft_change, left_out); /* of a number and NaN, the number */
  return status;
}

static lml_status try_whole(const work *w, worker *by, lml_error *error) {
  const lml_retrain *retrain = w->room->retrain;
  const lml_problem problem = lml_trial_problem(retrain, w->trial, &retrain->target);
  lml_trial *trial = w->trial;
  double *scratch = by->solver.vectors;
  const lml_status status = lml_solver_solve(&by->solver, &problem, by->delta, w->solution, error);
  trial->condition = w->solution->condition;
  memcpy(w->room->scale, by->solver.scale, retrain->width * sizeof(double));
  if (status != LML_OK || !isfinite(trial->condition)) return status;
  memcpy(w->room->delta, by->delta, retrain->width * sizeof(double));
  trial->rms_target = root_mean(lml_normal_ssr(&retrain->target, by->delta, scratch), retrain->target.nrows);
  if (retrain->soft.gram != NULL)
    trial->rms_soft = root_mean(lml_normal_ssr(&retrain->soft, by->delta, scratch), retrain->soft.nrows);
  if (retrain->by == LML_CHOICE_TEST) trial->rms_choice = measure_tests(w, by, LML_TEST_TARGET);
  return measure_change(w, by, &problem, error);
}

static lml_status try_part(void *context, lml_pool_place place, size_t task, lml_error *error) {
  const work *w = context;
  return try_fold(w, &w->room->workers[place.thread], task, error);
}

/** Error on all folds. */
static lml_status try_folds(work *w, lml_error *error) {
  const lml_retrain *retrain = w->room->retrain;
  const lml_pool_tasks tasks = {.count = retrain->nfolds, .work = try_part, .context = w};
  const lml_status status = lml_pool_run(w->room->nworkers, &tasks, error);
  double square = 0.0, count = 0.0;
  for (size_t k = 0; k < retrain->nfolds; k++) {
    square += w->room->squares[k];
    count += retrain->folds[k].nrows;
  }
  w->trial->rms_choice = root_mean(square, count);
  return status;
}

/** Whether the pair may be chosen, or is near enough to such ones. */
static bool is_near(const work *w) {
  const lml_retrain_options *options = w->room->retrain->options;
  return lml_retrain_trials(options) == 0 || !lml_trade_off_far(w->trial, options->soft_limit);
}

lml_status lml_trial_make(lml_trial_room *room, lml_trial *trial, lml_solution *solution, lml_error *error) {
  const lml_retrain *retrain = room->retrain;
  *trial = (lml_trial){.lambda_soft = trial->lambda_soft,
                       .lambda_ridge = trial->lambda_ridge,
                       .rms_target = NAN,
                       .rms_soft = NAN,
                       .rms_choice = NAN,
                       .soft_change = NAN,
                       .condition = INFINITY};
  *solution = (lml_solution){.condition = INFINITY};
  work w = {room, trial, solution};
  lml_status status = try_whole(&w, &room->workers[0], error);
  if (status == LML_OK && retrain->by == LML_CHOICE_FOLDS && isfinite(trial->condition) && is_near(&w))
    status = try_folds(&w, error);
  return status;
}
