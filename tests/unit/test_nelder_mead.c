#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fail.h"
#include "retrain/choose/nelder_mead.h"
#include "support/near.h"

/** A function, and the best of the points that it was asked for. */
typedef struct trace {
  double (*function)(const double *x);
  size_t dimensions, count, fail_at;
  double best, at[LML_SIMPLEX_DIMENSIONS];
  double lowest[LML_SIMPLEX_DIMENSIONS], highest[LML_SIMPLEX_DIMENSIONS]; /* coordinates that were seen */
} trace;

static lml_status look(void *context, const double *x, double *value, lml_error *error) {
  trace *t = context;
  if (++t->count == t->fail_at) return lml_fail(error, LML_ERR_INTERNAL, "made to fail");
  *value = t->function(x);
  for (size_t i = 0; i < t->dimensions; i++) {
    t->lowest[i] = t->count == 1 ? x[i] : fmin(t->lowest[i], x[i]);
    t->highest[i] = t->count == 1 ? x[i] : fmax(t->highest[i], x[i]);
    if (t->count == 1 || *value < t->best) t->at[i] = x[i];
  }
  if (t->count == 1 || *value < t->best) t->best = *value;
  return LML_OK;
}

static double rosenbrock(const double *x) {
  const double a = 1.0 - x[0], b = x[1] - x[0] * x[0];
  return a * a + 100.0 * b * b;
}

static double parabola(const double *x) { return (x[0] - 3.7) * (x[0] - 3.7); }

static double wall(const double *x) { return x[0] < 1.0 ? INFINITY : x[0] + fabs(x[1] - 2.0); }

static double slope(const double *x) { return -x[0] - x[1]; }

static trace run(double (*function)(const double *x), const lml_simplex *simplex) {
  trace t = {.function = function, .dimensions = simplex->dimensions};
  const lml_cost cost = {look, &t};
  assert_int_equal(lml_nelder_mead(simplex, &cost, NULL), LML_OK);
  return t;
}

static void the_lowest_point_is_found(void **state) {
  (void)state;
  const lml_simplex two = {.dimensions = 2,
                           .begin = {-1.2, 1.0},
                           .step = {0.5, 0.5},
                           .lower = {-10, -10},
                           .upper = {10, 10},
                           .tolerance = 1e-8,
                           .most = 1000};
  trace t = run(rosenbrock, &two);
  assert_near(t.at[0], 1.0, 1e-6);
  assert_near(t.at[1], 1.0, 1e-6);
  assert_in_range(t.count, 50, 400);
  const lml_simplex one = {
      .dimensions = 1, .begin = {0.0}, .step = {1.0}, .lower = {-10}, .upper = {10}, .tolerance = 1e-6, .most = 200};
  t = run(parabola, &one);
  assert_near(t.at[0], 3.7, 1e-6);
  assert_in_range(t.count, 5, 80);
}

static void bounds_are_kept_and_reached(void **state) {
  (void)state;
  const lml_simplex simplex = {.dimensions = 2,
                               .begin = {0.5, 0.5},
                               .step = {0.5, 0.5},
                               .lower = {0, 0},
                               .upper = {2, 3},
                               .tolerance = 1e-6,
                               .most = 1000};
  trace t = run(slope, &simplex);
  assert_near(t.at[0], 2.0, 1e-9);
  assert_near(t.at[1], 3.0, 1e-9);
  assert_near(t.highest[1], 3.0, 0.0);
  t = run(wall, &simplex);
  assert_near(t.best, 1.0, 1e-5);
  assert_true(t.lowest[0] >= 0.0 && t.lowest[1] >= 0.0);
}

static void it_ends_after_so_many_evaluations(void **state) {
  (void)state;
  lml_simplex simplex = {.dimensions = 2,
                         .begin = {-1.2, 1.0},
                         .step = {0.5, 0.5},
                         .lower = {-10, -10},
                         .upper = {10, 10},
                         .tolerance = 0.0};
  for (simplex.most = 0; simplex.most < 40; simplex.most++) {
    const trace t = run(rosenbrock, &simplex);
    assert_in_range(t.count, simplex.most, simplex.most + 3); /* a step is finished */
  }
}

static void a_failure_ends_it(void **state) {
  (void)state;
  const lml_simplex simplex = {.dimensions = 2,
                               .begin = {-1.2, 1.0},
                               .step = {0.5, 0.5},
                               .lower = {-10, -10},
                               .upper = {10, 10},
                               .tolerance = 1e-3,
                               .most = 100};
  const trace whole = run(rosenbrock, &simplex);
  for (size_t n = 1; n <= whole.count; n++) {
    trace t = {.function = rosenbrock, .dimensions = 2, .fail_at = n};
    const lml_cost cost = {look, &t};
    assert_int_equal(lml_nelder_mead(&simplex, &cost, NULL), LML_ERR_INTERNAL);
    assert_int_equal(t.count, n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_lowest_point_is_found),
      cmocka_unit_test(bounds_are_kept_and_reached),
      cmocka_unit_test(it_ends_after_so_many_evaluations),
      cmocka_unit_test(a_failure_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
