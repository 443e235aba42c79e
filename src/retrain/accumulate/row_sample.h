/** @file row_sample.h
 *  Rows of a few atoms here and there in a set, made before all others.
 */
#ifndef LML_RETRAIN_ACCUMULATE_ROW_SAMPLE_H
#define LML_RETRAIN_ACCUMULATE_ROW_SAMPLE_H

#include "retrain/rows/workers.h"

/** Initialise with `lml_row_sample s = {0};`, release with lml_row_sample_free, also after a failure. */
typedef struct lml_row_sample {
  size_t width, count;
  double *rows;   /**< count × width, row-major */
  double *shares; /**< count: how many of the set's rows each stands for, in some unit */
} lml_row_sample;

/** About LML_SUBSPACE_SAMPLE rows of the forces of @p set, of structures, without weights, for descriptors that are
 *  counted from the designs' centre. They are of atoms in a few frames, spread over the set, in small clusters, as
 *  atoms that are close to each other need the same neighbours' descriptors. What the clusters are around is spread
 *  over how far descriptors are from the centre, and more densely where that is far: most of the variety is in the few
 *  rows next to a defect. The same for any number of threads, and of ranks. */
lml_status lml_row_sample_draw(lml_row_sample *sample, const lml_workers *workers, const lml_dataset *set,
                               lml_error *error);
void lml_row_sample_free(lml_row_sample *sample);

#endif
