/** @file compression.h
 *  Making sums over target rows cheap: descriptors are counted from their mean, and the space that most rows then lie
 *  in is found from a sample.
 */
#ifndef LML_RETRAIN_SUMS_COMPRESSION_H
#define LML_RETRAIN_SUMS_COMPRESSION_H

#include "retrain/options.h"
#include "retrain/rows/workers.h"
#include "retrain/sums/normal.h"
#include "retrain/sums/row_sample.h"

/** Initialise with `lml_compression c = {0};`, release with lml_compression_free. */
typedef struct lml_compression {
  lml_shift shift;
  lml_subspace subspace; /**< without rank as long as it is not found, or does not pay */
  lml_row_sample sample; /**< rows that it is found from */
} lml_compression;

/** The set that a sample would be taken from, NULL where sums are to be exact: that is so without a ridge penalty,
 * which makes what is left out negligible, for linear potentials, and for few rows. */
const lml_dataset *lml_compression_set(const lml_retrain_options *options, const lml_design *design,
                                       double smallest_ridge);

/** Find the descriptors' mean from which they are to be counted, and take a sample of the rows of @p set. */
lml_status lml_compression_begin(lml_compression *compression, const lml_workers *workers, const lml_dataset *set,
                                 lml_error *error);

/** Find the space that these rows lie in; they are not needed behind it. */
lml_status lml_compression_find(lml_compression *compression, lml_error *error);

/** Bring sums over rows that were made for the centre to those over all rows, for descriptors that count from zero. */
lml_status lml_compression_restore(const lml_compression *compression, lml_normal *normal, lml_error *error);
void lml_compression_free(lml_compression *compression);

#endif
