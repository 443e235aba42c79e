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

/** Initialise with `lml_centre c = {0};`, release with lml_centre_free. */
typedef struct lml_centre {
  size_t nelements;
  size_t ncomponents; /**< linear components of each element; its columns are 1, linear, quadratic ones */
  double *values;     /**< nelements × ncomponents: c */
} lml_centre;

/** c = 0. */
lml_status lml_centre_make(lml_centre *centre, size_t nelements, size_t ncomponents, lml_error *error);
void lml_centre_free(lml_centre *centre);

/** A row for B becomes the row for B − c: x M⁻¹. */
void lml_centre_row(const lml_centre *centre, double *row);

/** Coefficients of B become those of B − c: M Θ. */
void lml_centre_coefficients(const lml_centre *centre, double *coefficients);

/** A sum Σ r x over rows for B − c becomes that over the rows for B: Mᵀ times it. */
void lml_centre_restore(const lml_centre *centre, double *vector);

/** A sum Σ x xᵀ over rows for B − c, lower triangle by columns, becomes that over the rows for B. Some of the upper
 *  triangle is overwritten. */
void lml_centre_restore_matrix(const lml_centre *centre, double *matrix);

#endif
