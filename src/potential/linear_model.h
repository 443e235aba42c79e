/** @file linear_model.h
 *  A potential made ready for evaluation: kernel, its plan, and Θ in the kernel's terms.
 */
#ifndef LML_POTENTIAL_LINEAR_MODEL_H
#define LML_POTENTIAL_LINEAR_MODEL_H

#include "lmlink/potential.h"
#include "potential/bispectrum_kernel.h"
#include "potential/snap_model.h"
#include "potential/zbl.h"

enum { LML_LARGEST_ATOMIC_NUMBER = 118 };

typedef struct lml_linear_model {
  const lml_potential *potential;
  const lml_bispectrum_kernel *kernel;
  lml_bispectrum_plan plan;
  lml_zbl_pair *zbl; /**< nelements², NULL without ZBL */
  size_t nelements;
  double cutoff;                                         /**< Å, of all terms */
  double *rcut;                                          /**< nelements², Å: cutoff of the descriptor for each pair */
  signed char element_of[LML_LARGEST_ATOMIC_NUMBER + 1]; /**< by atomic number; −1 where the potential lacks it */
  double *shifts; /**< nelements × ncomponents: what bzeroflag subtracts from each component */
  /* linear potentials */
  double *constants; /**< nelements, eV: energy where all terms are 0 */
  double *weights;   /**< nelements × nterms, eV: ∂E/∂t */
  /* quadratic potentials */
  double *matrices;                    /**< nelements × ncomponents² */
  lml_bispectrum_quadratic *quadratic; /**< nelements */
} lml_linear_model;

/** Make @p model for @p potential, which must outlive it. Free with lml_linear_model_free, also after a failure. */
lml_status lml_linear_model_make(const lml_potential *potential, lml_linear_model *model, lml_error *error);
void lml_linear_model_free(lml_linear_model *model);

/** Element index of an atomic number, −1 where the potential lacks the element. */
int lml_linear_model_element(const lml_linear_model *model, int atomic_number);

#endif
