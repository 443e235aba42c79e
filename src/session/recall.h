/** @file recall.h
 *  What quantum codes have computed already, so that it is never paid for twice.
 */
#ifndef LML_SESSION_RECALL_H
#define LML_SESSION_RECALL_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/structure.h"

/** A region's cluster as it lies in its parent, with the forces on it. Row rows[i] of positions and of labels belongs
 *  to the cluster's atom i, whose index in the parent is parents[i]. All is borrowed. */
typedef struct lml_recall_point {
  size_t region; /**< number of the region, from 0 */
  size_t natoms; /**< of the cluster */
  const size_t *parents;
  const size_t *rows;
  const double *positions;     /**< Å, three per row */
  const unsigned char *labels; /**< lml_region_label, one per row */
  const double *cell;          /**< 9, Å, of the parent */
  const bool *pbc;             /**< 3, of the parent */
  const double *cluster_cell;  /**< 9, Å */
  long age;                    /**< evaluations since the region had followed its seeds; negative: it did not follow
                                    by the rule that it has now */
  const double *forces;        /**< eV/Å, three per row of force_rows */
  const size_t *force_rows;    /**< NULL: in the cluster's order */
} lml_recall_point;

/** Initialise with `lml_recall r = {0};`, release with lml_recall_free. */
typedef struct lml_recall {
  struct lml_recall_shape *shapes; /**< clusters: which atoms, in which cells */
  size_t nshapes, shapes_capacity;
  struct lml_recall_entry *entries; /**< places of a cluster's atoms, with their forces */
  size_t nentries, entries_capacity;
} lml_recall;

/** How far apart, in Å and for each coordinate, atoms may be that count as being at the same place. */
#define LML_RECALL_TOLERANCE 1e-10

/** Remember @p point; of one that is known, its age alone. Copies what it needs. */
lml_status lml_recall_add(lml_recall *recall, const lml_recall_point *point, lml_error *error);

/** Whether a point with the same region, atoms, labels and cells, and with every atom at the same place, but for
 *  periodic images, is known; its forces then go to @p forces (natoms × 3), in the cluster's order. */
bool lml_recall_find(const lml_recall *recall, const lml_recall_point *point, double *forces);

/** A region as it was, its cluster's atoms in order; valid until the next is added. */
typedef struct lml_recall_region {
  size_t natoms;
  const size_t *parents;       /**< index in the parent */
  const unsigned char *labels; /**< lml_region_label */
  const double *cluster_cell;  /**< 9, Å */
  size_t age;                  /**< as above */
} lml_recall_region;

/** Whether a point of region number @p region, as it followed by the rule that it has now, is known whose atoms are
 * all, but for periodic images, where they are in @p structure, in the same cell; the one that was added last. */
bool lml_recall_find_region(const lml_recall *recall, size_t region, const lml_structure *structure,
                            lml_recall_region *found);

void lml_recall_free(lml_recall *recall);

#endif
