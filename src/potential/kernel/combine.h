/** @file combine.h
 *  Gradients of quadratic descriptors, from B and ∂B/∂r of all atoms that one atom's position matters to.
 */
#ifndef LML_POTENTIAL_KERNEL_COMBINE_H
#define LML_POTENTIAL_KERNEL_COMBINE_H

#include "base/memory.h"
#include "potential/bispectrum_kernel.h"
#include "potential/kernel/vector.h"

/** Rows and columns of a tile, whose sums fill the registers. */
enum { COMBINE_ROWS = 4, COMBINE_VECTORS = LML_LANES == 8 ? 4 : 2 };

/** sums[r] = Σ over sources of B_c ∂B_d + B_d ∂B_c: c = @p row + r, and d the columns from @p column on. */
ALWAYS_INLINE void combine_tile(int nvectors, int nsources, const double *const *values, const double *const *slopes,
                                int row, int column, double sums[COMBINE_ROWS][COMBINE_VECTORS * LML_LANES]) {
  vec sum[COMBINE_ROWS][COMBINE_VECTORS];
  for (int r = 0; r < COMBINE_ROWS; r++)
    for (int v = 0; v < nvectors; v++) sum[r][v] = splat(0.0);
  for (int k = 0; k < nsources; k++) {
    const vec *b = as_vec(values[k] + column), *slope = as_vec(slopes[k] + column);
    for (int r = 0; r < COMBINE_ROWS; r++)
      for (int v = 0; v < nvectors; v++) sum[r][v] += values[k][row + r] * slope[v] + slopes[k][row + r] * b[v];
  }
  for (int r = 0; r < COMBINE_ROWS; r++)
    for (int v = 0; v < nvectors; v++) as_vec_mutable(sums[r])[v] = sum[r][v];
}

/** Copy the part of a tile that is not below the diagonal; @p to is where the row of d = c = @p row begins. */
static void copy_tile(int n, int rows, int row, int column, int end,
                      double sums[COMBINE_ROWS][COMBINE_VECTORS * LML_LANES], double *to) {
  for (int c = row; c < row + rows; to += n - c, c++) {
    const int first = c > column ? c : column;
    if (first >= end) continue;
    memcpy(to + (first - c), &sums[c - row][first - column], (size_t)(end - first) * sizeof(double));
    if (first == c) to[0] *= 0.5;
  }
}

static void combine(int n, int nsources, const double *const *values, const double *const *slopes, double *to) {
  for (int c = 0; c < n; c++) {
    to[c] = 0.0;
    for (int k = 0; k < nsources; k++) to[c] += slopes[k][c];
  }
  to += n;
  for (int row = 0; row < n; row += COMBINE_ROWS) {
    const int rows = n - row < COMBINE_ROWS ? n - row : COMBINE_ROWS;
    for (int column = row / LML_LANES * LML_LANES, end; column < n; column = end) {
      const int left = (n - column + LML_LANES - 1) / LML_LANES;
      const int nvectors = left >= COMBINE_VECTORS ? COMBINE_VECTORS : left >= 2 ? 2 : 1;
      _Alignas(LML_ALIGNMENT) double sums[COMBINE_ROWS][COMBINE_VECTORS * LML_LANES];
      if (nvectors == COMBINE_VECTORS)
        combine_tile(COMBINE_VECTORS, nsources, values, slopes, row, column, sums);
      else if (nvectors == 2)
        combine_tile(2, nsources, values, slopes, row, column, sums);
      else
        combine_tile(1, nsources, values, slopes, row, column, sums);
      end = column + nvectors * LML_LANES;
      copy_tile(n, rows, row, column, end < n ? end : n, sums, to);
    }
    for (int r = 0; r < rows; r++) to += n - row - r;
  }
}

#endif
