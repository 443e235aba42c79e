/** @file quadratic.h
 *  Energies of a quadratic potential, and their derivatives by the components.
 */
#ifndef LML_PRODUCT_QUADRATIC_H
#define LML_PRODUCT_QUADRATIC_H

#include "potential/product/product.h"
#include "potential/simd/vector.h"

enum { QUADRATIC_ROWS = 8 };

/** Rows @p first to @p first + @p rows − 1 of β = Θ + A B, but those before @p from, which are there already; returns
 *  what they add to 2 E. */
ALWAYS_INLINE vec quadratic_rows(int rows, int n, int first, int from, const lml_quadratic_form *form, ivec here,
                                 const vec *b, vec *beta) {
  vec sum[QUADRATIC_ROWS], energy = splat(0.0);
  for (int r = 0; r < rows; r++) sum[r] = splat(form->linear[first + r]);
  for (int d = 0; d < n; d++)
    for (int r = 0; r < rows; r++) sum[r] += form->matrix[d * n + first + r] * b[d];
  for (int r = from - first; r < rows; r++) {
    beta[first + r] = choose(here, sum[r], beta[first + r]);
    energy += b[first + r] * (sum[r] + form->linear[first + r]);
  }
  return energy;
}

/** One model's effective Θ: β = Θ + A B, and E = Θ₀ + ½ (Θ + β)·B. The last rows are summed with some that were, so
 *  that their number is known to the compiler. */
static void quadratic(int n, const lml_quadratic_form *form, const double *mask, const double *values, double *beta,
                      double *energies) {
  const ivec here = *as_vec(mask) != splat(0.0);
  const vec *b = as_vec(values);
  vec energy = splat(0.0), *to = as_vec_mutable(beta);
  int first = 0;
  for (; first + QUADRATIC_ROWS <= n; first += QUADRATIC_ROWS)
    energy += quadratic_rows(QUADRATIC_ROWS, n, first, first, form, here, b, to);
  if (first < n && n >= QUADRATIC_ROWS)
    energy += quadratic_rows(QUADRATIC_ROWS, n, n - QUADRATIC_ROWS, first, form, here, b, to);
  for (; first < n && n < QUADRATIC_ROWS; first++) energy += quadratic_rows(1, n, first, first, form, here, b, to);
  vec *total = as_vec_mutable(energies);
  *total = choose(here, form->constant + 0.5 * energy, *total);
}

#endif
