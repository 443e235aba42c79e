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

/** What the evaluator goes by. */
const lml_linear_model *lml_evaluator_model(const lml_evaluator *evaluator);

#endif
