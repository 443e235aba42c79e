/** @file normal.h
 *  Normal equations, to which rows are added as they come and of which nothing else is kept.
 */
#ifndef LML_RETRAIN_SUMS_NORMAL_H
#define LML_RETRAIN_SUMS_NORMAL_H

#include <stdbool.h>

#include "base/comm.h"
#include "retrain/rows/design.h"
#include "retrain/sums/energy_offset.h"
#include "retrain/sums/subspace.h"

/** Sums over rows a with deviation r = target − a·Θ₀ and weight w. Initialise with lml_normal_make. */
typedef struct lml_normal {
  size_t width;
  double *gram;                 /**< width × width, Σ w a aᵀ: the lower triangle by columns, the rest is not used */
  bool has_gram;                /**< else gram stands for zeros and is undefined, until lml_normal_finalise */
  double *rhs;                  /**< width, Σ w r a */
  double ssr;                   /**< Σ w r² */
  double nrows;                 /**< number of rows */
  const lml_subspace *subspace; /**< what most rows lie in; NULL: all are summed as they are */
  double *products;             /**< of rows in the subspace, until lml_normal_expand: K, rank × width */
  double *inner;                /**< likewise: M, rank², the lower triangle by columns */
  double dimension, ninside;    /**< of the subspace that was used; rows in it */
  double neglected;             /**< Σ e² of what was left out, see subspace.h */
  lml_offset_sums offsets;      /**< over the rows whose energies are offset; without count: none */
} lml_normal;

lml_status lml_normal_make(lml_normal *normal, size_t width, lml_error *error);
void lml_normal_free(lml_normal *normal);

/** From now on rows may be added whose energies are offset, for @p nelements elements (0: none may). */
lml_status lml_normal_allow_offsets(lml_normal *normal, size_t nelements, lml_error *error);

/** Back to no rows. */
void lml_normal_clear(lml_normal *normal);

/** Define the gram matrix where nothing has been added to it. */
void lml_normal_finalise(lml_normal *normal);

/** Use @p subspace (may be NULL, else has a rank) for rows that are added from now on; it must outlive their sums. */
lml_status lml_normal_set_subspace(lml_normal *normal, const lml_subspace *subspace, lml_error *error);

/** Add @p from to @p to, which has the same subspace. */
void lml_normal_add(lml_normal *to, const lml_normal *from);

/** Bring the sums over rows in the subspace to those over the others; there is no subspace afterwards. Settles. */
lml_status lml_normal_expand(lml_normal *normal, lml_error *error);

/** Add up the sums of all ranks on rank 0. Settles. */
lml_status lml_normal_collect(lml_normal *normal, lml_comm *comm, lml_error *error);

/* What is found from the sums is found with the offsets that are best for each δ, where there are some: they are
 * settled sums of a problem in δ alone. */

/** The matrix of that problem into the lower triangle by columns of @p matrix (width²). */
void lml_normal_copy_gram(const lml_normal *normal, double *matrix);

/** @p product (width) = α times its matrix times @p vector, plus β times @p product. */
void lml_normal_multiply(const lml_normal *normal, double alpha, const double *vector, double beta, double *product);

/** Its right side: Σ w r a with offsets taken off. */
void lml_normal_copy_rhs(const lml_normal *normal, double *rhs);

/** Σ w (r − a·δ)² over the rows, from the sums; not below 0. @p scratch has room for width numbers. */
double lml_normal_ssr(const lml_normal *normal, const double *delta, double *scratch);

/** The same with the offsets that @p trained gives for δ, which may have none: then with its own. With @p delta NULL
 * for δ = 0; @p scratch is not used then. */
double lml_normal_ssr_unseen(const lml_normal *normal, const lml_normal *trained, const double *delta, double *scratch);
/** Σ w (a·δ)² over the rows, likewise. */
double lml_normal_change(const lml_normal *normal, const double *delta, double *scratch);

/** Rows that wait until there are enough of their kind for a product of matrices. */
typedef struct lml_row_queue {
  size_t count;
  double *rows;  /**< LML_BLOCK_ROWS × width */
  double *along; /**< LML_BLOCK_ROWS × rank: their c; of rows outside the subspace NULL */
} lml_row_queue;

/** The sums over some rows, and those of the rows that wait for being added to them. */
typedef struct lml_accumulator {
  lml_normal sums;
  lml_row_queue outside; /**< the subspace: rows times the square roots of their weights */
  lml_row_queue inside;  /**< rows that need all of its vectors, times their weights */
  double *along;         /**< LML_BLOCK_ROWS × rank: c of a block's rows */
  double *sketches;      /**< LML_BLOCK_ROWS × LML_SUBSPACE_SKETCH */
} lml_accumulator;

/** Where the rows of a set go: the sink's context. */
typedef struct lml_accumulation {
  lml_accumulator *parts;       /**< one for each slot */
  const lml_subspace *subspace; /**< that of the parts, or NULL: all rows are summed as they are */
  double weight;
  bool has_values; /**< else r counts as zero */
} lml_accumulation;

lml_status lml_accumulator_make(lml_accumulator *part, size_t width, const lml_subspace *subspace, lml_error *error);
void lml_accumulator_free(lml_accumulator *part);

/** The sink's operation, with an lml_accumulation as context. */
lml_status lml_accumulate_rows(void *context, const lml_row_block *block, lml_error *error);

/** No further rows come: add those that wait. */
void lml_accumulator_flush(lml_accumulator *part);

/** Back to no rows. */
void lml_accumulator_clear(lml_accumulator *part);

#endif
