/** @file training_atoms.h
 *  How the atoms that a potential was trained on are distributed, and how far they are from their mean.
 *
 *  Training atoms are those of the targets whose forces are the quantum code's (see quantum_rows.h), those whose forces
 *  are soft constraints, and all atoms of frames whose energies or virials are either. Hard constraints and the forces
 *  that the potential itself gave in a mixture do not count: these are many atoms of a nearly perfect crystal, beside
 *  which the variance of all others would be small.
 */
#ifndef LML_RETRAIN_UNCERTAINTY_TRAINING_ATOMS_H
#define LML_RETRAIN_UNCERTAINTY_TRAINING_ATOMS_H

#include "potential/uncertainty.h"
#include "retrain/rows/workers.h"

/** Sets of structures whose atoms count. Release with lml_training_sets_free. */
typedef struct lml_training_sets {
  lml_dataset *sets; /**< copies, of which the first nrestricted have frames of their own */
  size_t nsets, nrestricted, nframes;
} lml_training_sets;

/** All targets and soft constraints among @p sets that are structures, each file once. */
lml_status lml_training_sets_make(lml_training_sets *training, const lml_dataset *sets, size_t nsets, lml_error *error);
void lml_training_sets_free(lml_training_sets *training);

enum { LML_TRAINING_PASSES = 3 /**< times that each frame is looked at */ };

/** Fill the distances of @p uncertainty, on all ranks. An element with one training atom or none has no distance.
 *  LML_ERR_INPUT where all atoms of an element have the same environment. Collective. */
lml_status lml_training_distances(const lml_training_sets *training, const lml_workers *workers,
                                  lml_uncertainty *uncertainty, lml_error *error);

#endif
