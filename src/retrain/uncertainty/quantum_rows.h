/** @file quantum_rows.h
 *  The rows that an uncertainty is from: forces of the quantum code among the targets.
 *
 *  These are the rows of atoms of region QM in frames that have such, else all rows of forces; where no target is a
 *  force, the rows of all targets whose energies are not offset. Rows of one atom of one frame form a *cluster*. Some
 *  clusters are held: all, or where there are many, every stride-th.
 */
#ifndef LML_RETRAIN_UNCERTAINTY_QUANTUM_ROWS_H
#define LML_RETRAIN_UNCERTAINTY_QUANTUM_ROWS_H

#include "retrain/rows/workers.h"

enum {
  LML_HELD_CLUSTERS = 1024, /**< at most */
  LML_CLUSTER_ROWS = 3      /**< of one, at most */
};

/** The sets that have such rows. Initialise with lml_quantum_sets_make, release with lml_quantum_sets_free. */
typedef struct lml_quantum_sets {
  lml_dataset *sets; /**< restricted copies */
  size_t nsets;
  size_t **first; /**< of each set, for each frame: the number of its first cluster */
  size_t nclusters, nrows, nframes;
} lml_quantum_sets;

/** Those of the @p nsets targets among @p sets; there may be no rows. */
lml_status lml_quantum_sets_make(lml_quantum_sets *quantum, const lml_dataset *sets, size_t nsets, lml_error *error);
void lml_quantum_sets_free(lml_quantum_sets *quantum);

/** Rows, each times the square root of its own weight, as their deviations. Initialise with `lml_held_rows h = {0};`,
 *  release with lml_held_rows_free. */
typedef struct lml_held_rows {
  size_t width, count;
  double *rows;       /**< count × width */
  double *deviations; /**< count: target − row·Θ₀ */
  double *weights;    /**< count: of the set and the frame */
  double *roots;      /**< count: the square roots of the rows' own weights */
  size_t *clusters;   /**< count, ascending */
  size_t *folds;      /**< count: of their frames */
  size_t nclusters;
  double stride; /**< one of so many clusters is held */
} lml_held_rows;

/** Where rows go beside those that are held; see lml_row_job. */
typedef struct lml_cluster_sink {
  /** A block of rows, of which row k belongs to cluster number @p clusters[k]. */
  lml_status (*accumulate)(void *context, const lml_row_block *block, double weight, const size_t *clusters,
                           lml_error *error);
  lml_status (*reduce)(void *context, size_t slot, lml_error *error);
  void *context;
} lml_cluster_sink;

/** Make all rows once: rank 0 holds some in @p held, and each goes to @p sink on the rank that made it (NULL: none).
 *  Collective. */
lml_status lml_quantum_rows_make(const lml_quantum_sets *quantum, const lml_workers *workers, lml_held_rows *held,
                                 const lml_cluster_sink *sink, lml_error *error);
void lml_held_rows_free(lml_held_rows *held);

#endif
