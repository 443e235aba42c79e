/** @file skip.h
 *  Regions whose calculator need not be asked, as the ML calculator says that its own forces are good enough there.
 *
 *  Who decides that remembers something from one evaluation to the next, and so is no part of the mixture: it is
 *  called by it.
 */
#ifndef LML_MIXING_SKIP_H
#define LML_MIXING_SKIP_H

#include <stdbool.h>
#include <stddef.h>

#include "mixing/mixing_region.h"
#include "mixing/unknown_species.h"

/** The result of the ML calculator that is looked at: σ of each component of the force on each atom, eV/Å. */
#define LML_SKIP_SIGMA "sigma_forces"

/** Where a region's forces are from in an evaluation. */
typedef enum lml_mixing_answer {
  LML_MIXING_COMPUTED = 0, /**< from its calculator */
  LML_MIXING_RECALLED,     /**< they were known; see lml_mixing_cache */
  LML_MIXING_SKIPPED       /**< there are none: the ML calculator's stand in for them */
} lml_mixing_answer;

/** Both sides' forces in a region, and what the ML calculator knows of its errors. */
typedef struct lml_skip_comparison {
  const lml_mixing_region *region;
  const double *qm; /**< natoms of the cluster × 3, eV/Å; NULL: skipped */
  const double *ml; /**< natoms of the parent × 3, eV/Å */
  double largest;   /**< eV/Å: the largest length of σ over QM atoms; NaN where it is undefined for one */
  double sigma;     /**< eV/Å: root mean square of σ over the components of QM atoms; likewise */
  double error;     /**< the same of F_QM − F_ML; NaN: skipped */
} lml_skip_comparison;

/** Who decides. All members but the context are there, or none is. */
typedef struct lml_mixing_skip {
  /** Whether region number @p r may be skipped at all. */
  bool (*applies)(void *context, size_t r);
  /** Before the evaluation: whether it is asked whatever the uncertainty is, so that it can begin at once. */
  bool (*asks)(void *context, size_t r);
  /** Otherwise, once the ML calculator is done: whether it is asked with the largest σ on QM atoms (eV/Å; may be NaN).
   */
  bool (*doubts)(void *context, size_t r, double largest);
  /** Put the forces that count as the region's into @p forces (natoms of the cluster × 3, eV/Å), and into *@p share the
   *  part of them that is the calculator's, 0 to 1. */
  lml_status (*settle)(void *context, size_t r, const lml_skip_comparison *comparison, double *forces, double *share,
                       lml_error *error);
  /** Region number @p r, of those that may be skipped, has no atoms in this evaluation: there is nothing to settle. */
  void (*rests)(void *context, size_t r);
  void *context;
} lml_mixing_skip;

/** LML_ERR_INPUT where the cluster of @p region holds an atom that the ML calculator does not see: it cannot stand in
 *  there. */
lml_status lml_skip_check(const lml_mixing_region *region, const lml_unknown_species *unknown,
                          const lml_structure *structure, lml_error *error);

/** The largest length of @p sigmas (natoms of the parent × 3) over the region's QM atoms; NaN where one is. */
double lml_skip_largest(const lml_region *region, const double *sigmas);

/** Fill what follows from the region, the forces and @p sigmas. */
void lml_skip_compare(lml_skip_comparison *comparison, const double *sigmas);

#endif
