#include "base/spline.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

/** Row of an equation for the slopes: coefficients in front of the slopes, and of the values on the right-hand side. */
typedef struct row {
  double *slopes, *values;
} row;

/** Add @p factor times the slope of the straight line from place @p i to the next. */
static void add_secant(const row *r, const double *x, size_t i, double factor) {
  const double h = x[i + 1] - x[i];
  r->values[i] -= factor / h;
  r->values[i + 1] += factor / h;
}

/** The second derivative is continuous at place @p i. */
static void set_inner(const row *r, const double *x, size_t i) {
  const double before = x[i] - x[i - 1], after = x[i + 1] - x[i];
  r->slopes[i - 1] = after;
  r->slopes[i] = 2.0 * (before + after);
  r->slopes[i + 1] = before;
  add_secant(r, x, i - 1, 3.0 * after);
  add_secant(r, x, i, 3.0 * before);
}

/** The third derivative is continuous at the place next to the end @p end: the first two pieces are one. @p step leads
 *  inwards. */
static void set_end(const row *r, const double *x, size_t end, ptrdiff_t step) {
  const size_t next = end + (size_t)step, second = next + (size_t)step;
  const double first = fabs(x[next] - x[end]), inner = fabs(x[second] - x[next]), both = first + inner;
  r->slopes[end] = inner;
  r->slopes[next] = both;
  add_secant(r, x, step > 0 ? end : next, (first + 2.0 * both) * inner / both);
  add_secant(r, x, step > 0 ? next : second, first * first / both);
}

/** Of a parabola: the mean of the slopes at both ends of a piece is that of the straight line. */
static void set_parabola(const row *r, const double *x, size_t i) {
  r->slopes[i] = r->slopes[i + 1] = 1.0;
  add_secant(r, x, i, 2.0);
}

static void set_rows(double *a, double *b, const double *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const row r = {a + i * n, b + i * n};
    const size_t last = n - 1;
    if (n == 2) {
      r.slopes[i] = 1.0;
      add_secant(&r, x, 0, 1.0);
    } else if (i > 0 && i < last) {
      set_inner(&r, x, i);
    } else if (n == 3) {
      set_parabola(&r, x, i == 0 ? 0 : 1);
    } else {
      set_end(&r, x, i, i == 0 ? 1 : -1);
    }
  }
}

/** Solve a·s = b for the n × n matrix s, which takes b's place: a has entries next to its diagonal alone, and needs no
 *  exchange of rows. */
static void solve(double *a, double *b, size_t n) {
  for (size_t i = 1; i < n; i++) {
    const double factor = a[i * n + i - 1] / a[(i - 1) * n + i - 1];
    a[i * n + i] -= factor * a[(i - 1) * n + i];
    for (size_t j = 0; j < n; j++) b[i * n + j] -= factor * b[(i - 1) * n + j];
  }
  for (size_t i = n; i-- > 0;)
    for (size_t j = 0; j < n; j++) {
      if (i + 1 < n) b[i * n + j] -= a[i * n + i + 1] * b[(i + 1) * n + j];
      b[i * n + j] /= a[i * n + i];
    }
}

lml_status lml_spline_make(lml_spline *spline, const double *places, size_t n, lml_error *error) {
  double *matrix = NULL;
  lml_spline_free(spline);
  spline->n = n;
  lml_status status = lml_alloc(&spline->places, n, sizeof *places, "a spline", error);
  if (status == LML_OK) status = lml_alloc(&spline->slopes, n * n, sizeof *spline->slopes, "a spline", error);
  if (status == LML_OK) status = lml_alloc(&matrix, n * n, sizeof *matrix, "a spline", error);
  if (status == LML_OK) {
    memcpy(spline->places, places, n * sizeof *places);
    set_rows(matrix, spline->slopes, places, n);
    solve(matrix, spline->slopes, n);
  } else {
    lml_spline_free(spline);
  }
  lml_free(matrix);
  return status;
}

void lml_spline_weights(const lml_spline *spline, size_t interval, double x, double *value, double *derivative) {
  const size_t n = spline->n;
  const double h = spline->places[interval + 1] - spline->places[interval];
  const double t = (x - spline->places[interval]) / h;
  const double *left = spline->slopes + interval * n, *right = left + n;
  for (size_t j = 0; j < n; j++) {
    value[j] = h * t * (1.0 - t) * ((1.0 - t) * left[j] - t * right[j]);
    derivative[j] = (1.0 - t) * (1.0 - 3.0 * t) * left[j] + t * (3.0 * t - 2.0) * right[j];
  }
  const double blend = t * t * (3.0 - 2.0 * t), rise = 6.0 * t * (1.0 - t) / h;
  value[interval] += 1.0 - blend;
  value[interval + 1] += blend;
  derivative[interval] -= rise;
  derivative[interval + 1] += rise;
}

void lml_spline_free(lml_spline *spline) {
  lml_free(spline->places);
  lml_free(spline->slopes);
  *spline = (lml_spline){0};
}
