/** @file soft_sample.h
 *  How much forces of soft structures change that were not among the soft constraints: of a sample of their atoms, each
 *  left out in turn.
 *
 *  With the rows A of an atom among the constraints, of weight w, let C be the matrix of the normal equations and
 *  H = λ_S w A C⁻¹ Aᵀ. Without these rows, but with all others, the change A δ would be (1 − H)⁻¹ A δ. That is exact,
 * so that leaving out atoms takes no further factorisation.
 */
#ifndef LML_RETRAIN_SOFT_SAMPLE_H
#define LML_RETRAIN_SOFT_SAMPLE_H

#include "base/comm.h"
#include "retrain/centre.h"
#include "retrain/design.h"
#include "retrain/solve.h"

enum {
  LML_SOFT_ATOMS = 256, /**< in the sample, at most, evenly over all frames */
  LML_SOFT_ROWS = 3     /**< of one of them, at most */
};

/** What is left out at once: the three rows of an atom's force; of a design matrix a row. */
typedef struct lml_soft_unit {
  size_t count;  /**< of rows */
  double weight; /**< of each, in the mean over the sample: that of the frame's rows among themselves */
} lml_soft_unit;

/** Initialise with lml_soft_sample_make. */
typedef struct lml_soft_sample {
  size_t width;
  lml_soft_unit *units;
  size_t count;
  size_t total;    /**< units that the sample is of */
  size_t *first;   /**< for each set, the number of its first unit among all */
  double *rows;    /**< 3 for each unit, × width */
  double *weights; /**< of each of these rows in the soft constraints, without λ_S */
} lml_soft_sample;

/** Room for a sample of the soft constraints on forces among @p sets; count is 0 where there are none. */
lml_status lml_soft_sample_make(lml_soft_sample *sample, const lml_dataset *sets, size_t nsets, size_t width,
                                lml_error *error);
void lml_soft_sample_free(lml_soft_sample *sample);

/** Keep what the sample needs of a block of rows of set number @p index, which is @p set. Threads may do so at once. */
void lml_soft_sample_take(lml_soft_sample *sample, size_t index, const lml_dataset *set, const lml_row_block *block);

/** All rows are there: collect them on rank 0, and bring them back from @p centre, unless that is NULL. */
lml_status lml_soft_sample_finish(lml_soft_sample *sample, const lml_centre *centre, lml_comm *comm, lml_error *error);

/** Root mean square change of the sampled atoms' forces, each without its own rows, for the solution @p delta of
 *  @p problem; @p solver still holds its factor. Infinite where rows determine themselves. */
lml_status lml_soft_sample_change(const lml_soft_sample *sample, const lml_solver *solver, const lml_problem *problem,
                                  const double *delta, double *change, lml_error *error);

#endif
