/** @file normal.h
 *  Normal equations, to which rows are added as they come and of which nothing else is kept.
 */
#ifndef LML_RETRAIN_NORMAL_H
#define LML_RETRAIN_NORMAL_H

#include "base/comm.h"
#include "retrain/design.h"

/** Sums over rows a with deviation r = target − a·Θ₀ and weight w. Initialise with lml_normal_make. */
typedef struct lml_normal {
  size_t width;
  double *gram;   /**< width × width, Σ w a aᵀ: the lower triangle by columns, the rest is not used */
  double *moment; /**< width, Σ w r a */
  double square;  /**< Σ w r² */
  double nrows;   /**< number of rows */
} lml_normal;

lml_status lml_normal_make(lml_normal *normal, size_t width, lml_error *error);
void lml_normal_free(lml_normal *normal);

/** Back to no rows. */
void lml_normal_clear(lml_normal *normal);

/** Where the rows of a set go: the sink's context. */
typedef struct lml_normal_adder {
  lml_normal *normals; /**< one, or as many as the frames are dealt out to */
  size_t nnormals;     /**< the frame at position p of the set goes to normals[(first + p) % nnormals] */
  size_t first;
  double weight;
  bool has_values;     /**< else r counts as zero */
  const double *start; /**< Θ₀, width */
  double deviations[LML_BLOCK_ROWS];
} lml_normal_adder;

/** The sink's operation, with an lml_normal_adder as context. */
lml_status lml_normal_take(void *context, const lml_row_block *block, lml_error *error);

/** Add up the sums of all ranks on rank 0. */
lml_status lml_normal_collect(lml_normal *normal, lml_comm *comm, lml_error *error);

/** Add @p factor times @p from to @p to. */
void lml_normal_add(lml_normal *to, const lml_normal *from, double factor);

/** Σ w (r − a·δ)² over the rows, from the sums; not below 0. @p scratch has room for width numbers. */
double lml_normal_square(const lml_normal *normal, const double *delta, double *scratch);

#endif
