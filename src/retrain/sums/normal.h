/** @file normal.h
 *  Normal equations, to which rows are added as they come and of which nothing else is kept.
 */
#ifndef LML_RETRAIN_SUMS_NORMAL_H
#define LML_RETRAIN_SUMS_NORMAL_H

#include <stdbool.h>

#include "base/comm.h"
#include "retrain/sums/energy_offset.h"

/** Sums over rows that lie in a space of few dimensions, until they are brought into a gram matrix: see
 *  accumulate/accumulator.h. */
typedef struct lml_thin_sums {
  size_t rank;      /**< dimensions; 0: there are none */
  double *products; /**< rank × width: K */
  double *inner;    /**< rank², the lower triangle by columns: M */
} lml_thin_sums;

lml_status lml_thin_sums_make(lml_thin_sums *thin, size_t rank, size_t width, lml_error *error);
void lml_thin_sums_free(lml_thin_sums *thin);

/** Sums over rows a with deviation r = target − a·Θ₀ and weight w. Initialise with lml_normal_make. */
typedef struct lml_normal {
  size_t width;
  double *gram;              /**< width × width, Σ w a aᵀ: the lower triangle by columns, the rest is not used */
  bool has_gram;             /**< else gram stands for zeros and is undefined, until lml_normal_finalise */
  double *rhs;               /**< width, Σ w r a */
  double ssr;                /**< Σ w r² */
  double nrows;              /**< number of rows */
  lml_thin_sums thin;        /**< of rows that are not in gram yet */
  double dimension, ninside; /**< of the space that was used; rows in it */
  double neglected;          /**< Σ e² of what was left out of their squares, see accumulate/subspace.h */
  lml_offset_sums offsets;   /**< over the rows whose energies are offset; without count: none */
} lml_normal;

lml_status lml_normal_make(lml_normal *normal, size_t width, lml_error *error);
void lml_normal_free(lml_normal *normal);

/** From now on rows may be added whose energies are offset, for @p nelements elements (0: none may). */
lml_status lml_normal_allow_offsets(lml_normal *normal, size_t nelements, lml_error *error);

/** Back to no rows. */
void lml_normal_clear(lml_normal *normal);

/** Define the gram matrix where nothing has been added to it. */
void lml_normal_finalise(lml_normal *normal);

/** Add @p from to @p to, which has as many thin sums, or none. */
void lml_normal_add(lml_normal *to, const lml_normal *from);

/** Add up the sums of all ranks on rank 0. Finalises. */
lml_status lml_normal_collect(lml_normal *normal, lml_comm *comm, lml_error *error);

/* What is found from the sums is found with the offsets that are best for each δ, where there are some: they are
 * finalised sums of a problem in δ alone. */

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

#endif
