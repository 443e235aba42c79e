/** @file qr.h
 *  The minimum of the cost function from the rows themselves, by a blocked QR factorisation in which each block of rows
 *  is folded into one triangle (TSQR): for data so ill-conditioned that normal equations, whose condition number is the
 *  square, would lose too many digits.
 */
#ifndef LML_RETRAIN_SOLVE_QR_H
#define LML_RETRAIN_SOLVE_QR_H

#include "base/comm.h"
#include "retrain/solve/constraints.h"
#include "retrain/sums/energy_offset.h"

/** The triangle of all rows [a Q_H S, r] so far, S being a scaling of the columns. Initialise with lml_qr_make. */
typedef struct lml_qr {
  size_t width;
  const lml_constraints *constraints;
  double *triangle; /**< (width + 1)², upper triangle by columns; the last column belongs to r */
  double *scale;    /**< width */
  double *rows;     /**< LML_BLOCK_ROWS × width: the projected rows */
  double *block;    /**< LML_BLOCK_ROWS × (width + 1), by columns */
  double *products; /**< LML_BLOCK_ROWS × rank */
  double *reflectors, *work;
} lml_qr;

/** Begin with no rows. @p constraints must outlive it. @p scale (width) brings the columns to about the same length. */
lml_status lml_qr_make(lml_qr *qr, const lml_constraints *constraints, const double *scale, lml_error *error);
void lml_qr_free(lml_qr *qr);

/** Where the rows of a set go: the sink's context. Rows and deviations r = (target or 0) − a·start are multiplied by
 *  the square root of @p weight. */
typedef struct lml_qr_adder {
  lml_qr *qr;
  double weight;
  bool has_values;
  const double *start;            /**< Θ₀ + shift where there are values, else the shift; NULL: zero */
  const lml_offset_sums *offsets; /**< of rows whose energies are offset; best ones are taken off them */
  size_t offset_rank;             /**< see lml_offset_sums_reduce */
  const double *best;             /**< offsets that are best for `start` */
  double deviations[LML_BLOCK_ROWS];
} lml_qr_adder;

/** The sink's operation, with an lml_qr_adder as context. */
lml_status lml_qr_accumulate(void *context, const lml_row_block *block, lml_error *error);

/** Fold the triangles of all ranks into rank 0's. */
lml_status lml_qr_collect(lml_qr *qr, lml_comm *comm, lml_error *error);

/** Rank 0: x, to be added to the shift, with ridge parameter @p lambda_ridge times @p ridge (width) for each
 *  coefficient, and the triangle's condition number. LML_ERR_INPUT where the data do not determine all coefficients. */
lml_status lml_qr_solve(lml_qr *qr, double lambda_ridge, const double *ridge, double *x, double *condition,
                        lml_error *error);

#endif
