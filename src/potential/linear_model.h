/** @file linear_model.h
 *  A potential made ready for evaluation: Θ in the forms that energies are computed from.
 */
#ifndef LML_POTENTIAL_LINEAR_MODEL_H
#define LML_POTENTIAL_LINEAR_MODEL_H

#include "potential/potential.h"
#include "potential/product/product.h"

enum { LML_LARGEST_ATOMIC_NUMBER = 118 };

typedef struct lml_linear_model {
  const lml_potential *potential;
  const lml_isa *isa;
  const lml_product_kernel *product;
  size_t nelements, ncomponents, ncoefficients;
  const double *coefficients;                            /**< the potential's */
  double cutoff;                                         /**< Å, of all terms */
  signed char element_of[LML_LARGEST_ATOMIC_NUMBER + 1]; /**< by atomic number; −1 where the potential lacks it */
  /* quadratic potentials; NULL for linear ones */
  double *matrices;          /**< nelements × ncomponents² */
  lml_quadratic_form *forms; /**< nelements */
} lml_linear_model;

/** Make @p model for @p potential, which must outlive it. Free with lml_linear_model_free, also after a failure. */
lml_status lml_linear_model_make(const lml_potential *potential, lml_linear_model *model, lml_error *error);
void lml_linear_model_free(lml_linear_model *model);

/** Element index of an atomic number, −1 where the potential lacks the element. */
int lml_linear_model_element(const lml_linear_model *model, int atomic_number);

#endif
