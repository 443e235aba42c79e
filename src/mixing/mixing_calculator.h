/** @file mixing_calculator.h
 *  A calculator that gives some atoms the forces of a quantum code, and all others those of a cheaper calculator.
 *
 *  The clusters of all regions are given to their calculators, the whole structure to the cheap one, called ML here;
 *  they work at the same time, unless regions are chosen by what the ML calculator says. A region without atoms asks
 *  nothing of its calculator. Then F = w F_QM + (1 − w) F_ML, with w = 1 for QM atoms, between 0 and 1 in a blend, and
 *  0 elsewhere; from all forces their mean is subtracted, so that the mixture pushes nothing.
 *
 *  A mixture has no energy, of which the forces would be derivatives, and no virial. What is given in their place is a
 *  setting, and said with the result.
 *
 *  Extras: energy_ml (eV), qm_atoms, blend_atoms, buffer_atoms (of all regions), mean_force (3, eV/Å, before it is
 *  subtracted), engine_seconds (of the slowest region), recalled_regions (how many need not be computed, as the forces
 *  were known); and how far the two sides disagree where both have a force,
 *  |F_QM − F_ML| in eV/Å: qm_difference_mean and _max over QM and blend atoms, buffer_difference_mean and _max over
 *  buffer atoms in four shells of equal width from the first buffer atom on, the nearest to the QM atoms first; NaN
 *  where there is no such atom.
 *
 *  Where regions may be skipped (see skip.h), also skipped_regions (how many were), and for each region skip_sigma (the
 *  largest σ of the force on a QM atom, eV/Å), skip_ratio (error over σ, root mean squares over QM atoms; NaN where the
 *  region was not asked) and skip_part (of its forces, the ML calculator's).
 */
#ifndef LML_MIXING_MIXING_CALCULATOR_H
#define LML_MIXING_MIXING_CALCULATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/calculator.h"
#include "mixing/mixing_settings.h"
#include "mixing/unknown_species.h"

/** Make the calculator, which then owns the regions, clusters and calculators (their pointers' targets: regions and
 *  clusters from lml_alloc). On failure they stay the caller's. LML_ERR_INPUT where two regions give an atom a force,
 *  or an atom that the ML calculator does not know is no QM atom. */
lml_status lml_mixing_calculator_create(const lml_mixing_settings *settings, lml_calculator **calculator,
                                        lml_error *error);

/** What a mixing calculator knows beyond what all calculators do; as long as that. */
typedef struct lml_mixture lml_mixture;

/** The mixture that @p calculator is; NULL where it is of another kind. Who needs one is handed it, and does not ask.
 */
lml_mixture *lml_mixture_of(lml_calculator *calculator);

/** Whether @p structure is one that the regions can be those of: LML_ERR_INPUT where it has other atoms, or another
 * cell although there is no virial. */
lml_status lml_mixture_check(const lml_mixture *mixture, const lml_structure *structure, lml_error *error);

/** Between two evaluations: from now on each region has the atoms and the cluster that @p regions has in its place;
 *  names and calculators stay. Those stay the caller's and must be valid until others are taken, or the calculator is
 *  destroyed. LML_ERR_INPUT as for making it; the old ones then stay. */
lml_status lml_mixture_take(lml_mixture *mixture, const lml_mixing_region *regions, lml_error *error);

/** What an evaluation was mixed from. */
typedef struct lml_mixing_parts {
  const lml_mixing_region *regions;
  size_t nregions;
  const lml_unknown_species *unknown; /**< which atoms the ML calculator does not see */
  double foreign_distance;            /**< Å from one of these within which its uncertainties are undefined */
  double cutoff;                      /**< Å, of the ML calculator; 0: not known */
  const lml_results *ml;              /**< of the visible atoms */
  lml_mixing_part energy;             /**< what stands for it */
} lml_mixing_parts;

/** The parts of the evaluation that was finished last, which are the mixture's and valid until the next start. */
lml_mixing_parts lml_mixture_parts(const lml_mixture *mixture);

/** The results of region @p r in that evaluation, in the order of its cluster, which may have no atoms: its calculator
 *  was not asked then. Likewise. *@p answer (may be NULL) tells where they are from: where the region was skipped, they
 *  are zero. */
const lml_results *lml_mixture_region(const lml_mixture *mixture, size_t r, lml_mixing_answer *answer);

/** The part of region @p r's forces in that evaluation that is its calculator's: 1, but where regions may be skipped.
 */
double lml_mixture_share(const lml_mixture *mixture, size_t r);

/** Between two evaluations: let the next one, and no other, begin with the ML calculator alone, then call @p choice,
 *  then start the regions. NULL: all are to work at the same time, as without this. */
void lml_mixture_choose_first(lml_mixture *mixture, const lml_mixing_choice *choice);

/** From now on ask @p recall before a region's calculator is started. Its context must outlive the calculator. */
void lml_mixture_set_cache(lml_mixture *mixture, const lml_mixing_cache *cache);

/** From now on @p skip decides which regions' calculators are asked, unless their forces are known; likewise.
 *  LML_ERR_INPUT where the ML calculator cannot stand in for one that may be skipped, or does not know its errors. */
lml_status lml_mixture_set_skip(lml_mixture *mixture, const lml_mixing_skip *skip, lml_error *error);

#endif
