/** @file accumulator.h
 *  Accumulating rows of the design matrix in normal equations.
 *
 *  Each thread adds rows to an *accumulator*; what it holds is added to the sums of all when a unit of frames is done.
 *  Most target rows of a large crystal lie nearly in a space of few dimensions: a thin product then takes the place of
 *  a square one. The rest of this folder is about that, and no business of others.
 */
#ifndef LML_RETRAIN_ACCUMULATE_ACCUMULATOR_H
#define LML_RETRAIN_ACCUMULATE_ACCUMULATOR_H

#include "retrain/options.h"
#include "retrain/rows/workers.h"
#include "retrain/sums/normal.h"

/* ---- how rows are accumulated ---- */

/** Initialise with `lml_accumulation a = {0};`, which accumulates rows as they are; release with lml_accumulation_free.
 */
typedef struct lml_accumulation {
  lml_shift shift;               /**< that descriptors are counted from */
  struct lml_subspace *subspace; /**< that most target rows lie in; NULL: rows are accumulated as they are */
  struct lml_row_sample *sample; /**< rows that it is found from */
} lml_accumulation;

/** The set that a sample of rows would be taken from, NULL where rows are accumulated as they are: that is so without a
 *  ridge penalty, which makes what is left out negligible, for linear potentials, and for few rows. */
const lml_dataset *lml_accumulation_set(const lml_retrain_options *options, const lml_design *design,
                                        double smallest_ridge);

/** Take a sample of the rows of @p set. */
lml_status lml_accumulation_begin(lml_accumulation *accumulation, const lml_workers *workers, const lml_dataset *set,
                                  lml_error *error);

/** Find the space that these rows lie in; the sample is not needed any more. One thread, while others may make rows. */
lml_status lml_accumulation_find(lml_accumulation *accumulation, lml_error *error);

/** What all rows that are accumulated are to be made for; NULL: descriptors as they are. */
const lml_shift *lml_accumulation_shift(const lml_accumulation *accumulation);

/** Let @p normal take rows of targets. */
lml_status lml_accumulation_open(const lml_accumulation *accumulation, lml_normal *normal, lml_error *error);

/** All rows are there: bring @p normal, opened or not, to the sums over them for descriptors as they are. Finalises. */
lml_status lml_accumulation_close(const lml_accumulation *accumulation, lml_normal *normal, lml_error *error);
void lml_accumulation_free(lml_accumulation *accumulation);

/* ---- accumulators ---- */

/** Rows that wait until there are enough of their kind for a product of matrices. */
typedef struct lml_row_queue {
  size_t count;
  double *rows;  /**< LML_BLOCK_ROWS × width */
  double *along; /**< LML_BLOCK_ROWS × rank: their c; of rows outside the subspace NULL */
} lml_row_queue;

/** The sums over some rows, and those of the rows that wait for being added to them. */
typedef struct lml_accumulator {
  lml_normal sums;
  const struct lml_subspace *subspace; /**< NULL: all rows are added as they are */
  lml_row_queue outside;               /**< the subspace: rows times the square roots of their weights */
  lml_row_queue inside;                /**< rows that need all of its vectors, times their weights */
  double *along;                       /**< LML_BLOCK_ROWS × rank: c of a block's rows */
  double *sketches;                    /**< LML_BLOCK_ROWS × LML_SUBSPACE_SKETCH */
} lml_accumulator;

/** For rows of @p width numbers, accumulated as @p accumulation says (NULL: as they are); the energies of some may be
 *  offset, for @p noffsets elements. */
lml_status lml_accumulator_make(lml_accumulator *accumulator, size_t width, const lml_accumulation *accumulation,
                                size_t noffsets, lml_error *error);
void lml_accumulator_free(lml_accumulator *accumulator);

/** Where the rows of a set go: the sink's context. */
typedef struct lml_row_adder {
  lml_accumulator *accumulators;                               /**< one for each slot */
  enum { LML_ROWS_AS_THEY_ARE = 0, LML_ROWS_IN_SUBSPACE } how; /**< the latter where the accumulators have one */
  double weight;
  bool has_values; /**< else r counts as zero */
} lml_row_adder;

/** The sink's operation, with an lml_row_adder as context. */
lml_status lml_accumulate_rows(void *context, const lml_row_block *block, lml_error *error);

/** No further rows come: add those that wait. */
void lml_accumulator_flush(lml_accumulator *accumulator);

/** Back to no rows. */
void lml_accumulator_clear(lml_accumulator *accumulator);

#endif
