/** @file spline.h
 *  Cubic splines through values at given places, with the not-a-knot condition at both ends.
 *
 *  A spline is linear in the values that it goes through: here are its weights, for any values.
 */
#ifndef LML_BASE_SPLINE_H
#define LML_BASE_SPLINE_H

#include <stddef.h>

#include "lmlink/error.h"

/** Initialise with `lml_spline s = {0};`, release with lml_spline_free. */
typedef struct lml_spline {
  size_t n;
  double *places; /**< n, ascending */
  double *slopes; /**< n × n: row i gives the slope at place i from the values */
} lml_spline;

/** Make the spline on @p n ≥ 2 ascending @p places: a straight line through two, a parabola through three. */
lml_status lml_spline_make(lml_spline *spline, const double *places, size_t n, lml_error *error);

/** Weights of the n values for the spline's value and derivative at @p x, which lies between places @p interval and
 *  @p interval + 1. */
void lml_spline_weights(const lml_spline *spline, size_t interval, double x, double *value, double *derivative);

void lml_spline_free(lml_spline *spline);

#endif
