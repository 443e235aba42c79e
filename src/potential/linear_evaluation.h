/** @file linear_evaluation.h
 *  One evaluation of a linear potential for a part of the atoms.
 */
#ifndef LML_POTENTIAL_LINEAR_EVALUATION_H
#define LML_POTENTIAL_LINEAR_EVALUATION_H

#include "potential/evaluator_atoms.h"
#include "potential/linear_uncertainty.h"
#include "potential/listed_atoms.h"

/** Initialise with lml_linear_evaluation_make, reuse, release with lml_linear_evaluation_free. */
typedef struct lml_linear_evaluation {
  lml_evaluator *evaluator;
  lml_listed_atoms atoms;
  double *forces;   /**< (natoms + nghosts) × 3, eV/Å, sorted */
  double *energies; /**< natoms, eV, sorted */
  unsigned results; /**< which of lml_linear_results are evaluated */
  double coordination_radius;
  lml_linear_uncertainty *uncertainty; /**< the caller's; NULL where no result is from it */
  double *totals;  /**< natoms × 3 forces, the virial (9), parts of each of these results; atoms in the structure's
                        order */
  int32_t *needed; /**< the sorted atoms that are evaluated where not all are */
  size_t forces_capacity, energies_capacity, totals_capacity, needed_capacity;
} lml_linear_evaluation;

/** What is evaluated of a structure. */
typedef struct lml_share {
  size_t part, parts;  /**< part number @p part of @p parts equal parts of the atoms */
  const size_t *atoms; /**< NULL, or @p natoms atoms of the structure whose forces alone are wanted: nothing else of the
                            totals is to be used then. With one part alone */
  size_t natoms;
  unsigned results;           /**< the set of results (linear_results.h) that are wanted beside forces and virial */
  double coordination_radius; /**< Å; 0: the cutoff */
  lml_linear_uncertainty *uncertainty; /**< has what these results need; not used where none is from it */
} lml_share;

/** Doubles in `totals`. */
size_t lml_linear_evaluation_ntotals(const lml_linear_evaluation *evaluation);

/** Parts of `totals`: the virial, and those of the result at @p place of lml_linear_results, which must be evaluated.
 */
double *lml_linear_evaluation_virial(const lml_linear_evaluation *evaluation);
double *lml_linear_evaluation_result(const lml_linear_evaluation *evaluation, size_t place);

/** Columns of the uncertainty's factor; 0 where no result is from it. */
size_t lml_linear_evaluation_rank(const lml_linear_evaluation *evaluation);

/** Make ready for @p potential, which must outlive it. Free also after a failure. */
lml_status lml_linear_evaluation_make(lml_linear_evaluation *evaluation, const lml_potential *potential,
                                      lml_error *error);

/** Begin with a share of @p structure. */
lml_status lml_linear_evaluation_begin(lml_linear_evaluation *evaluation, const lml_structure *structure,
                                       const lml_share *share, lml_error *error);

/** Evaluate up to @p nruns runs of atoms; false when none is left to do. */
bool lml_linear_evaluation_step(lml_linear_evaluation *evaluation, size_t nruns);

/** Put what this share contributes into `totals`. */
void lml_linear_evaluation_collect(lml_linear_evaluation *evaluation);

void lml_linear_evaluation_free(lml_linear_evaluation *evaluation);

#endif
