/** @file compression.h
 *  Making sums over target rows cheap: descriptors are counted from their mean, and the space that most rows then lie
 * in is found from a sample.
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

/** Rows picked evenly from those that come by. Initialise with lml_sample_make. */
typedef struct lml_sample {
  size_t width, count, capacity; /**< rows; room for rows */
  size_t stride;                 /**< atoms of which one is picked */
  double *rows;
} lml_sample;

/** Make room for a sample from about @p nrows rows. */
lml_status lml_sample_make(lml_sample *sample, size_t width, size_t nrows, lml_error *error);
void lml_sample_free(lml_sample *sample);
void lml_sample_pick(lml_sample *sample, const lml_row_block *block);

#endif
