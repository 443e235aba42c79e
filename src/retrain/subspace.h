/** @file subspace.h
 *  Σ w x xᵀ over many rows x, of which most lie nearly in a space of few dimensions.
 *
 *  Atoms far from a defect see a crystal that is strained a little, and their rows of the design matrix differ in a few
 *  ways only. Of a row x, in units of the columns' root mean squares, let p be the part within a fixed space with
 *  orthonormal basis V, and e the rest. Where |e| is negligible, p eᵀ + e pᵀ + p pᵀ is all of x xᵀ that counts, and
 *  its sum over the rows follows from K = Σ w x cᵀ with the few numbers c = Vᵀ x: two thin products in the place of a
 *  square one. What is left out, Σ w e eᵀ, is positive semidefinite and at most the tolerance in the mean of its
 *  diagonal. Rows with a larger rest are summed as they are.
 *
 *  (The sum of p and e terms is the best that is known of x xᵀ from K: N. Halko, P. G. Martinsson, J. A. Tropp, SIAM
 *  Rev. 53, 217 (2011), section 5, who also give the way in which the space is found.)
 */
#ifndef LML_RETRAIN_SUBSPACE_H
#define LML_RETRAIN_SUBSPACE_H

#include <stddef.h>

#include "lmlink/error.h"

/** Initialise with `lml_subspace s = {0};`, release with lml_subspace_free. Not changed while it is used. */
typedef struct lml_subspace {
  size_t width;
  size_t rank;     /**< 0: it is not worth it */
  double *inverse; /**< width: 1 / root mean square of each column */
  double *project; /**< rank × width, vector behind vector: V over the root mean squares, so that c = project x */
  double *lift;    /**< rank × width: V times the root mean squares, so that p = liftᵀ c */
} lml_subspace;

/** Mean over the columns of e², in those units, up to which a row counts as lying in the space. */
extern const double lml_subspace_tolerance;

enum {
  LML_SUBSPACE_SAMPLE = 1024,    /**< rows that a sample should have, about */
  LML_SUBSPACE_LEAST_WIDTH = 576 /**< no space is looked for in fewer dimensions */
};

/** Find the space that saves most work for rows like the @p count in @p sample (count × width, row-major, overwritten);
 *  rank is 0 where none saves a fifth of it. */
lml_status lml_subspace_find(lml_subspace *subspace, double *sample, size_t count, size_t width, lml_error *error);
void lml_subspace_free(lml_subspace *subspace);

/** c of @p count rows (at most @p count × rank numbers), and for each row whether it lies in the space; where not, its
 * c are set to zero. */
void lml_subspace_project(const lml_subspace *subspace, const double *rows, size_t count, double *c,
                          unsigned char *inside, double *left_out);

/** Add to @p gram (width × width, lower triangle by columns) the sum over the rows whose K (rank × width, vector behind
 *  vector: Σ w c x) is @p products. @p scratch has room for rank × (width + rank) numbers. */
void lml_subspace_expand(const lml_subspace *subspace, const double *products, double *gram, double *scratch);

#endif
