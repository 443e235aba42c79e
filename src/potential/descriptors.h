/** @file descriptors.h
 *  Descriptors of one structure after another, and their gradients batch by batch, with all memory kept in between.
 */
#ifndef LML_POTENTIAL_DESCRIPTORS_H
#define LML_POTENTIAL_DESCRIPTORS_H

#include "potential/listed_atoms.h"

/** Initialise with lml_descriptors_make, release with lml_descriptors_free. */
typedef struct lml_descriptors {
  lml_linear_model model;
  lml_listed_atoms atoms; /**< of one structure */
  lml_descriptor_work *work;
  size_t count;                     /**< atoms of the run at hand */
  int element[LML_LANES_LIMIT];     /**< of each */
  int32_t centres[LML_LANES_LIMIT]; /**< the same, sorted atoms */
  double *components;               /**< ncomponents × width: B of the run's atoms */
  double *gradients;                /**< of one run, for virials: −∂B/∂r by each column */
  double *sums;                     /**< 6 × stride: of one atom's virial */
  lml_gradient_place *places;       /**< of `gradients` */
  size_t gradients_capacity, places_capacity;
} lml_descriptors;

/** Make ready for structures of @p potential, which must outlive it. Free also after a failure. */
lml_status lml_descriptors_make(lml_descriptors *descriptors, const lml_potential *potential, lml_error *error);
void lml_descriptors_free(lml_descriptors *descriptors);

/** Atoms of a run, and components of an atom. */
size_t lml_descriptors_width(const lml_descriptors *descriptors);
size_t lml_descriptors_ncomponents(const lml_descriptors *descriptors);

/** Doubles between rows of gradients: ncomponents, rounded up to whole vectors. */
size_t lml_descriptors_stride(const lml_descriptors *descriptors);

/** Find the neighbours of @p structure. What follows depends on this structure alone, not on earlier ones. */
lml_status lml_descriptors_begin(lml_descriptors *descriptors, const lml_structure *structure, lml_error *error);

/** Evaluate B of sorted atom @p first and of those after it, as many as are side by side. */
void lml_descriptors_run(lml_descriptors *descriptors, size_t first);

/** The same of @p natoms other atoms, whose lists are no longer than the structure's. */
void lml_descriptors_run_among(lml_descriptors *descriptors, const lml_atoms *atoms, size_t first, size_t natoms);

/** Make room for gradients of this structure. */
lml_status lml_descriptors_reserve_gradients(lml_descriptors *descriptors, lml_error *error);

/** The same as lml_descriptors_run, and gradients by each neighbour or, where @p places is not NULL, by some atoms: see
 *  lml_descriptor_ops. */
void lml_descriptors_gradients(lml_descriptors *descriptors, size_t first, const int32_t *places);

/** What lml_potential_descriptors gives. */
lml_status lml_descriptors_values(lml_descriptors *descriptors, const lml_structure *structure, double *values,
                                  lml_error *error);

/** Virials −∂(Σᵢ Dᵢ)/∂ε of the structure, nelements × 6 × (ncoefficients − 1), row-major, in the order xx, yy, zz, yz,
 *  xz, xy; the sum over i runs over the atoms of one element. The virial of the descriptor part is this times Θ. */
lml_status lml_descriptors_virials(lml_descriptors *descriptors, const lml_structure *structure, double *virials,
                                   lml_error *error);

#endif
