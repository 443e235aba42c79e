/** @file cluster.h
 *  The piece of a structure that a quantum code computes: the QM atoms and what surrounds them, in a cell of its own.
 *
 *  Which atoms, in which order, in which cell, and how far they are shifted, is decided once, from one structure. From
 *  then on positions alone change, so that an engine can use the wave functions of the last step. The atoms lie as they
 *  do in the parent, in one piece, whatever periodic boundaries the parent's region lies across and wherever a driver
 *  wraps atoms to; along periodic directions of the cluster itself they begin within its cell. Where a region moves and
 *  other atoms come in, another cluster is made.
 */
#ifndef LML_MIXING_CLUSTER_H
#define LML_MIXING_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/structure.h"
#include "mixing/region.h"

/** How the cell of the cluster is made. */
typedef struct lml_cluster_settings {
  double vacuum;   /**< Å around the cluster in directions that are not periodic; 5 is ASE's */
  double rounding; /**< Å: edges in those directions are rounded to multiples of this, half of one to even; 3 is ASE's;
                        0: not at all */
  const double *cell; /**< 9, Å: edges in those directions are as long as this cell's; NULL: by the rules below */
} lml_cluster_settings;

/** Initialise with `lml_cluster c = {0};`, release with lml_cluster_free. */
typedef struct lml_cluster {
  lml_structure structure; /**< as it was last updated */
  size_t *parents;         /**< index in the parent of each atom, ascending */
  double radius[3];        /**< Å: half the extent of the QM atoms along each of the cell's directions */
  double shift[3];         /**< Å: position in the cluster less position in the parent, but for periodic images */
  size_t anchor;           /**< the cluster's atom that others are placed by: the first QM atom */
  double *fractional;      /**< natoms × 3: place of each atom relative to the anchor, in cell vectors of the parent */
  double anchor_place[3];  /**< Å: the image of the anchor that was taken when the cluster was made */
} lml_cluster;

/** Make the cluster of @p region, which was made of @p structure.
 *
 *  A direction (a, b, c) is periodic where the parent is, and where the parent's cell is not longer, between its faces,
 *  than 2 (R + blend + buffer), R being half the extent of the QM atoms between those faces; the parent's cell vector
 *  is the cluster's then. Directions that are not periodic get edges at right angles to all others, of length 2 (R +
 *  blend + buffer + vacuum), rounded, R being half the extent along them; the mean of all positions is shifted to the
 *  middle of these edges. For orthorhombic cells that is ASE's ForceQMMM. The buffer is counted with its margin where
 *  the region moves.
 *
 *  Of a region without atoms the cluster has none, and no cell: there is nothing to update or to evaluate.
 *
 *  LML_ERR_INPUT where atoms of neighbouring images of the cluster would come nearer than 2 Å across the vacuum. */
lml_status lml_cluster_make(lml_cluster *cluster, const lml_region *region, const lml_structure *structure,
                            const lml_cluster_settings *settings, lml_error *error);

/** Take positions, and cell vectors along periodic directions, of @p structure, which has the same atoms as that of
 *  lml_cluster_make. Atoms may have been wrapped, and all of them shifted, since. */
lml_status lml_cluster_update(lml_cluster *cluster, const lml_structure *structure, lml_error *error);

/** Whether its atoms are those of @p region. */
bool lml_cluster_is_of(const lml_cluster *cluster, const lml_region *region);

/** The cluster as it was last updated, with the columns region (its labels in @p region) and index (in the parent), to
 *  the extended XYZ file @p path. */
lml_status lml_cluster_write(const lml_cluster *cluster, const lml_region *region, const char *path, lml_error *error);

void lml_cluster_free(lml_cluster *cluster);

#endif
