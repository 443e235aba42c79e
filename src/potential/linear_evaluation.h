/** @file linear_evaluation.h
 *  One evaluation of a linear potential for a part of the atoms, by one thread or several.
 *
 *  The centres are dealt out in units, which depend on the structure alone, and what a unit gives is added after all
 *  earlier ones: results are the same to the last bit for any number of threads.
 */
#ifndef LML_POTENTIAL_LINEAR_EVALUATION_H
#define LML_POTENTIAL_LINEAR_EVALUATION_H

#include "base/thread_pool.h"
#include "potential/evaluator_atoms.h"
#include "potential/linear_results.h"
#include "potential/listed_atoms.h"
#include "potential/unit_sums.h"

/** Initialise with lml_linear_evaluation_make, reuse, release with lml_linear_evaluation_free. */
typedef struct lml_linear_evaluation {
  lml_evaluator **evaluators; /**< one for each thread */
  size_t nthreads;
  lml_pool *pool;
  lml_unit_sums *units; /**< of the unit in each of the pool's slots */
  size_t unit;          /**< centres of a unit of the evaluation that is under way */
  lml_listed_atoms atoms;
  size_t natoms;       /**< of the structure; fewer are sorted where the share is a part */
  lml_centres centres; /**< of the evaluation that is under way */
  double *forces;      /**< eV/Å, × 3, of the sorted atoms, then the ghosts */
  double *energies;    /**< eV, of the sorted atoms */
  unsigned results;    /**< which of lml_linear_results are evaluated */
  double coordination_radius;
  lml_linear_beside beside;
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
  size_t threads;             /**< that share the work at most; 0: all that there are */
  unsigned results;           /**< the set of results (linear_results.h) that are wanted beside forces and virial */
  double coordination_radius; /**< Å; 0: the cutoff */
  const lml_linear_uncertainty *uncertainty; /**< has what these results need; not used where none is from it */
} lml_share;

/** Doubles in `totals`. */
size_t lml_linear_evaluation_ntotals(const lml_linear_evaluation *evaluation);

/** Parts of `totals`: the virial, and those of the result at @p place of lml_linear_results, which must be evaluated.
 */
double *lml_linear_evaluation_virial(const lml_linear_evaluation *evaluation);
double *lml_linear_evaluation_result(const lml_linear_evaluation *evaluation, size_t place);

/** What the sizes of the results depend on. */
lml_linear_sizes lml_linear_evaluation_sizes(const lml_linear_evaluation *evaluation);

/** Make ready for @p potential, which must outlive it, with one thread. Free also after a failure. */
lml_status lml_linear_evaluation_make(lml_linear_evaluation *evaluation, const lml_potential *potential,
                                      lml_error *error);

/** Evaluate with @p nthreads threads, at least 1, from now on; after a failure with as many as before. What is under
 *  way is given up. */
lml_status lml_linear_evaluation_set_threads(lml_linear_evaluation *evaluation, size_t nthreads, lml_error *error);

/** Evaluators of @p potential for the threads of an evaluation, to be used by lml_linear_evaluation_use; freed with
 *  lml_linear_evaluators_free where they are not. */
lml_status lml_linear_evaluators_make(const lml_potential *potential, size_t count, lml_evaluator ***evaluators,
                                      lml_error *error);
void lml_linear_evaluators_free(lml_evaluator **evaluators, size_t count); /**< NULL is fine */

/** Use @p evaluators, one for each thread, in the place of those that it has; they belong to it from now on. */
void lml_linear_evaluation_use(lml_linear_evaluation *evaluation, lml_evaluator **evaluators);

/** Begin with a share of @p structure. */
lml_status lml_linear_evaluation_begin(lml_linear_evaluation *evaluation, const lml_structure *structure,
                                       const lml_share *share, lml_error *error);

/** Evaluate one unit of atoms in this thread, a millisecond or so; false when none is left to be begun. */
bool lml_linear_evaluation_step(lml_linear_evaluation *evaluation);

/** Give up what is under way, if anything is. */
void lml_linear_evaluation_give_up(lml_linear_evaluation *evaluation);

/** Evaluate what is left, and put what this share contributes into `totals`. */
lml_status lml_linear_evaluation_collect(lml_linear_evaluation *evaluation, lml_error *error);

void lml_linear_evaluation_free(lml_linear_evaluation *evaluation);

#endif
