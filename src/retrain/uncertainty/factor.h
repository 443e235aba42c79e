/** @file factor.h
 *  The factor L of the covariance of Θ from the rows of a solved problem, before it is scaled.
 */
#ifndef LML_RETRAIN_UNCERTAINTY_FACTOR_H
#define LML_RETRAIN_UNCERTAINTY_FACTOR_H

#include "potential/uncertainty.h"
#include "retrain/uncertainty/quantum_rows.h"
#include "retrain/uncertainty/scores.h"

/** A problem that was factorised, and its solution. */
typedef struct lml_solved {
  lml_problem problem;
  lml_solver *solver; /**< holds the factor, until lml_factor_make */
  const double *delta;
} lml_solved;

/** Columns of L, not scaled by α. Initialise with `lml_factor f = {0};`, release with lml_factor_free. */
typedef struct lml_factor {
  size_t width, rank;
  double *columns; /**< rank × width: one after the other */
  double share;    /**< of the trace of XᵀMX */
} lml_factor;

void lml_factor_free(lml_factor *factor);

/** Whitened scores of all held rows but those of fold number @p left_out (≥ the folds: of all), in @p scores, or POPS'
 *  columns. */
lml_status lml_factor_columns(const lml_solved *solved, const lml_held_rows *held, size_t left_out,
                              lml_uncertainty_kind kind, lml_vectors *columns, lml_error *error);

/** From whitened scores, or POPS' columns, @p columns (overwritten) at most @p rank columns X V: V are the leading
 *  eigenvectors of XᵀMX, M = Σ_targets w a aᵀ + λ_S Σ_soft w a aᵀ, so that they keep most of the predicted variance of
 *  the training rows. */
lml_status lml_factor_make(const lml_solved *solved, lml_vectors *columns, lml_uncertainty_kind kind, size_t rank,
                           lml_factor *factor, lml_error *error);

/** |Lᵀ row|². */
double lml_factor_variance(const lml_factor *factor, const double *row);

#endif
