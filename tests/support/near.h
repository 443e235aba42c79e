/** @file near.h
 *  Comparison of numbers that differ by rounding, for cmocka tests.
 */
#ifndef LML_TESTS_NEAR_H
#define LML_TESTS_NEAR_H

#include <math.h>
#include <stdio.h>

/** Fail the test where |actual − expected| > tolerance or either is not a number, and show all three. */
#define assert_near(actual, expected, tolerance) near_check((actual), (expected), (tolerance), __FILE__, __LINE__)

static inline void near_check(double actual, double expected, double tolerance, const char *file, int line) {
  if (fabs(actual - expected) <= tolerance) return;
  fprintf(stderr, "%s:%d: %.17g is not %.17g within %g\n", file, line, actual, expected, tolerance);
  _fail(file, line);
}

#endif
