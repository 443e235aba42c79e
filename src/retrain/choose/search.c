#include "retrain/choose/search.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "retrain/choose/nelder_mead.h"
#include "retrain/choose/trade_off.h"
#include "retrain/choose/trial.h"

/** A search that was not asked for ends where errors differ by less than this part. */
static const double flat = 5e-4;

/* ---- grids ---- */

/** The values of one λ that are tried first, and in decades (log10 λ) their mean distance and the bounds of a search:
 * as far beyond the outermost values. */
typedef struct {
  const double *values;
  size_t count; /**< of one value, it is fixed */
  double spacing, lower, upper;
  double own[LML_GRID_RIDGE];
} lambda_grid;

static void find_bounds(lambda_grid *grid) {
  double least = INFINITY, most = -INFINITY;
  for (size_t k = 0; k < grid->count; k++) {
    least = fmin(least, log10(grid->values[k]));
    most = fmax(most, log10(grid->values[k]));
  }
  grid->spacing = grid->count > 1 ? (most - least) / (double)(grid->count - 1) : 0.0;
  grid->lower = least - grid->spacing;
  grid->upper = most + grid->spacing;
}

/** The given values, which must outlive the grid, or, where @p count is 0, @p otherwise alone. */
static void put_given(lambda_grid *grid, const double *values, size_t count, double otherwise) {
  *grid = (lambda_grid){.values = values, .count = count};
  if (count == 0) {
    grid->own[0] = otherwise;
    grid->values = grid->own;
    grid->count = 1;
  }
  find_bounds(grid);
}

/** 10 to the power of @p logarithm, rounded to three digits: more of them change nothing, and can be typed again. */
static double round_lambda(double logarithm) {
  const double exponent = floor(logarithm) - 2.0, digits = round(pow(10.0, logarithm - exponent));
  return exponent < 0.0 ? digits / pow(10.0, -exponent) : digits * pow(10.0, exponent);
}

/** @p count powers of ten, from @p first on, @p step by step. */
static void put_powers(lambda_grid *grid, double first, double step, size_t count) {
  *grid = (lambda_grid){.values = grid->own, .count = count};
  for (size_t k = 0; k < count; k++) grid->own[k] = round_lambda(first + step * (double)k);
  find_bounds(grid);
}

/** The nearest power of ten; that of 1 where there is no scale. */
static double power_of(double scale) { return scale > 0.0 && isfinite(scale) ? round(log10(scale)) : 0.0; }

/** λ_S around @p balance, at which targets and soft constraints weigh the same: 4 decades to either side, the largest
 *  first. */
static void put_soft_grid(lambda_grid *grid, double balance) {
  put_powers(grid, power_of(balance) + 4.0, -2.0, LML_GRID_SOFT);
}

/** λ₀ from 1e-12 to 1e-2 times @p largest, the largest eigenvalue of the targets' sums. */
static void put_ridge_grid(lambda_grid *grid, double largest) {
  put_powers(grid, power_of(largest) - 12.0, 2.0, LML_GRID_RIDGE);
}

/* ---- trials ---- */

/** What is under way. */
typedef struct {
  lml_retrain *retrain;
  lml_trial_room room;
  double *scale; /**< of the best solution so far */
  void (*progress)(void *context);
  void *context;
  double baseline; /**< held-out error before */
  size_t most;     /**< trials */
  size_t trials_capacity;
  lambda_grid grids[LML_LAMBDAS];
} search;

/** The trial with that pair, if it was made. */
static const lml_trial *find_trial(const lml_retrain *retrain, double lambda_soft, double lambda_ridge) {
  for (size_t k = 0; k < retrain->ntrials; k++)
    if (retrain->trials[k].lambda_soft == lambda_soft && retrain->trials[k].lambda_ridge == lambda_ridge)
      return &retrain->trials[k];
  return NULL;
}

/** The solution that was made last is the retraining's. */
static void take_solution(lml_retrain *retrain, const lml_trial_room *room, const lml_solution *solution,
                          double *scale) {
  retrain->solution = *solution;
  memcpy(retrain->delta, room->delta, retrain->width * sizeof *retrain->delta);
  memcpy(scale, room->scale, retrain->width * sizeof *scale);
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
  *trial = (lml_trial){.lambda_soft = lambda_soft, .lambda_ridge = lambda_ridge};
  retrain->ntrials++;
  status = lml_trial_make(&s->room, trial, &solution, error);
  if (status == LML_OK &&
      (k == 0 || lml_trade_off_better(trial, &retrain->trials[retrain->chosen], retrain->options->soft_limit))) {
    retrain->chosen = k;
    take_solution(retrain, &s->room, &solution, s->scale);
  }
  if (status == LML_OK && s->progress != NULL) s->progress(s->context);
  return status;
}

/** Whether the last @p count trials are too far beyond the limit for their held-out errors to be found. */
static bool all_far(const lml_retrain *retrain, size_t count) {
  for (size_t k = retrain->ntrials - count; k < retrain->ntrials; k++)
    if (!lml_trade_off_far(&retrain->trials[k], retrain->options->soft_limit)) return false;
  return true;
}

static lml_status try_grid(search *s, lml_error *error) {
  lml_status status = LML_OK;
  const lambda_grid *soft = &s->grids[LML_LAMBDA_SOFT], *ridge = &s->grids[LML_LAMBDA_RIDGE];
  for (size_t i = 0; i < soft->count && status == LML_OK; i++) {
    for (size_t k = 0; k < ridge->count && status == LML_OK; k++)
      status = try_pair(s, soft->values[i], ridge->values[k], error);
    if (soft->values == soft->own && all_far(s->retrain, ridge->count)) break; /* smaller ones are further off */
  }
  return status;
}

/* ---- beyond the grid ---- */

/** The cost of the pair whose logarithms are @p x, of those λ that are searched; infinite where there is none. */
static lml_status evaluate(void *context, const double *x, double *value, lml_error *error) {
  search *s = context;
  double pair[LML_LAMBDAS];
  for (size_t i = 0; i < LML_LAMBDAS; i++) pair[i] = s->grids[i].count > 1 ? round_lambda(*x++) : s->grids[i].values[0];
  const lml_trial *trial = find_trial(s->retrain, pair[LML_LAMBDA_SOFT], pair[LML_LAMBDA_RIDGE]);
  *value = INFINITY;
  if (trial == NULL) {
    if (s->retrain->ntrials >= s->most) return LML_OK;
    const lml_status status = try_pair(s, pair[LML_LAMBDA_SOFT], pair[LML_LAMBDA_RIDGE], error);
    if (status != LML_OK) return status;
    trial = &s->retrain->trials[s->retrain->ntrials - 1];
  }
  *value = lml_trade_off_cost(trial, s->baseline, s->retrain->options->soft_limit);
  return LML_OK;
}

/** Go on from the best pair of the grid. */
static lml_status refine(search *s, lml_error *error) {
  const lml_retrain *retrain = s->retrain;
  const lml_trial *best = &retrain->trials[retrain->chosen];
  lml_simplex simplex = {.tolerance = retrain->options->search.tolerance,
                         .difference = retrain->options->search.trials > 0 ? 0.0 : flat,
                         .most = 2 * s->most};
  const double begin[LML_LAMBDAS] = {best->lambda_soft, best->lambda_ridge};
  for (size_t i = 0; i < LML_LAMBDAS; i++) {
    const lambda_grid *grid = &s->grids[i];
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

/** Whether @p value is the first or last one that could be chosen: of the values, or of the range of a search. Below 0
 *  there is nothing. */
static bool is_at_end(const search *s, const lambda_grid *grid, double value) {
  const double away = s->retrain->options->search.tolerance;
  double least = grid->values[0], most = least;
  if (grid->count <= 1 || value == 0.0) return false;
  if (lml_retrain_trials(s->retrain->options) > 0)
    return log10(value) < grid->lower + away || log10(value) > grid->upper - away;
  for (size_t k = 1; k < grid->count; k++) {
    least = fmin(least, grid->values[k]);
    most = fmax(most, grid->values[k]);
  }
  return value <= least || value >= most;
}

static void find_ends(const search *s) {
  const lml_trial *best = &s->retrain->trials[s->retrain->chosen];
  const double values[LML_LAMBDAS] = {best->lambda_soft, best->lambda_ridge};
  for (size_t i = 0; i < LML_LAMBDAS; i++) {
    const bool counts = i != LML_LAMBDA_SOFT || s->retrain->soft.gram != NULL;
    s->retrain->at_end[i] = counts && is_at_end(s, &s->grids[i], values[i]);
  }
}

/* ---- all of it ---- */

size_t lml_search_most(const lml_retrain_options *options) {
  const size_t nsoft = options->nlambda_soft > 0 ? options->nlambda_soft : 1;
  const size_t nridge = options->nlambda_ridge > 0 ? options->nlambda_ridge : 1;
  const size_t trials = lml_retrain_trials(options);
  return trials > 0 ? trials : nsoft * nridge;
}

static void make_grids(search *s) {
  const lml_retrain *retrain = s->retrain;
  const lml_retrain_options *options = retrain->options;
  lambda_grid *soft = &s->grids[LML_LAMBDA_SOFT], *ridge = &s->grids[LML_LAMBDA_RIDGE];
  put_given(soft, options->lambda_soft, options->nlambda_soft, 1.0);
  put_given(ridge, options->lambda_ridge, options->nlambda_ridge, 0.0);
  if (lml_retrain_trials(options) == 0) return;
  if (retrain->soft.gram == NULL) soft->count = 1; /* it changes nothing */
  if (lml_retrain_searches_soft(options) && retrain->watch != LML_WATCH_NOTHING)
    put_soft_grid(soft, retrain->target_largest / retrain->soft_largest);
  if (options->nlambda_ridge == 0) put_ridge_grid(ridge, retrain->target_largest);
}

lml_status lml_search_run(lml_retrain *retrain, size_t nthreads, double *scale, void (*progress)(void *context),
                          void *context, lml_error *error) {
  search s = {.retrain = retrain,
              .scale = scale,
              .progress = progress,
              .context = context,
              .most = lml_search_most(retrain->options)};
  lml_free(retrain->trials);
  retrain->trials = NULL;
  retrain->ntrials = retrain->ngrid = retrain->chosen = 0;
  make_grids(&s);
  s.baseline = lml_trade_off_baseline(retrain);
  lml_status status = lml_trial_room_make(&s.room, retrain, nthreads, error);
  if (status == LML_OK) status = try_grid(&s, error);
  retrain->ngrid = retrain->ntrials;
  if (status == LML_OK && lml_retrain_trials(retrain->options) > 0) status = refine(&s, error);
  if (status == LML_OK) find_ends(&s);
  lml_trial_room_free(&s.room);
  return status;
}

lml_status lml_search_renew(lml_retrain *retrain, size_t nthreads, double *scale, lml_error *error) {
  lml_solution solution = {0};
  lml_trial_room room;
  lml_status status = lml_trial_room_make(&room, retrain, nthreads, error);
  if (status == LML_OK) status = lml_trial_make(&room, &retrain->trials[retrain->chosen], &solution, error);
  if (status == LML_OK) take_solution(retrain, &room, &solution, scale);
  lml_trial_room_free(&room);
  return status;
}
