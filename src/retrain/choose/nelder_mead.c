#include "retrain/choose/nelder_mead.h"

#include <math.h>
#include <stdbool.h>

typedef struct {
  double x[LML_SIMPLEX_DIMENSIONS];
  double value;
} corner;

typedef struct {
  const lml_simplex *task;
  const lml_cost *cost;
  corner corners[LML_SIMPLEX_DIMENSIONS + 1]; /**< in order, the best first */
  double centre[LML_SIMPLEX_DIMENSIONS];      /**< of all corners but the worst */
  size_t count;                               /**< evaluations so far */
} search;

static lml_status evaluate(search *s, corner *c, lml_error *error) {
  const lml_simplex *task = s->task;
  for (size_t i = 0; i < task->dimensions; i++) c->x[i] = fmin(fmax(c->x[i], task->lower[i]), task->upper[i]);
  s->count++;
  return s->cost->evaluate(s->cost->context, c->x, &c->value, error);
}

/** Put corner number @p k, which may be better than those before it, in its place; of equals the older is first. */
static void sort_in(search *s, size_t k) {
  for (; k > 0 && s->corners[k].value < s->corners[k - 1].value; k--) {
    const corner other = s->corners[k];
    s->corners[k] = s->corners[k - 1];
    s->corners[k - 1] = other;
  }
}

static lml_status make_corners(search *s, lml_error *error) {
  const lml_simplex *task = s->task;
  lml_status status = LML_OK;
  for (size_t k = 0; k <= task->dimensions && status == LML_OK && s->count < task->most; k++) {
    corner c = {.value = INFINITY};
    for (size_t i = 0; i < task->dimensions; i++) c.x[i] = task->begin[i] + (k == i + 1 ? task->step[i] : 0.0);
    status = evaluate(s, &c, error);
    s->corners[k] = c;
    sort_in(s, k);
  }
  return status;
}

static void find_centre(search *s) {
  const size_t n = s->task->dimensions;
  for (size_t i = 0; i < n; i++) {
    s->centre[i] = 0.0;
    for (size_t k = 0; k < n; k++) s->centre[i] += s->corners[k].x[i] / (double)n;
  }
}

/** The point that lies @p factor times as far from the centre as the worst corner, on its side for a factor above 0. */
static lml_status try_point(search *s, double factor, corner *c, lml_error *error) {
  const size_t n = s->task->dimensions;
  for (size_t i = 0; i < n; i++) c->x[i] = s->centre[i] + factor * (s->corners[n].x[i] - s->centre[i]);
  return evaluate(s, c, error);
}

/** Halve the distance of all corners from the best. */
static lml_status shrink(search *s, lml_error *error) {
  const size_t n = s->task->dimensions;
  lml_status status = LML_OK;
  for (size_t k = 1; k <= n && status == LML_OK; k++) {
    for (size_t i = 0; i < n; i++) s->corners[k].x[i] = 0.5 * (s->corners[k].x[i] + s->corners[0].x[i]);
    status = evaluate(s, &s->corners[k], error);
  }
  for (size_t k = 1; k <= n; k++) sort_in(s, k);
  return status;
}

static void replace_worst(search *s, const corner *c) {
  const size_t n = s->task->dimensions;
  s->corners[n] = *c;
  sort_in(s, n);
}

static lml_status step(search *s, lml_error *error) {
  const size_t n = s->task->dimensions;
  corner reflected = {.value = INFINITY}, further = {.value = INFINITY};
  find_centre(s);
  lml_status status = try_point(s, -1.0, &reflected, error);
  if (status != LML_OK) return status;
  if (reflected.value < s->corners[0].value) { /* expand */
    status = try_point(s, -2.0, &further, error);
    replace_worst(s, further.value < reflected.value ? &further : &reflected);
    return status;
  }
  if (reflected.value < s->corners[n - 1].value) {
    replace_worst(s, &reflected);
    return LML_OK;
  }
  const double worst = s->corners[n].value;
  status = try_point(s, reflected.value < worst ? -0.5 : 0.5, &further, error); /* contract */
  if (status != LML_OK) return status;
  if (further.value < fmin(reflected.value, worst)) {
    replace_worst(s, &further);
    return LML_OK;
  }
  return shrink(s, error);
}

static double extent(const search *s) {
  double largest = 0.0;
  for (size_t i = 0; i < s->task->dimensions; i++)
    for (size_t k = 1; k <= s->task->dimensions; k++)
      largest = fmax(largest, fabs(s->corners[k].x[i] - s->corners[0].x[i]));
  return largest;
}

/** Whether there is nothing more to be had. */
static bool is_done(const search *s) {
  const double lowest = s->corners[0].value, highest = s->corners[s->task->dimensions].value;
  return extent(s) <= s->task->tolerance || highest - lowest <= s->task->difference * fabs(lowest);
}

lml_status lml_nelder_mead(const lml_simplex *simplex, const lml_cost *cost, lml_error *error) {
  search s = {.task = simplex, .cost = cost};
  lml_status status = make_corners(&s, error);
  while (status == LML_OK && s.count < simplex->most && !is_done(&s)) status = step(&s, error);
  return status;
}
