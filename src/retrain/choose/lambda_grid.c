#include "retrain/choose/lambda_grid.h"

#include <math.h>

static void find_bounds(lml_lambda_grid *grid) {
  double least = INFINITY, most = -INFINITY;
  for (size_t k = 0; k < grid->count; k++) {
    least = fmin(least, log10(grid->values[k]));
    most = fmax(most, log10(grid->values[k]));
  }
  grid->spacing = grid->count > 1 ? (most - least) / (double)(grid->count - 1) : 0.0;
  grid->lower = least - grid->spacing;
  grid->upper = most + grid->spacing;
}

void lml_lambda_grid_given(lml_lambda_grid *grid, const double *values, size_t count, double otherwise) {
  *grid = (lml_lambda_grid){.values = values, .count = count};
  if (count == 0) {
    grid->own[0] = otherwise;
    grid->values = grid->own;
    grid->count = 1;
  }
  find_bounds(grid);
}

/** @p count powers of ten, from @p first on, @p step by step. */
static void put_powers(lml_lambda_grid *grid, double first, double step, size_t count) {
  *grid = (lml_lambda_grid){.values = grid->own, .count = count};
  for (size_t k = 0; k < count; k++) grid->own[k] = lml_lambda_round(first + step * (double)k);
  find_bounds(grid);
}

/** The nearest power of ten; that of 1 where there is no scale. */
static double power_of(double scale) { return scale > 0.0 && isfinite(scale) ? round(log10(scale)) : 0.0; }

void lml_lambda_grid_soft(lml_lambda_grid *grid, double balance) {
  put_powers(grid, power_of(balance) + 4.0, -2.0, LML_GRID_SOFT);
}

void lml_lambda_grid_ridge(lml_lambda_grid *grid, double largest) {
  put_powers(grid, power_of(largest) - 12.0, 2.0, LML_GRID_RIDGE);
}

double lml_lambda_round(double logarithm) {
  const double exponent = floor(logarithm) - 2.0, digits = round(pow(10.0, logarithm - exponent));
  return exponent < 0.0 ? digits / pow(10.0, -exponent) : digits * pow(10.0, exponent);
}
