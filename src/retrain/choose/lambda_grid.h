/** @file lambda_grid.h
 *  The values of one λ that are tried first, and how far a search goes beyond them.
 */
#ifndef LML_RETRAIN_CHOOSE_LAMBDA_GRID_H
#define LML_RETRAIN_CHOOSE_LAMBDA_GRID_H

#include <stddef.h>

enum { LML_GRID_SOFT = 5, LML_GRID_RIDGE = 6 /**< values where none are given */ };

/** Values, and in decades (log10 λ) their mean distance and the bounds of a search: as far beyond the outermost values.
 */
typedef struct lml_lambda_grid {
  const double *values;
  size_t count; /**< of one value, it is fixed */
  double spacing, lower, upper;
  double own[LML_GRID_RIDGE];
} lml_lambda_grid;

/** The given values, which must outlive the grid, or, where @p count is 0, @p otherwise alone. */
void lml_lambda_grid_given(lml_lambda_grid *grid, const double *values, size_t count, double otherwise);

/** λ_S around @p balance, at which targets and soft constraints weigh the same: 4 decades to either side, the largest
 * first. */
void lml_lambda_grid_soft(lml_lambda_grid *grid, double balance);

/** λ₀ from 1e-12 to 1e-2 times @p largest, the largest eigenvalue of the targets' sums. */
void lml_lambda_grid_ridge(lml_lambda_grid *grid, double largest);

/** 10 to the power of @p logarithm, rounded to three digits: more of them change nothing, and can be typed again. */
double lml_lambda_round(double logarithm);

#endif
