/** @file eigen.h
 *  Leading eigenvectors of a symmetric matrix.
 */
#ifndef LML_RETRAIN_UNCERTAINTY_EIGEN_H
#define LML_RETRAIN_UNCERTAINTY_EIGEN_H

#include <stddef.h>

#include "lmlink/error.h"

/** The @p count (≤ n) largest eigenvalues of @p matrix (n², the lower triangle by columns, which is overwritten) into
 *  @p values, descending, and their orthonormal vectors, one after the other, into @p vectors (count × n). */
lml_status lml_eigen_leading(double *matrix, size_t n, size_t count, double *values, double *vectors, lml_error *error);

#endif
