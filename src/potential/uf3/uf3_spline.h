/** @file uf3_spline.h
 *  The cubic B-splines of one distance: which four are not zero, their values and derivatives.
 */
#ifndef LML_UF3_UF3_SPLINE_H
#define LML_UF3_UF3_SPLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

enum { LML_UF3_ORDER = 4 /**< basis functions that are not zero at a point */ };

/** Initialise with `lml_uf3_spline s = {0};`, release with lml_uf3_spline_free. */
typedef struct lml_uf3_spline {
  size_t nknots;    /**< at least 8 */
  double *knots;    /**< Å, ascending; the spline lies from knot 3 to knot nknots − 4 */
  double *pieces;   /**< (nknots − 7) × 4 powers of the distance from an interval's lower knot × 4 functions */
  uint16_t *starts; /**< nbins: an interval that does not begin above the bin */
  size_t nbins;
  double last_bin;
  double scale;  /**< 1/Å: bins by length */
  bool searched; /**< several intervals may begin in a bin */
} lml_uf3_spline;

/** Basis functions, and so coefficients. */
static inline size_t lml_uf3_spline_count(const lml_uf3_spline *spline) { return spline->nknots - LML_UF3_ORDER; }

static inline size_t lml_uf3_spline_intervals(const lml_uf3_spline *spline) {
  return spline->nknots - 2 * LML_UF3_ORDER + 1;
}

/** Make the tables for the knots, which are there already. */
lml_status lml_uf3_spline_make(lml_uf3_spline *spline, lml_error *error);

void lml_uf3_spline_free(lml_uf3_spline *spline);

/** The interval that @p r (Å), which is in the bin @p bin, is in, counted from 0, and the distance from its lower knot.
 *  Beyond the knots it is the first or last one, whose polynomials go on. */
static inline size_t lml_uf3_interval_in(const lml_uf3_spline *spline, double r, int32_t bin, double *from_knot) {
  const double *knots = spline->knots + LML_UF3_ORDER - 1;
  const size_t last = lml_uf3_spline_intervals(spline) - 1;
  size_t interval = spline->starts[bin];
  interval += (size_t)(r >= knots[interval + 1]); /* which a branch would often predict wrongly */
  if (spline->searched)
    while (interval < last && r >= knots[interval + 1]) interval++;
  interval = interval < last ? interval : last;
  *from_knot = r - knots[interval];
  return interval;
}

/** The same where the bin is not known. */
static inline size_t lml_uf3_interval(const lml_uf3_spline *spline, double r, double *from_knot) {
  const double place = (r - spline->knots[LML_UF3_ORDER - 1]) * spline->scale;
  const double below = place < spline->last_bin ? place : spline->last_bin, limited = below > 0.0 ? below : 0.0;
  return lml_uf3_interval_in(spline, r, (int32_t)limited, from_knot);
}

/** The basis functions that are not zero at @p r, and their derivatives (1/Å); returns the first one's number, which is
 *  that of the interval. */
static inline size_t lml_uf3_basis(const lml_uf3_spline *spline, double r, double values[LML_UF3_ORDER],
                                   double slopes[LML_UF3_ORDER]) {
  enum { N = LML_UF3_ORDER };
  double x;
  const size_t interval = lml_uf3_interval(spline, r, &x);
  const double *p = spline->pieces + N * N * interval;
  for (int k = 0; k < N; k++) {
    values[k] = p[k] + x * (p[N + k] + x * (p[2 * N + k] + x * p[3 * N + k]));
    slopes[k] = p[N + k] + x * (2.0 * p[2 * N + k] + x * (3.0 * p[3 * N + k]));
  }
  return interval;
}

#endif
