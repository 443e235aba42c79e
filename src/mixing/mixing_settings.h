/** @file mixing_settings.h
 *  What a mixing calculator is made of, and what it asks others.
 */
#ifndef LML_MIXING_MIXING_SETTINGS_H
#define LML_MIXING_MIXING_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "lmlink/calculator.h"
#include "mixing/mixing_region.h"
#include "mixing/skip.h"

typedef struct lml_mixing_settings {
  const lml_structure *structure; /**< that the regions were made of; copied */
  lml_calculator *ml;
  const int *known; /**< atomic numbers that the ML calculator knows; NULL: all. Atoms of others are invisible to it */
  size_t nknown;
  double foreign_distance; /**< Å: how near to an invisible atom an ML force is worth a warning */
  double cutoff;           /**< Å, of the ML calculator; 0: not known */
  const lml_mixing_region *regions;
  size_t nregions;
  bool zero_mean_force;
  lml_mixing_part energy;
  lml_mixing_part virial;
  const lml_log *log; /**< NULL: nothing is told */
} lml_mixing_settings;

/** Knows what a region's calculator has computed before. */
typedef struct lml_mixing_cache {
  /** Put the forces of the cluster of region number @p r as it lies in @p structure into @p forces (natoms × 3 of the
   *  cluster, eV/Å), and return true; or return false where they are not known. */
  bool (*find)(void *context, size_t r, const lml_mixing_region *region, const lml_structure *structure,
               double *forces);
  void *context;
} lml_mixing_cache;

/** Decides on regions once the ML calculator has evaluated a structure, and before any region's calculator does. */
typedef struct lml_mixing_choice {
  lml_request needs; /**< results of the ML calculator beyond those that are asked for; must outlive the evaluation */
  /** The ML calculator's results of @p structure are among the mixture's parts; other regions may be taken. */
  lml_status (*choose)(void *context, const lml_structure *structure, lml_error *error);
  void *context;
} lml_mixing_choice;

#endif
