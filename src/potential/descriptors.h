/** @file descriptors.h
 *  Descriptors of one structure after another, and their gradients batch by batch, with all memory kept in between.
 */
#ifndef LML_POTENTIAL_DESCRIPTORS_H
#define LML_POTENTIAL_DESCRIPTORS_H

#include "potential/linear_evaluation.h"

/** Initialise with lml_descriptors_make, release with lml_descriptors_free. */
typedef struct lml_descriptors {
  lml_linear_model model;
  lml_linear_evaluation evaluation; /**< of one structure: neighbours and batches */
  lml_bispectrum_slopes slopes;
  double *components; /**< ncomponents × lanes: B of the batch's atoms */
  double *sums;       /**< ncomponents: of one part of one atom's virial */
} lml_descriptors;

/** Make ready for structures of @p potential, which must outlive it. Free also after a failure. */
lml_status lml_descriptors_make(lml_descriptors *descriptors, const lml_potential *potential, lml_error *error);
void lml_descriptors_free(lml_descriptors *descriptors);

/** Find the neighbours of @p structure. What follows depends on this structure alone, not on earlier ones. */
lml_status lml_descriptors_begin(lml_descriptors *descriptors, const lml_structure *structure, lml_error *error);

/** Evaluate B of sorted atom @p first and of those behind it, as many as there are lanes. */
void lml_descriptors_batch(lml_descriptors *descriptors, size_t first);

/** The same of atoms of other lists of neighbours, which are no longer than the structure's; @p elements are those of
 *  their owners. */
void lml_descriptors_batch_among(lml_descriptors *descriptors, const lml_neighbours *neighbours,
                                 const signed char *elements, size_t first);

/** Room for the gradients of the batches of this structure. */
lml_status lml_descriptors_reserve_slopes(lml_descriptors *descriptors, lml_error *error);

/** The same, and the gradients of the batch's terms: by each neighbour, or by those that @p places of sorted atoms
 * tell, see lml_atom_batch_gather_columns. */
void lml_descriptors_slopes(lml_descriptors *descriptors, size_t first, const int32_t *places);

/** What lml_potential_descriptors gives. */
lml_status lml_descriptors_values(lml_descriptors *descriptors, const lml_structure *structure, double *values,
                                  lml_error *error);

/** Virials −∂(Σᵢ Dᵢ)/∂ε of the structure, nelements × 6 × (ncoefficients − 1), row-major, in the order xx, yy, zz, yz,
 *  xz, xy; the sum over i runs over the atoms of one element. The virial of the descriptor part is this times Θ. */
lml_status lml_descriptors_virials(lml_descriptors *descriptors, const lml_structure *structure, double *virials,
                                   lml_error *error);

#endif
