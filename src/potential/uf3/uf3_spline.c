#include "potential/uf3/uf3_spline.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum {
  N = LML_UF3_ORDER,
  MOST_BINS = 4096 /**< more would be needed where intervals are very uneven, and then a search begins in them */
};

static const char what[] = "a spline";

/** @p to += (a + b x) @p polynomial. */
static void add_product(double to[N], double a, double b, const double polynomial[N]) {
  for (int p = 0; p < N; p++) {
    to[p] += a * polynomial[p];
    if (p + 1 < N) to[p + 1] += b * polynomial[p];
  }
}

/** The four functions on the interval between @p knots 0 and 1, as polynomials of the distance from knot 0: de Boor's
 *  recursion (A Practical Guide to Splines, chapter X), which makes functions of degree d from those of degree d − 1.
 */
static void make_piece(const double *knots, double piece[N * N]) {
  double functions[N][N] = {{1.0}};
  for (int d = 1; d < N; d++) {
    double higher[N][N] = {{0.0}};
    for (int k = 0; k < d; k++) {
      const double low = knots[1 - d + k], high = knots[1 + k], width = high - low;
      add_product(higher[k], (high - knots[0]) / width, -1.0 / width, functions[k]);
      add_product(higher[k + 1], (knots[0] - low) / width, 1.0 / width, functions[k]);
    }
    memcpy(functions, higher, sizeof functions);
  }
  for (int k = 0; k < N; k++)
    for (int p = 0; p < N; p++) piece[p * N + k] = functions[k][p];
}

/** As many bins as let an interval begin in each, at most. */
static size_t count_bins(const double *knots, size_t nintervals) {
  double narrowest = knots[nintervals] - knots[0];
  for (size_t k = 0; k < nintervals; k++) narrowest = fmin(narrowest, knots[k + 1] - knots[k]);
  const double count = ceil((knots[nintervals] - knots[0]) / narrowest);
  return count < MOST_BINS ? (size_t)count : MOST_BINS;
}

lml_status lml_uf3_spline_make(lml_uf3_spline *spline, lml_error *error) {
  const size_t nintervals = lml_uf3_spline_intervals(spline);
  const double *knots = spline->knots + N - 1;
  spline->nbins = count_bins(knots, nintervals);
  spline->searched = spline->nbins == MOST_BINS;
  spline->last_bin = (double)(spline->nbins - 1);
  spline->scale = (double)spline->nbins / (knots[nintervals] - knots[0]);
  lml_status status = lml_alloc(&spline->pieces, nintervals * N * N, sizeof *spline->pieces, what, error);
  if (status == LML_OK) status = lml_alloc(&spline->starts, spline->nbins, sizeof *spline->starts, what, error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < nintervals; k++) make_piece(knots + k, spline->pieces + N * N * k);
  for (size_t bin = 0, interval = 0; bin < spline->nbins; bin++) {
    /* a little less, so that rounding never puts a distance below its interval */
    const double low = knots[0] + ((double)bin - 1e-6) / spline->scale;
    while (interval + 1 < nintervals && low >= knots[interval + 1]) interval++;
    spline->starts[bin] = (uint16_t)interval;
  }
  return LML_OK;
}

void lml_uf3_spline_free(lml_uf3_spline *spline) {
  lml_free(spline->knots);
  lml_free(spline->pieces);
  lml_free(spline->starts);
  memset(spline, 0, sizeof *spline);
}
