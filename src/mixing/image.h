/** @file image.h
 *  Which periodic image of one point is nearest to another.
 */
#ifndef LML_MIXING_IMAGE_H
#define LML_MIXING_IMAGE_H

#include "structure/lattice.h"

/** The shortest of all vectors that differ from @p vector (Å) by lattice vectors. */
void lml_image_nearest(const lml_lattice *lattice, const double vector[3], double nearest[3]);

/** Its length, or infinity where that is not below @p limit (Å), which is found out sooner. */
double lml_image_distance(const lml_lattice *lattice, const double vector[3], double limit);

#endif
