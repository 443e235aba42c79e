/** @file product.h
 *  What is quadratic in a family's components B: energies and their derivatives β = ∂E/∂B, and gradients of the
 *  quadratic descriptors. Pure functions over arrays, compiled for each instruction set.
 */
#ifndef LML_PRODUCT_PRODUCT_H
#define LML_PRODUCT_PRODUCT_H

#include "potential/simd/isa.h"

/** Quadratic form E = Θ₀ + Θ·B + ½ Bᵀ A B of one element. */
typedef struct lml_quadratic_form {
  double constant;
  const double *linear; /**< ncomponents */
  const double *matrix; /**< ncomponents × ncomponents, symmetric */
} lml_quadratic_form;

typedef struct lml_product_kernel {
  /** B (@p n vectors) → β (n vectors) and E (one vector, eV); lanes where @p mask (one vector) is 0 are left as they
   *  were. */
  void (*quadratic)(int n, const lml_quadratic_form *form, const double *mask, const double *values, double *beta,
                    double *energies);
  /** Add to @p sums the sums over all lanes of @p nruns runs of mask · V_i V_j for i ≤ j, row by row, n (n + 1) / 2
   *  numbers: @p masks are a vector of each run, @p values n vectors V of each. */
  void (*add_products)(int n, size_t nruns, const double *masks, const double *values, double *sums);
  /** Of each lane |Rᵀ(B − μ)|², with μ = @p mean (n numbers) and R = @p factor (n × n, row-major, an upper triangle).
   */
  void (*squares)(int n, const double *mean, const double *factor, const double *values, double *squares);
  /** B and ∂B/∂r of @p nsources sources, @p n components each → the gradient of the sum over the sources of all linear
   *  and quadratic descriptors, in their order: n (n + 3) / 2 doubles. The sources' arrays are aligned to LML_ALIGNMENT
   *  and can be read to the next multiple of LML_LANES_LIMIT. */
  void (*quadratic_gradients)(int n, int nsources, const double *const *values, const double *const *gradients,
                              double *to);
} lml_product_kernel;

/** The variant for @p isa. */
const lml_product_kernel *lml_product_kernel_for(const lml_isa *isa);

#endif
