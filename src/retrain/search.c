#include "retrain/search.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "retrain/lambda_grid.h"
#include "retrain/nelder_mead.h"

/** What is under way. */
typedef struct {
  lml_retrain *retrain;
  lml_solver *solver;
  void (*tell)(void *context);
  void *context;
  double *delta; /**< of the trial that was made last */
  size_t most;   /**< trials */
  size_t trials_capacity;
  lml_lambda_grid grids[LML_LAMBDAS];
} search;

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
    if (k != left_out) lml_normal_add(&retrain->train, &retrain->folds[k]);
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
    square += lml_normal_square_unseen(left_out, &retrain->train, delta, solver->vectors);
    count += left_out->nrows;
  }
  trial->rms_choice = root_mean(square, count);
  return status;
}

/** Solve with one pair, and measure. */
static lml_status measure_pair(lml_retrain *retrain, lml_solver *solver, lml_trial *trial, double *delta,
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
    trial->rms_choice =
        root_mean(lml_normal_square_unseen(&retrain->test, &retrain->target, delta, scratch), retrain->test.nrows);
  return LML_OK;
}

static bool better(const lml_trial *trial, const lml_trial *best) {
  if (!isfinite(trial->condition) || isnan(trial->rms_choice)) return false;
  return !isfinite(best->condition) || !(best->rms_choice <= trial->rms_choice);
}

/** The trial with that pair, if it was made. */
static const lml_trial *find_trial(const lml_retrain *retrain, double lambda_soft, double lambda_ridge) {
  for (size_t k = 0; k < retrain->ntrials; k++)
    if (retrain->trials[k].lambda_soft == lambda_soft && retrain->trials[k].lambda_ridge == lambda_ridge)
      return &retrain->trials[k];
  return NULL;
}

/** Try a pair, and keep its solution where it is the best so far. */
static lml_status try_pair(search *s, double lambda_soft, double lambda_ridge, lml_error *error) {
  lml_retrain *retrain = s->retrain;
  lml_solution solution = {0};
  const size_t k = retrain->ntrials;
  lml_status status =
      lml_grow(&retrain->trials, &s->trials_capacity, k + 1, sizeof *retrain->trials, "the trials", error);
  if (status != LML_OK) return status;
  lml_trial *trial = &retrain->trials[k];
  *trial = (lml_trial){.lambda_soft = lambda_soft,
                       .lambda_ridge = lambda_ridge,
                       .rms_target = NAN,
                       .rms_soft = NAN,
                       .rms_choice = NAN,
                       .condition = INFINITY};
  retrain->ntrials++;
  status = measure_pair(retrain, s->solver, trial, s->delta, &solution, error);
  if (status == LML_OK && (k == 0 || better(trial, &retrain->trials[retrain->chosen]))) {
    retrain->chosen = k;
    retrain->solution = solution;
    memcpy(retrain->delta, s->delta, retrain->width * sizeof *s->delta);
  }
  if (status == LML_OK && s->tell != NULL) s->tell(s->context);
  return status;
}

static lml_status try_grid(search *s, lml_error *error) {
  lml_status status = LML_OK;
  const lml_lambda_grid *soft = &s->grids[LML_LAMBDA_SOFT], *ridge = &s->grids[LML_LAMBDA_RIDGE];
  for (size_t i = 0; i < soft->count && status == LML_OK; i++)
    for (size_t k = 0; k < ridge->count && status == LML_OK; k++)
      status = try_pair(s, soft->values[i], ridge->values[k], error);
  return status;
}

/* ---- beyond the grid ---- */

/** The error with the pair whose logarithms are @p x, of those λ that are searched; infinite where there is none. */
static lml_status evaluate(void *context, const double *x, double *value, lml_error *error) {
  search *s = context;
  double pair[LML_LAMBDAS];
  for (size_t i = 0; i < LML_LAMBDAS; i++)
    pair[i] = s->grids[i].count > 1 ? lml_lambda_round(*x++) : s->grids[i].values[0];
  const lml_trial *trial = find_trial(s->retrain, pair[LML_LAMBDA_SOFT], pair[LML_LAMBDA_RIDGE]);
  *value = INFINITY;
  if (trial == NULL) {
    if (s->retrain->ntrials >= s->most) return LML_OK;
    const lml_status status = try_pair(s, pair[LML_LAMBDA_SOFT], pair[LML_LAMBDA_RIDGE], error);
    if (status != LML_OK) return status;
    trial = &s->retrain->trials[s->retrain->ntrials - 1];
  }
  if (isfinite(trial->condition) && isfinite(trial->rms_choice)) *value = trial->rms_choice;
  return LML_OK;
}

/** Go on from the best pair of the grid. */
static lml_status refine(search *s, lml_error *error) {
  const lml_retrain *retrain = s->retrain;
  const lml_trial *best = &retrain->trials[retrain->chosen];
  lml_simplex simplex = {.tolerance = retrain->options->search.tolerance, .most = 2 * s->most};
  const double begin[LML_LAMBDAS] = {best->lambda_soft, best->lambda_ridge};
  for (size_t i = 0; i < LML_LAMBDAS; i++) {
    const lml_lambda_grid *grid = &s->grids[i];
    const size_t d = simplex.dimensions;
    if (grid->count <= 1) continue;
    simplex.begin[d] = log10(begin[i]);
    simplex.step[d] = 0.5 * grid->spacing;
    simplex.lower[d] = grid->lower;
    simplex.upper[d] = grid->upper;
    simplex.dimensions++;
  }
  const lml_cost cost = {evaluate, s};
  return lml_nelder_mead(&simplex, &cost, error);
}

/** Which λs are best at the end of their range. */
static void find_ends(const search *s) {
  const lml_trial *best = &s->retrain->trials[s->retrain->chosen];
  const double values[LML_LAMBDAS] = {best->lambda_soft, best->lambda_ridge};
  const double away = s->retrain->options->search.tolerance;
  for (size_t i = 0; i < LML_LAMBDAS; i++) {
    const lml_lambda_grid *grid = &s->grids[i];
    const double at = log10(values[i]);
    s->retrain->at_end[i] = grid->count > 1 && (at < grid->lower + away || at > grid->upper - away);
  }
}

/* ---- all of it ---- */

size_t lml_search_most(const lml_retrain_options *options) {
  const size_t nsoft = options->nlambda_soft > 0 ? options->nlambda_soft : 1;
  const size_t nridge = options->nlambda_ridge > 0 ? options->nlambda_ridge : 1;
  return options->search.trials > 0 ? options->search.trials : nsoft * nridge;
}

static void make_grids(search *s) {
  const lml_retrain *retrain = s->retrain;
  const lml_retrain_options *options = retrain->options;
  lml_lambda_grid *soft = &s->grids[LML_LAMBDA_SOFT], *ridge = &s->grids[LML_LAMBDA_RIDGE];
  lml_lambda_grid_given(soft, options->lambda_soft, options->nlambda_soft, 1.0);
  lml_lambda_grid_given(ridge, options->lambda_ridge, options->nlambda_ridge, 0.0);
  if (options->search.trials == 0) return;
  if (retrain->soft.gram == NULL) soft->count = 1; /* it changes nothing */
  if (lml_retrain_searches_soft(options)) lml_lambda_grid_soft(soft, retrain->target_largest / retrain->soft_largest);
  if (options->nlambda_ridge == 0) lml_lambda_grid_ridge(ridge, retrain->target_largest);
}

lml_status lml_search_run(lml_retrain *retrain, lml_solver *solver, void (*tell)(void *context), void *context,
                          lml_error *error) {
  search s = {.retrain = retrain,
              .solver = solver,
              .tell = tell,
              .context = context,
              .most = lml_search_most(retrain->options)};
  lml_free(retrain->trials);
  retrain->trials = NULL;
  retrain->ntrials = retrain->ngrid = retrain->chosen = 0;
  for (size_t i = 0; i < LML_LAMBDAS; i++) retrain->at_end[i] = false;
  make_grids(&s);
  lml_status status = lml_alloc(&s.delta, retrain->width, sizeof *s.delta, "a solution", error);
  if (status == LML_OK) status = try_grid(&s, error);
  retrain->ngrid = retrain->ntrials;
  if (status == LML_OK && retrain->options->search.trials > 0) {
    status = refine(&s, error);
    find_ends(&s);
  }
  lml_free(s.delta);
  return status;
}
