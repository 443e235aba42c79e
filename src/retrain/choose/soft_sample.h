/** @file soft_sample.h
 *  How much forces of soft structures change that were not among the soft constraints: of a sample of their atoms, each
 *  left out in turn together with its neighbours, whose forces tell of the same surroundings.
 *
 *  With the rows A of such a cluster among the constraints, of weight w, let C be the matrix of the normal equations
 * and H = λ_S w A C⁻¹ Aᵀ. Without these rows, but with all others, the change A δ would be (1 − H)⁻¹ A δ. That is
 * exact, so that leaving out takes no further factorisation. The change of the atom in the middle counts.
 */
#ifndef LML_RETRAIN_CHOOSE_SOFT_SAMPLE_H
#define LML_RETRAIN_CHOOSE_SOFT_SAMPLE_H

#include "base/comm.h"
#include "retrain/rows/descriptor_shift.h"
#include "retrain/rows/design.h"
#include "retrain/solve/cholesky.h"

enum {
  LML_SOFT_CLUSTERS = 100,  /**< at most, evenly over the atoms of all frames */
  LML_SOFT_CLUSTER_SIZE = 5 /**< atoms of each: with fewer, the change comes out smaller than that of new frames of
                               thermal tungsten, with ten or more larger */
};

/** An atom and its nearest neighbours among the constraints; of a design matrix, a row and those around it. */
typedef struct lml_soft_cluster {
  size_t members[LML_SOFT_CLUSTER_SIZE]; /**< among those of the sample, the atom in the middle first */
  size_t count;
  size_t nrows;  /**< of each member: three, of a design matrix one */
  double weight; /**< in the mean over the sample: that of the frame's rows among themselves */
} lml_soft_cluster;

/** Initialise with lml_soft_sample_make. */
typedef struct lml_soft_sample {
  size_t width;
  lml_soft_cluster *clusters;
  size_t nclusters;
  size_t
      *first; /**< for each set, the number of its first atom (or row) among those of all soft constraints on forces */
  size_t *places; /**< such numbers of the members of all clusters, ascending */
  size_t count;
  double *rows;    /**< 3 for each member, × width */
  double *weights; /**< of each of these rows in the soft constraints, without λ_S */
} lml_soft_sample;

enum { LML_SOFT_ROWS = 3 /**< of one member, at most */ };

/** Choose the sample of the soft constraints on forces among @p sets, and make room; without any, nclusters is 0. */
lml_status lml_soft_sample_make(lml_soft_sample *sample, const lml_dataset *sets, size_t nsets, size_t width,
                                lml_error *error);
void lml_soft_sample_free(lml_soft_sample *sample);

/** Keep what the sample needs of a block of rows of set number @p index, which is @p set. Threads may do so at once. */
void lml_soft_sample_record(lml_soft_sample *sample, size_t index, const lml_dataset *set, const lml_row_block *block);

/** All rows are there: collect them on rank 0, and bring them back from @p shift, unless that is NULL. */
lml_status lml_soft_sample_finish(lml_soft_sample *sample, const lml_shift *shift, lml_comm *comm, lml_error *error);

/** Root mean square change of the forces in the middle of the clusters, each without its own rows, for the solution @p
 *  delta of @p problem; @p solver still holds its factor. Infinite where rows determine themselves. */
lml_status lml_soft_sample_change(const lml_soft_sample *sample, const lml_solver *solver, const lml_problem *problem,
                                  const double *delta, double *change, lml_error *error);

#endif
