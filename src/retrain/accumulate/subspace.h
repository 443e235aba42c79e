/** @file subspace.h
 *  Σ w x xᵀ over many rows x, of which most lie nearly in a space of few dimensions.
 *
 *  Atoms far from a defect see a crystal that is strained a little, and their rows of the design matrix differ in a few
 *  ways only. Of a row x, in units of the columns' root mean squares, let p = V c be a part within a fixed space with
 *  basis V, and e the rest. Where |e| is negligible, p eᵀ + e pᵀ + p pᵀ is all of x xᵀ that counts, and its sum over
 *  the rows is V Kᵀ + K Vᵀ − V M Vᵀ with K = Σ w x cᵀ and M = Σ w c cᵀ: a thin product in the place of a square one.
 *  What is left out, Σ w e eᵀ, is about the tolerance, at most, in the mean of its diagonal. Rows with a larger rest
 * are summed as they are.
 *
 *  For most rows the first few vectors do. With V = (V₁, V₂) and c = (c₁, c₂) for them and for the others, K then needs
 *  c₁ alone. Of the rest, V₂ c₂ + e, the square V₂ c₂ c₂ᵀ V₂ᵀ is counted too, as it takes no more than a part −c₂ c₂ᵀ
 *  of M; the products of V₂ c₂ with e are left out.
 *
 *  This holds for any numbers c that are linear in x. Those that make |e| smallest would take another thin product.
 *  Instead x is drawn together to a sketch of LML_SUBSPACE_SKETCH numbers, each the sum of some of its elements with
 *  random signs, and c is what makes the sketch of e smallest: the sketches of V are orthonormal. |e| is then a little
 *  larger, and known from its sketch to a tenth.
 *
 *  (The sum of p and e terms is the best that is known of x xᵀ from K: N. Halko, P. G. Martinsson, J. A. Tropp, SIAM
 *  Rev. 53, 217 (2011), section 5. Sketches: D. P. Woodruff, Found. Trends Theor. Comput. Sci. 10, 1 (2014), sections
 *  2.1 and 2.2.)
 */
#ifndef LML_RETRAIN_ACCUMULATE_SUBSPACE_H
#define LML_RETRAIN_ACCUMULATE_SUBSPACE_H

#include <stddef.h>

#include "lmlink/error.h"

/** Initialise with `lml_subspace s = {0};`, release with lml_subspace_free. Not changed while it is used. */
typedef struct lml_subspace {
  size_t width;
  size_t rank;     /**< 0: it is not worth it */
  size_t nleading; /**< of the vectors, which come in the order of importance, these first ones do for most rows */
  double *inverse; /**< width: 1 / root mean square of each column */
  double *signed_inverse; /**< the same with the signs of the sketch */
  double *basis;    /**< rank × width, vector after vector: V times the root mean squares, so that p = basisᵀ c */
  double *sketches; /**< rank × LML_SUBSPACE_SKETCH, vector after vector: of V, orthonormal */
} lml_subspace;

/** Mean over the columns, in those units, of what may be left out of x xᵀ: |e|², or |V₂ c₂| |e|. */
extern const double lml_subspace_tolerance;

enum {
  LML_SUBSPACE_SAMPLE = 360,     /**< rows that a sample should have, about */
  LML_SUBSPACE_SKETCH = 256,     /**< numbers that a row is drawn together to */
  LML_SUBSPACE_LEAST_WIDTH = 576 /**< no space is looked for in fewer dimensions */
};

/** Find the space that saves most work for rows like the @p count in @p sample (count × width, row-major), which
 *  stand for @p shares (count, any unit) of all rows; both are overwritten; rank is 0 where none saves a fifth of it.
 */
lml_status lml_subspace_find(lml_subspace *subspace, double *sample, double *shares, size_t count, size_t width,
                             lml_error *error);
void lml_subspace_free(lml_subspace *subspace);

/** Where a row lies. */
typedef enum lml_row_place {
  LML_ROW_OUTSIDE = 0,
  LML_ROW_LEADING, /**< the first `near` vectors do */
  LML_ROW_INSIDE   /**< it needs all vectors */
} lml_row_place;

/** c of @p count rows, rank numbers each, and where each lies; outside, its c are zero. |e|² of the others, with all
 *  vectors, is added to @p neglected. @p sketches has room for LML_SUBSPACE_SKETCH × @p count numbers. */
void lml_subspace_project(const lml_subspace *subspace, const double *rows, size_t count, double *c,
                          lml_row_place *places, double *neglected, double *sketches);

/** Add to @p gram (width × width, lower triangle by columns) the sum over the rows whose K (rank × width, vector behind
 *  vector) is @p products and whose M (rank², lower triangle by columns) is @p inner. @p scratch has room for rank ×
 *  width numbers. */
void lml_subspace_expand(const lml_subspace *subspace, const double *products, const double *inner, double *gram,
                         double *scratch);

#endif
