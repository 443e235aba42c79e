/** @file clamped_spline.h
 *  Cubic splines through values, with given slopes at both ends, by their second derivatives.
 */
#ifndef LML_BASE_CLAMPED_SPLINE_H
#define LML_BASE_CLAMPED_SPLINE_H

#include <stddef.h>

#include "lmlink/error.h"

/** Second derivatives at @p n ≥ 2 ascending places @p x of the spline through @p y whose derivative is @p first at the
 *  first place and @p last at the last one, to @p curvatures. */
lml_status lml_clamped_spline_make(const double *x, const double *y, size_t n, double first, double last,
                                   double *curvatures, lml_error *error);

/** The spline's value at @p at; beyond its ends the polynomial of the piece there goes on. */
double lml_clamped_spline_value(const double *x, const double *y, const double *curvatures, size_t n, double at);

#endif
