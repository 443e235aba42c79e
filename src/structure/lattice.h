/** @file lattice.h
 *  The lattice of a structure's periodic images, with short vectors.
 */
#ifndef LML_STRUCTURE_LATTICE_H
#define LML_STRUCTURE_LATTICE_H

#include <stdbool.h>

#include "lmlink/structure.h"

enum { LML_FARTHEST_CELL = 1000000000 /**< an atom so many cells away has lost its place in the cell to rounding */ };

/** Three independent vectors. Those of periodic directions span the same lattice as the structure's, but are as short
 *  as they can be made pairwise, so that a strongly sheared cell is compact. The others are unit vectors orthogonal
 *  to the periodic ones and to each other, whatever the structure's cell says there. */
typedef struct lml_lattice {
  bool periodic[3];
  double vectors[3][3];    /**< Å, rows */
  double reciprocal[3][3]; /**< rows: fractional coordinate k of r is reciprocal[k]·r, 1/Å */
  double heights[3];       /**< Å, distance between neighbouring lattice planes, 1/|reciprocal[k]| */
} lml_lattice;

/** Fails as lml_structure_check does on the cell. */
lml_status lml_lattice_make(lml_lattice *lattice, const lml_structure *structure, lml_error *error);

/** Fractional coordinates of @p vector (Å) in the independent vectors of @p cell (9, rows), as they are. */
void lml_cell_fractional(const double cell[9], const double vector[3], double fractional[3]);

/** Fractional coordinates of @p position. */
void lml_lattice_fractional(const lml_lattice *lattice, const double position[3], double fractional[3]);

/** Those of atom @p i of @p structure. LML_ERR_INPUT where it is so many cells away that its place in the cell is lost
 * to rounding. */
lml_status lml_lattice_fractional_of_atom(const lml_lattice *lattice, const lml_structure *structure, size_t i,
                                          double fractional[3], lml_error *error);

/** @p position moved by lattice vectors along the periodic directions into the cell that begins at the origin; bit by
 *  bit the same where it is inside already. */
void lml_lattice_wrap(const lml_lattice *lattice, const double position[3], double wrapped[3]);

/** @p position moved by @p image lattice vectors. */
void lml_lattice_shift(const lml_lattice *lattice, const double position[3], const double image[3], double shifted[3]);

/** The vector from @p from to the periodic image of @p to that is nearest by fractional coordinates: the shortest one
 *  wherever it is shorter than half the smallest height. */
void lml_lattice_difference(const lml_lattice *lattice, const double from[3], const double to[3], double difference[3]);

/** The shortest of all vectors that differ from @p vector (Å) by lattice vectors. */
void lml_lattice_nearest(const lml_lattice *lattice, const double vector[3], double nearest[3]);

/** Its length, or infinity where that is not below @p limit (Å), which is found out sooner. */
double lml_lattice_nearest_distance(const lml_lattice *lattice, const double vector[3], double limit);

#endif
