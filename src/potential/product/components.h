/** @file components.h
 *  What is known of atoms from their components alone: sums of products, and distances.
 */
#ifndef LML_PRODUCT_COMPONENTS_H
#define LML_PRODUCT_COMPONENTS_H

#include "potential/product/product.h"
#include "potential/simd/vector.h"

/** Rows and columns of a tile of products, whose sums fill the registers. */
enum { PRODUCT_ROWS = 4, PRODUCT_COLUMNS = LML_LANES == 8 ? 4 : 2, PRODUCT_TILE = PRODUCT_ROWS * PRODUCT_COLUMNS };

/** Sums of a tile of @p nrows × @p ncolumns products from (@p row, @p column) on, lanes added up. */
ALWAYS_INLINE void sum_tile(int nrows, int ncolumns, int n, size_t nruns, const vec *masks, const vec *rows,
                            const vec *columns, vec *totals) {
  vec sums[PRODUCT_TILE];
  for (int k = 0; k < PRODUCT_TILE; k++) sums[k] = splat(0.0);
  for (size_t run = 0; run < nruns; run++, rows += n, columns += n)
    for (int r = 0; r < nrows; r++) {
      const vec one = in_register(masks[run] * rows[r]);
      for (int c = 0; c < ncolumns; c++) sums[r * PRODUCT_COLUMNS + c] += one * columns[c];
    }
  for (int k = 0; k < PRODUCT_TILE; k += LML_LANES) {
    transpose(sums + k);
    vec total = sums[k];
    for (int l = 1; l < LML_LANES; l++) total += sums[k + l];
    totals[k / LML_LANES] = total;
  }
}

static void add_products(int n, size_t nruns, const double *masks, const double *values, double *sums) {
  const vec *b = as_vec(values);
  for (int row = 0; row < n; row += PRODUCT_ROWS)
    for (int column = row; column < n; column += PRODUCT_COLUMNS) {
      vec totals[PRODUCT_TILE / LML_LANES];
      const int nrows = n - row < PRODUCT_ROWS ? n - row : PRODUCT_ROWS;
      const int ncolumns = n - column < PRODUCT_COLUMNS ? n - column : PRODUCT_COLUMNS;
      if (nrows == PRODUCT_ROWS && ncolumns == PRODUCT_COLUMNS)
        sum_tile(PRODUCT_ROWS, PRODUCT_COLUMNS, n, nruns, as_vec(masks), b + row, b + column, totals);
      else
        sum_tile(nrows, ncolumns, n, nruns, as_vec(masks), b + row, b + column, totals);
      for (int r = 0; r < nrows; r++) {
        double *to = sums + (row + r) * n - (row + r) * (row + r - 1) / 2 - (row + r);
        for (int c = column < row + r ? row + r - column : 0; c < ncolumns; c++) {
          const int k = r * PRODUCT_COLUMNS + c;
          to[column + c] += totals[k / LML_LANES][k % LML_LANES];
        }
      }
    }
}

/** Columns of the factor that are summed at a time. */
enum { SQUARES_COLUMNS = 8 };

/** Squares of columns @p first to @p first + @p ncolumns − 1 of Rᵀ(B − μ), those before @p from left out. */
ALWAYS_INLINE vec squares_of(int ncolumns, int n, int first, int from, const double *mean, const double *factor,
                             const vec *b) {
  vec sum[SQUARES_COLUMNS], square = splat(0.0);
  for (int c = 0; c < ncolumns; c++) sum[c] = splat(0.0);
  for (int row = 0; row < first + ncolumns; row++) {
    const vec difference = b[row] - mean[row];
    const double *r = factor + row * n + first;
    for (int c = 0; c < ncolumns; c++) sum[c] += r[c] * difference;
  }
  for (int c = from - first; c < ncolumns; c++) square += sum[c] * sum[c];
  return square;
}

/** The last columns are summed with some that were: that is faster than a chain of additions for each. */
static void squares(int n, const double *mean, const double *factor, const double *values, double *to) {
  const vec *b = as_vec(values);
  vec square = splat(0.0);
  int first = 0;
  for (; first + SQUARES_COLUMNS <= n; first += SQUARES_COLUMNS)
    square += squares_of(SQUARES_COLUMNS, n, first, first, mean, factor, b);
  if (first < n && n >= SQUARES_COLUMNS)
    square += squares_of(SQUARES_COLUMNS, n, n - SQUARES_COLUMNS, first, mean, factor, b);
  for (; first < n && n < SQUARES_COLUMNS; first++) square += squares_of(1, n, first, first, mean, factor, b);
  *as_vec_mutable(to) = square;
}

#endif
