/** @file compression.h
 *  Making sums over target rows cheap: descriptors are counted from their mean, and the space that most rows then lie
 * in is found from the first ones.
 */
#ifndef LML_RETRAIN_COMPRESSION_H
#define LML_RETRAIN_COMPRESSION_H

#include "retrain/crew.h"
#include "retrain/normal.h"
#include "retrain/retrain.h"

/** Initialise with `lml_compression c = {0};`, release with lml_compression_free. */
typedef struct lml_compression {
  lml_centre centre;
  lml_subspace subspace;
} lml_compression;

/** The set that a sample would be taken from, NULL where sums are to be exact: that is so without a ridge penalty,
 * which makes what is left out negligible, for linear potentials, and for few rows. */
const lml_dataset *lml_compression_set(const lml_retrain_options *options, const lml_design *design,
                                       double smallest_ridge);

/** Let the designs of @p crew count descriptors from their mean in the first frame of @p set. */
lml_status lml_compression_begin(lml_compression *compression, const lml_crew *crew, const lml_dataset *set,
                                 lml_error *error);

/** Let them count from zero again, and bring the sums to that and to those over all rows. */
lml_status lml_compression_end(lml_compression *compression, const lml_crew *crew, lml_normal *normals, size_t nnormals,
                               lml_error *error);
void lml_compression_free(lml_compression *compression);

enum { LML_KEPT_ROWS = 5120 /**< at most; 65 MB at 1600 coefficients */ };

/** The first rows of a set, kept until the space is found. Initialise with lml_kept_rows_make. */
typedef struct lml_kept_rows {
  size_t width, count, capacity;      /**< rows; room for rows */
  size_t nseen, stride;               /**< blocks that came by, of which one is kept */
  double *rows, *targets, *predicted; /**< one block's behind the other's */
  lml_row_block *blocks;
  size_t nblocks, blocks_capacity;
} lml_kept_rows;

/** Make room for blocks of @p nrows rows, or of LML_KEPT_ROWS that are spread evenly over them. */
lml_status lml_kept_rows_make(lml_kept_rows *kept, size_t width, size_t nrows, lml_error *error);
void lml_kept_rows_free(lml_kept_rows *kept);

/** Keep the block; @p is_kept says whether it is one to be kept. */
lml_status lml_kept_rows_take(lml_kept_rows *kept, const lml_row_block *block, bool *is_kept, lml_error *error);

/** Find the space that they lie in. */
lml_status lml_kept_rows_space(const lml_kept_rows *kept, lml_subspace *subspace, lml_error *error);

#endif
