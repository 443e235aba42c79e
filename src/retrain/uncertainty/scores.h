/** @file scores.h
 *  The columns X whose sum of squares X Xᵀ is the covariance of Θ, from rows and their errors.
 *
 *  With C⁺ = Q [Q C Q]⁺ Q, C the matrix of the cost function, rows g of weight w, errors e and leverages h = w gᵀC⁺g:
 *  the *sandwich* C⁺ (Σ s sᵀ) C⁺ has one score s = Σ w e/(1 − h) g for each cluster of rows (P. J. Huber, Proc. Fifth
 *  Berkeley Symp. 1, 221 (1967); with 1 − h as J. G. MacKinnon and H. White, J. Econometrics 29, 305 (1985)). *POPS*
 *  takes for each row the smallest change C⁺g e/(gᵀC⁺g) of Θ that meets it, of the half of the rows with the larger
 *  leverage, and the variance of the box along their principal axes that holds them (T. D. Swinburne and D. Perez,
 *  Mach. Learn.: Sci. Technol. 6, 015008 (2025)).
 */
#ifndef LML_RETRAIN_UNCERTAINTY_SCORES_H
#define LML_RETRAIN_UNCERTAINTY_SCORES_H

#include "retrain/solve/cholesky.h"

/** Vectors, one after the other. Initialise with `lml_vectors v = {.width = n};`, release with lml_vectors_free. */
typedef struct lml_vectors {
  size_t width, count, capacity; /**< capacity: numbers */
  double *values;                /**< count × width */
} lml_vectors;

lml_status lml_vectors_reserve(lml_vectors *vectors, size_t count, lml_error *error);
void lml_vectors_free(lml_vectors *vectors);

/** Rows that are scored: @p count whitened ones y (see lml_solver_whiten), with errors, weights and clusters. */
typedef struct lml_scored_rows {
  size_t count;
  const double *whitened; /**< count × width */
  const double *errors, *weights;
  const size_t *clusters; /**< rows of one stand together */
} lml_scored_rows;

/** Append the whitened scores of the rows' clusters, none of which has begun before. */
lml_status lml_scores_append(lml_vectors *scores, const lml_scored_rows *rows, lml_error *error);

/** Replace vectors by at most width ones with the same sum of squares. */
lml_status lml_vectors_compress(lml_vectors *vectors, lml_error *error);

/** The same from that sum, @p squares (width², the lower triangle by columns), which is overwritten. */
lml_status lml_vectors_from_squares(lml_vectors *vectors, double *squares, lml_error *error);

/** Append POPS' columns of whitened rows. They are of Θ, not whitened. @p scratch has room for rank × rows numbers. */
lml_status lml_pops_append(lml_vectors *columns, const lml_scored_rows *rows, const lml_solver *solver,
                           const lml_constraints *constraints, double *scratch, lml_error *error);

#endif
