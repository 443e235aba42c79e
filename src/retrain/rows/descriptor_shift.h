/** @file descriptor_shift.h
 *  Rows of the design matrix for descriptors that are counted from a centre: B − c in the place of B.
 *
 *  In a crystal each B is a large number that varies little, so that the products B B' of a quadratic potential are all
 *  much alike. Products of the deviations b = B − c are not, and span the same functions of the structure: a row x for
 *  the coefficients Θ of B is the row x M⁻¹ for the coefficients M Θ of b, where M is 1 on the diagonal and adds to the
 *  coefficient of each bᵢ those of its products times their c, and to the constant what remains.
 */
#ifndef LML_RETRAIN_ROWS_DESCRIPTOR_SHIFT_H
#define LML_RETRAIN_ROWS_DESCRIPTOR_SHIFT_H

#include <stddef.h>

#include "lmlink/error.h"

/** Initialise with `lml_shift c = {0};`, release with lml_shift_free. */
typedef struct lml_shift {
  size_t nelements;
  size_t ncomponents; /**< linear components of each element; its columns are 1, linear, quadratic ones */
  double *values;     /**< nelements × ncomponents: c */
} lml_shift;

/** c = 0. */
lml_status lml_shift_make(lml_shift *shift, size_t nelements, size_t ncomponents, lml_error *error);
void lml_shift_free(lml_shift *shift);

/** A row for B becomes the row for B − c: x M⁻¹. */
void lml_shift_row(const lml_shift *shift, double *row);

/** Coefficients of B become those of B − c: M Θ. */
void lml_shift_coefficients(const lml_shift *shift, double *coefficients);

/** A sum Σ r x over rows for B − c becomes that over the rows for B: Mᵀ times it. */
void lml_shift_restore(const lml_shift *shift, double *vector);

/** A sum Σ x xᵀ over rows for B − c, lower triangle by columns, becomes that over the rows for B. Some of the upper
 *  triangle is overwritten. */
void lml_shift_restore_matrix(const lml_shift *shift, double *matrix);

#endif
