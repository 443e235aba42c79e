/** @file quantity.h
 *  What is compared or constrained: a *quantity* is a table of operations, and a new one is one more.
 *
 *  It gives rows of a frame in three ways, one after the other in the same order: as they stand in the file, as a
 *  calculator gives them, and as rows of the design matrix. Targets, baselines and errors follow from these.
 */
#ifndef LML_RETRAIN_DATA_QUANTITY_H
#define LML_RETRAIN_DATA_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/calculator.h"

struct lml_dataset;
struct lml_dataset_walk;
struct lml_design;

typedef enum lml_quantity {
  LML_QUANTITY_FORCES = 0, /**< three rows per selected atom, eV/Å */
  LML_QUANTITY_ENERGY,     /**< one row per frame, eV per atom */
  LML_QUANTITY_DIFFERENCE, /**< one row per frame but the first: energy per atom less that of the set's first frame */
  LML_QUANTITY_VIRIAL,     /**< six rows per frame: xx, yy, zz, yz, xz, xy, eV per atom */
  LML_QUANTITIES
} lml_quantity;

/** What a frame's file gives under a key or column of its own. */
typedef enum lml_value {
  LML_VALUE_ENERGY = 0,
  LML_VALUE_FORCES,
  LML_VALUE_VIRIAL,
  LML_VALUE_STRESS,
  LML_VALUE_COUNT
} lml_value;

/** What rows belong to. */
typedef enum lml_extent {
  LML_EXTENT_ATOMS = 0, /**< selected atoms, whose forces the frame holds: three components of each but those held */
  LML_EXTENT_FRAME      /**< the frame as a whole: LML_FRAME_ROWS rows at most */
} lml_extent;

enum { LML_FRAME_ROWS = 6 };

typedef struct lml_quantity_ops {
  const char *unit; /**< of values and errors */
  lml_extent extent;
  lml_value value;  /**< by whose names in the file it is found; for what is said where that is missing */
  bool from_first;  /**< rows count from those of the set's first frame, which has none itself; of frames as a whole */
  bool has_offsets; /**< its zero is a convention: values may be offset for each element, see energy_offset.h */
  /** Rows of the frame at hand. */
  size_t (*count_rows)(const struct lml_dataset_walk *walk);
  /** Whether the file has values of the frame at all, usable or not. */
  bool (*is_there)(struct lml_dataset_walk *walk);
  /** The values in the file, into @p values (NULL: only look): LML_ERR_INPUT where there are none, or they are no
   *  use. */
  lml_status (*read)(struct lml_dataset_walk *walk, double *values, lml_error *error);
  /** What else must hold of frames whose values are compared; NULL: nothing. */
  lml_status (*check)(struct lml_dataset_walk *walk, lml_error *error);
  /** The values that a calculator gave, into @p values. */
  void (*give)(const struct lml_dataset_walk *walk, const lml_results *results, double *values);
  /** Doubles that `next` needs in the scratch of @p design; NULL: none. */
  size_t (*scratch)(const struct lml_design *design);
  /** Doubles that the largest frame of @p set needs in all, at most. */
  size_t (*memory)(const struct lml_design *design, const struct lml_dataset *set);
  /** Begin with the rows of the design matrix of the frame at hand; NULL: nothing to do. */
  lml_status (*begin)(struct lml_design *design, lml_error *error);
  /** Put the next *@p count rows, LML_BLOCK_ROWS at most, into the block of @p design, and where atoms have weights
   *  their square roots into its weights. Rows of atoms are made for the design's shift, those of frames for none. */
  lml_status (*next)(struct lml_design *design, size_t *count, lml_error *error);
} lml_quantity_ops;

/** The quantities that there are, by lml_quantity, and their names in options, configuration and report,
 *  NULL-terminated. */
extern const lml_quantity_ops *const lml_quantities[LML_QUANTITIES];
extern const char *const lml_quantity_names[];
extern const lml_quantity_ops lml_force_quantity, lml_energy_quantity, lml_difference_quantity, lml_virial_quantity;

#endif
