/** @file uncertain_region.h
 *  Regions of atoms whose forces the ML calculator is uncertain of: their scores from its results, and the region of
 *  the atoms that are chosen by them.
 */
#ifndef LML_MIXING_UNCERTAIN_REGION_H
#define LML_MIXING_UNCERTAIN_REGION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "lmlink/calculator.h"
#include "mixing/region.h"
#include "mixing/uncertain_atoms.h"
#include "mixing/unknown_species.h"

/** Results of the ML calculator that scores are made from; borrowed names. */
enum { LML_UNCERTAIN_NAMES = 3 };

typedef struct lml_uncertain_needs {
  const char *names[LML_UNCERTAIN_NAMES];
  size_t count;
} lml_uncertain_needs;

/** Add what @p settings need. */
void lml_uncertain_needs_add(lml_uncertain_needs *needs, const lml_uncertain_settings *settings);

/** Of all atoms. Initialise with `lml_uncertain_scores s = {0};`, release with lml_uncertain_scores_free. */
typedef struct lml_uncertain_scores {
  size_t natoms;
  double *values;         /**< as lml_uncertain_view has them */
  unsigned char *surface; /**< likewise; all 0 without a rule for surfaces */
  size_t capacity, surface_capacity;
} lml_uncertain_scores;

/** The ML side of a mixture, seen from its results. */
typedef struct lml_uncertain_source {
  const lml_structure *structure;     /**< all of it */
  const lml_unknown_species *unknown; /**< which of its atoms are invisible; NULL: none is */
  double distance;                    /**< Å from one of these within which scores are undefined */
  double cutoff;                      /**< Å, of the ML calculator: a free surface shows in scores so far from it */
  const lml_results *ml;              /**< of the visible ones */
} lml_uncertain_source;

/** Take the scores that @p settings want from the results of @p source, in which they must be. */
lml_status lml_uncertain_scores_take(lml_uncertain_scores *scores, const lml_uncertain_settings *settings,
                                     const lml_uncertain_source *source, lml_error *error);

void lml_uncertain_scores_free(lml_uncertain_scores *scores);

/** A region as it is chosen. */
typedef struct lml_uncertain_choice {
  const lml_region_settings *settings;
  const lml_structure *structure;
  const lml_uncertain_scores *scores;
  const unsigned char *held; /**< 1 where an atom is held; NULL: none is */
  const unsigned char *last; /**< labels of the region before; NULL: it begins here */
  unsigned short *looks;     /**< as in uncertain_atoms.h; NULL: one look is enough */
  size_t nwanted, foremost;  /**< results of that */
} lml_uncertain_choice;

/** Choose the atoms, and make their region. */
lml_status lml_uncertain_region_make(lml_region *region, lml_uncertain_choice *choice, lml_error *error);

/** The ML side of a mixture that is to be made. */
typedef struct lml_uncertain_ml {
  lml_calculator *calculator;
  const int *known; /**< atomic numbers that it knows; NULL: all */
  size_t nknown;
  double distance, cutoff; /**< as above */
} lml_uncertain_ml;

/** The same of a structure for which nothing is evaluated yet. LML_ERR_INPUT and LML_ERR_USAGE where the ML side does
 *  not give the scores. */
lml_status lml_uncertain_region_begin(lml_region *region, lml_uncertain_choice *choice, const lml_uncertain_ml *ml,
                                      lml_error *error);

/** Warn where @p nwanted, of the region @p name, are more than may be QM atoms; whether that is so. */
bool lml_uncertain_region_tell_bound(const lml_uncertain_settings *settings, const char *name, size_t nwanted,
                                     const lml_log *log);

#endif
