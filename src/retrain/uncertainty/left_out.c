#include "retrain/uncertainty/left_out.h"

#include <cblas.h>
#include <math.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "retrain/choose/trial.h"
#include "retrain/uncertainty/calibrate.h"

static const char what[] = "rows that are left out";

/** All folds under way. */
typedef struct {
  const lml_run *run;
  const lml_held_rows *held;
  lml_uncertainty_kind kind;
  size_t rank;
  double *errors, *sigmas; /**< of each held row */
} leaving;

/** What one fold is solved with. */
typedef struct {
  lml_solver solver;
  lml_normal train;
  double *delta;
  lml_vectors columns;
  lml_factor factor;
} room;

static lml_status make_room(room *m, const lml_retrain *retrain, lml_error *error) {
  *m = (room){.columns = {.width = retrain->width}};
  lml_status status = lml_solver_make(&m->solver, retrain->width, retrain->constraints.rank, error);
  if (status == LML_OK) status = lml_normal_make(&m->train, retrain->width, error);
  if (status == LML_OK) status = lml_normal_allow_offsets(&m->train, retrain->target.offsets.count, error);
  return status == LML_OK ? lml_alloc(&m->delta, retrain->width, sizeof(double), what, error) : status;
}

static void free_room(room *m) {
  lml_solver_free(&m->solver);
  lml_normal_free(&m->train);
  lml_free(m->delta);
  lml_vectors_free(&m->columns);
  lml_factor_free(&m->factor);
}

/** Errors and σ of the rows of the fold. */
static void compare(const leaving *l, const room *m, size_t fold) {
  const lml_held_rows *held = l->held;
  for (size_t k = 0; k < held->count; k++) {
    const double *row = held->rows + k * held->width;
    if (held->folds[k] != fold) continue;
    const double change = cblas_ddot((int)held->width, row, 1, m->delta, 1);
    l->errors[k] = (held->deviations[k] - change) / held->roots[k];
    l->sigmas[k] = sqrt(lml_factor_variance(&m->factor, row)) / held->roots[k];
  }
}

static lml_status solve(const leaving *l, room *m, size_t fold, lml_error *error) {
  const lml_retrain *retrain = l->run->retrain;
  const lml_trial *trial = &retrain->trials[retrain->chosen];
  lml_solution solution;
  lml_trial_leave_out(retrain, &m->train, fold);
  const lml_solved solved = {
      .problem = lml_trial_problem(retrain, trial, &m->train), .solver = &m->solver, .delta = m->delta};
  lml_status status = lml_solver_solve(&m->solver, &solved.problem, m->delta, &solution, error);
  if (status == LML_OK && !isfinite(solution.condition))
    return lml_fail(error, LML_ERR_INPUT,
                    "without the frames of fold %zu the normal equations have no solution to scale the uncertainty "
                    "by: give a larger --lambda-ridge, other --folds, or --uncertainty none",
                    fold);
  if (status == LML_OK) status = lml_factor_columns(&solved, l->held, fold, l->kind, &m->columns, error);
  return status == LML_OK ? lml_factor_make(&solved, &m->columns, l->kind, l->rank, &m->factor, error) : status;
}

static lml_status leave_out(void *context, lml_pool_place place, size_t fold, lml_error *error) {
  const leaving *l = context;
  (void)place;
  if (l->run->retrain->folds[fold].nrows == 0.0) return LML_OK;
  room m;
  lml_status status = make_room(&m, l->run->retrain, error);
  if (status == LML_OK) status = solve(l, &m, fold, error);
  if (status == LML_OK) compare(l, &m, fold);
  free_room(&m);
  return status;
}

lml_status lml_left_out_calibrate(const lml_run *run, const lml_held_rows *held, lml_uncertainty_kind kind, size_t rank,
                                  lml_calibration *calibration, lml_error *error) {
  leaving l = {.run = run, .held = held, .kind = kind, .rank = rank};
  const lml_pool_tasks tasks = {.count = run->retrain->nfolds, .work = leave_out, .context = &l};
  lml_status status = lml_alloc(&l.errors, held->count, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&l.sigmas, held->count, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_pool_run(openblas_get_num_threads() == 1 ? run->workers.nthreads : 1, &tasks, error);
  if (status == LML_OK) status = lml_calibrate(l.errors, l.sigmas, held->count, calibration, error);
  calibration->nfolds = run->retrain->nfolds;
  lml_free(l.errors);
  lml_free(l.sigmas);
  return status;
}
