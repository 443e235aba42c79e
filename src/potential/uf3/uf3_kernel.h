/** @file uf3_kernel.h
 *  Gathering an atom's neighbours, and the sums over its pairs and triplets, compiled for each instruction set.
 */
#ifndef LML_UF3_UF3_KERNEL_H
#define LML_UF3_UF3_KERNEL_H

#include "potential/atoms.h"
#include "potential/simd/isa.h"
#include "potential/uf3/uf3_legs.h"

/** The neighbours of an atom that are within the cutoff of its pairs. Kernels write up to a vector beyond the last one,
 *  for which there is room; arrays are of vectors. */
typedef struct lml_uf3_neighbours {
  size_t count;
  size_t near;         /**< number of those that may be in triplets */
  double *vectors;     /**< × 3, Å: from the atom */
  double *r;           /**< Å */
  double *gradient;    /**< × 3, eV/Å: ∂E/∂r of the atom's energy */
  int32_t *index;      /**< atom */
  int32_t *element;    /**< its element */
  int32_t *near_slots; /**< which of them may be in triplets */
} lml_uf3_neighbours;

/** An atom, and the list that its neighbours are among. */
typedef struct lml_uf3_list {
  const lml_atoms *atoms;
  int32_t centre;
  const int32_t *list;
  size_t length;
  const double *pair_limits, *triplet_limits; /**< the model's, of the atom's element */
} lml_uf3_list;

/** An atom's pairs. */
typedef struct lml_uf3_bonds {
  const lml_uf3_model *model;
  int element;          /**< of the atom */
  const double *curves; /**< polynomials of all pairs, with the coefficients of the atom's element */
  lml_uf3_neighbours *neighbours;
} lml_uf3_bonds;

typedef struct lml_uf3_kernel {
  /** Fill @p neighbours, but for the gradients. */
  void (*gather)(const lml_uf3_list *from, lml_uf3_neighbours *neighbours);
  /** Energy (eV) of an atom's pairs; sets their gradients. */
  double (*pairs)(const lml_uf3_bonds *bonds);
  /** Energy (eV) of all triplets of @p legs, with the coefficients @p tensor of its centre's element, and their
   *  gradients into legs->of. */
  double (*triplets)(lml_uf3_legs *legs, const double *tensor);
} lml_uf3_kernel;

/** The variant for @p isa. */
const lml_uf3_kernel *lml_uf3_kernel_for(const lml_isa *isa);

/** The variants, which lml_uf3_kernel_for chooses of. */
LML_DECLARE_VARIANTS(lml_uf3_kernel);

#endif
