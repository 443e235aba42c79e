/** @file evaluator_atoms.h
 *  The evaluator for atoms that are in lmlink's form already.
 */
#ifndef LML_POTENTIAL_EVALUATOR_ATOMS_H
#define LML_POTENTIAL_EVALUATOR_ATOMS_H

#include "lmlink/evaluator.h"
#include "potential/atoms.h"
#include "potential/linear_model.h"

/** Centres to evaluate. */
typedef struct lml_centres {
  const int32_t *list; /**< NULL: consecutive ones */
  size_t first;        /**< of consecutive ones */
  size_t count;
  size_t longest; /**< atoms in the longest of their lists */
} lml_centres;

/** Begin with @p atoms, which must live as long as those of lml_evaluator_begin. @p sums has forces. */
lml_status lml_evaluator_begin_atoms(lml_evaluator *evaluator, const lml_atoms *atoms, const lml_centres *centres,
                                     const lml_evaluator_sums *sums, lml_error *error);

/** What is evaluated of each run beside the sums, while its densities and components are at hand. */
typedef struct lml_evaluator_beside {
  const lml_linear_model *models; /**< nmodels: other coefficients of the same descriptors; without fixed terms */
  size_t nmodels;
  double *energies; /**< atoms × nmodels, eV: of each centre; NULL: none */
  double *forces;   /**< atoms and images × nmodels × 3, eV/Å: added to; NULL: none, which is much cheaper */
  /** Called with B of each run: component c of the run's atom l stands at c × width + l. NULL: none. */
  void (*see)(void *context, const lml_run_of_atoms *run, const double *components, size_t width);
  void *context;
} lml_evaluator_beside;

/** Evaluate that, too, until the sums are finished; to be called after lml_evaluator_begin_atoms. Nothing is allocated
 *  where the evaluator has had as many models and lists as long before. */
lml_status lml_evaluator_set_beside(lml_evaluator *evaluator, const lml_evaluator_beside *beside, lml_error *error);

/** What the evaluator goes by. */
const lml_linear_model *lml_evaluator_model(const lml_evaluator *evaluator);

#endif
