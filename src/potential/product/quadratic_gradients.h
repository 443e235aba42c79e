/** @file quadratic_gradients.h
 *  Gradients of quadratic descriptors, from B and ∂B/∂r of all atoms that one atom's position matters to.
 */
#ifndef LML_PRODUCT_QUADRATIC_GRADIENTS_H
#define LML_PRODUCT_QUADRATIC_GRADIENTS_H

#include "potential/product/product.h"
#include "potential/simd/vector.h"

/** Rows and columns of a tile, whose sums fill the registers. */
enum { COMBINE_ROWS = 4, COMBINE_VECTORS = LML_LANES == 8 ? 4 : 2 };

/** Write the sums of the columns from @p column on, those from @p first to before @p end; @p to is where @p first goes.
 */
ALWAYS_INLINE void put_columns(int first, int end, int column, vec sums, double *to) {
  if (column >= first && column + LML_LANES <= end) {
    memcpy(to + (column - first), &sums, sizeof sums);
    return;
  }
  for (int l = 0; l < LML_LANES; l++)
    if (column + l >= first && column + l < end) to[column + l - first] = sums[l];
}

/** Σ over sources of B_c ∂B_d + B_d ∂B_c: c is @p row and the next ones, and d the columns from @p column on. @p to is
 *  where the row of d = c = @p row begins. */
ALWAYS_INLINE void quadratic_gradients_tile(int n, int nvectors, int nsources, const double *const *values,
                                            const double *const *gradients, int row, int column, double *to) {
  vec sum[COMBINE_ROWS][COMBINE_VECTORS];
  for (int r = 0; r < COMBINE_ROWS; r++)
    for (int v = 0; v < nvectors; v++) sum[r][v] = splat(0.0);
  for (int k = 0; k < nsources; k++) {
    const vec *b = as_vec(values[k] + column), *slope = as_vec(gradients[k] + column);
    for (int r = 0; r < COMBINE_ROWS; r++)
      for (int v = 0; v < nvectors; v++) /* in turn: two fused multiply-adds */
        sum[r][v] = sum[r][v] + values[k][row + r] * slope[v] + gradients[k][row + r] * b[v];
  }
  for (int c = row; c < row + COMBINE_ROWS && c < n; to += n - c, c++)
    for (int v = 0; v < nvectors; v++) put_columns(c, n, column + v * LML_LANES, sum[c - row][v], to);
}

/** Σ over sources of ∂B_d, of one vector of columns. */
ALWAYS_INLINE vec sum_gradients(int nsources, const double *const *gradients, int column) {
  vec sum = splat(0.0);
  for (int k = 0; k < nsources; k++) sum += *as_vec(gradients[k] + column);
  return sum;
}

static void quadratic_gradients(int n, int nsources, const double *const *values, const double *const *gradients,
                                double *to) {
  for (int column = 0; column < n; column += LML_LANES)
    put_columns(0, n, column, sum_gradients(nsources, gradients, column), to);
  to += n;
  for (int row = 0; row < n; row += COMBINE_ROWS) {
    for (int column = row / LML_LANES * LML_LANES, nvectors; column < n; column += nvectors * LML_LANES) {
      const int left = (n - column + LML_LANES - 1) / LML_LANES;
      nvectors = left >= COMBINE_VECTORS ? COMBINE_VECTORS : left >= 2 ? 2 : 1;
      if (nvectors == COMBINE_VECTORS)
        quadratic_gradients_tile(n, COMBINE_VECTORS, nsources, values, gradients, row, column, to);
      else if (nvectors == 2)
        quadratic_gradients_tile(n, 2, nsources, values, gradients, row, column, to);
      else
        quadratic_gradients_tile(n, 1, nsources, values, gradients, row, column, to);
    }
    for (int c = row; c < row + COMBINE_ROWS && c < n; to += n - c, c++) *to *= 0.5;
  }
}

#endif
