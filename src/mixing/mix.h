/** @file mix.h
 *  The arithmetic of mixing forces, and what it tells about the boundary between the two sides.
 */
#ifndef LML_MIXING_MIX_H
#define LML_MIXING_MIX_H

#include <stddef.h>

#include "lmlink/calculator.h"
#include "mixing/mixing_region.h"
#include "mixing/unknown_species.h"

enum { LML_MIX_SHELLS = 4 /**< of equal width, from a region's first buffer atom to the buffer's outer edge */ };

/** |F_QM − F_ML| over a set of atoms. */
typedef struct lml_mix_difference {
  double sum, largest; /**< eV/Å */
  size_t count;
} lml_mix_difference;

/** Initialise with `lml_mix m = {0};`. */
typedef struct lml_mix {
  lml_mix_difference qm, shells[LML_MIX_SHELLS];
  size_t counts[LML_REGION_LABELS]; /**< atoms of all regions */
  double mean[3];                   /**< eV/Å */
} lml_mix;

/** Compare the forces @p qm of a region's cluster with those of the ML calculator in @p forces (the parent's); NULL:
 * there are none, and its atoms are counted alone. */
void lml_mix_compare(lml_mix *mix, const lml_mixing_region *region, const lml_unknown_species *unknown,
                     const double *qm, const double *forces);

/** Mix the forces @p qm of a region's cluster into @p forces (the parent's). */
void lml_mix_region(const lml_mixing_region *region, const double *qm, double *forces);

/** Leave of @p sigmas, standard deviations of the ML calculator's forces (@p natoms × @p width), what is theirs in the
 *  mixed forces: nothing where the force is the region's, of which @p share (0 to 1) is its own calculator's. */
void lml_mix_sigmas(const lml_mixing_region *region, double share, size_t natoms, size_t width, double *sigmas);

/** The mean of the @p natoms @p forces. */
void lml_mix_mean(lml_mix *mix, const double *forces, size_t natoms);

/** Add counts, mean and differences to the extras of @p results; NaN where there is no atom to compare. */
lml_status lml_mix_report(const lml_mix *mix, lml_results *results, lml_error *error);

#endif
