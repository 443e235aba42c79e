/** @file uf3_kernel.h
 *  The sum over an atom's triplets, compiled for each instruction set.
 */
#ifndef LML_UF3_UF3_KERNEL_H
#define LML_UF3_UF3_KERNEL_H

#include "potential/simd/isa.h"
#include "potential/uf3/uf3_legs.h"

typedef struct lml_uf3_kernel {
  /** Energy (eV) of all triplets of @p legs, with the coefficients @p tensor of its centre's element, and the gradients
   *  into legs->gradient. */
  double (*triplets)(lml_uf3_legs *legs, const double *tensor);
} lml_uf3_kernel;

/** The variant for @p isa. */
const lml_uf3_kernel *lml_uf3_kernel_for(const lml_isa *isa);

/** The variants, which lml_uf3_kernel_for chooses of. */
extern const lml_uf3_kernel lml_uf3_kernel_generic;
#ifdef LML_KERNEL_X86
extern const lml_uf3_kernel lml_uf3_kernel_avx2;
extern const lml_uf3_kernel lml_uf3_kernel_avx512;
#endif

#endif
