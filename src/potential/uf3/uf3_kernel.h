/** @file uf3_kernel.h
 *  The sums over an atom's pairs and triplets, compiled for each instruction set.
 */
#ifndef LML_UF3_UF3_KERNEL_H
#define LML_UF3_UF3_KERNEL_H

#include "potential/simd/isa.h"
#include "potential/uf3/uf3_legs.h"

/** A neighbour of an atom. */
typedef struct lml_uf3_neighbour {
  double r; /**< Å */
  int element;
  int column; /**< of gradients of components; -1: none */
} lml_uf3_neighbour;

/** What there is of an atom's pairs; numbers of the neighbours, and their parts, are @p stride apart. */
typedef struct lml_uf3_bonds {
  const lml_uf3_model *model;
  int element; /**< of the atom */
  size_t count, stride;
  const lml_uf3_neighbour *neighbours;
  const double *vectors; /**< count × 3, Å */
  const double *curves;  /**< polynomials of all pairs, with the coefficients of the atom's element */
  double *gradient;      /**< count × 3, eV/Å: is set */
} lml_uf3_bonds;

typedef struct lml_uf3_kernel {
  /** Energy (eV) of an atom's pairs; sets their gradients. */
  double (*pairs)(const lml_uf3_bonds *bonds);
  /** Energy (eV) of all triplets of @p legs, with the coefficients @p tensor of its centre's element, and the gradients
   *  into legs->gradient. */
  double (*triplets)(lml_uf3_legs *legs, const double *tensor);
} lml_uf3_kernel;

/** The variant for @p isa. */
const lml_uf3_kernel *lml_uf3_kernel_for(const lml_isa *isa);

/** The variants, which lml_uf3_kernel_for chooses of. */
LML_DECLARE_VARIANTS(lml_uf3_kernel);

#endif
