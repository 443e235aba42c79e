#include "base/clamped_spline.h"

#include "base/memory.h"

static double secant(const double *x, const double *y, size_t i) { return (y[i + 1] - y[i]) / (x[i + 1] - x[i]); }

/* The first derivative is continuous at each inner place i, with h the widths of the pieces and m the curvatures:
 * h₋ m₋ + 2 (h₋ + h₊) m + h₊ m₊ = 6 (secant₊ − secant₋); at an end with the given slope there: 2 h m + h m₊ = 6 (secant
 * − slope). These are solved from the first to the last, and back. */
lml_status lml_clamped_spline_make(const double *x, const double *y, size_t n, double first, double last,
                                   double *curvatures, lml_error *error) {
  double *above;
  const lml_status status = lml_alloc(&above, n, sizeof *above, "a spline", error);
  if (status != LML_OK) return status;
  above[0] = 0.5;
  curvatures[0] = 3.0 / (x[1] - x[0]) * (secant(x, y, 0) - first);
  for (size_t i = 1; i < n; i++) {
    const double before = x[i] - x[i - 1], after = i + 1 < n ? x[i + 1] - x[i] : 0.0;
    const double change = (i + 1 < n ? secant(x, y, i) : last) - secant(x, y, i - 1);
    const double pivot = 2.0 * (before + after) - before * above[i - 1];
    above[i] = after / pivot;
    curvatures[i] = (6.0 * change - before * curvatures[i - 1]) / pivot;
  }
  for (size_t i = n - 1; i-- > 0;) curvatures[i] -= above[i] * curvatures[i + 1];
  lml_free(above);
  return LML_OK;
}

double lml_clamped_spline_value(const double *x, const double *y, const double *curvatures, size_t n, double at) {
  size_t low = 0, high = n - 1;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (x[middle] > at)
      high = middle;
    else
      low = middle;
  }
  const double h = x[high] - x[low], a = (x[high] - at) / h, b = (at - x[low]) / h;
  return a * y[low] + b * y[high] +
         ((a * a * a - a) * curvatures[low] + (b * b * b - b) * curvatures[high]) * (h * h) / 6.0;
}
