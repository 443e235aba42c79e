/** @file quadratic.h
 *  Energies of a quadratic potential, and their derivatives by the components.
 */
#ifndef LML_PRODUCT_QUADRATIC_H
#define LML_PRODUCT_QUADRATIC_H

#include "potential/product/product.h"
#include "potential/simd/vector.h"

/** One model's effective Θ: β = Θ + A B, and E = Θ₀ + ½ (Θ + β)·B. */
static void quadratic(int n, const lml_quadratic_form *form, const double *mask, const double *values, double *beta,
                      double *energies) {
  enum { ROWS = 8 };
  const ivec here = *as_vec(mask) != splat(0.0);
  const vec *b = as_vec(values);
  vec energy = splat(0.0);
  for (int first = 0; first < n; first += ROWS) {
    const int rows = n - first < ROWS ? n - first : ROWS;
    vec sum[ROWS];
    for (int r = 0; r < ROWS; r++) sum[r] = splat(r < rows ? form->linear[first + r] : 0.0);
    if (rows == ROWS)
      for (int d = 0; d < n; d++)
        for (int r = 0; r < ROWS; r++) sum[r] += form->matrix[d * n + first + r] * b[d];
    else
      for (int d = 0; d < n; d++)
        for (int r = 0; r < rows; r++) sum[r] += form->matrix[d * n + first + r] * b[d];
    for (int r = 0; r < rows; r++) {
      vec *to = as_vec_mutable(beta) + first + r;
      *to = choose(here, sum[r], *to);
      energy += b[first + r] * (sum[r] + form->linear[first + r]);
    }
  }
  vec *total = as_vec_mutable(energies);
  *total = choose(here, form->constant + 0.5 * energy, *total);
}

#endif
