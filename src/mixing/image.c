#include "mixing/image.h"

#include <math.h>
#include <string.h>

static double length(const double v[3]) { return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

/** Take whole lattice vectors off @p vector, so that its fractional coordinates along periodic directions lie between
 *  −½ and ½. @p fractional receives what is left. */
static void fold(const lml_lattice *lattice, const double vector[3], double folded[3], double fractional[3]) {
  double image[3];
  lml_lattice_fractional(lattice, vector, fractional);
  for (int k = 0; k < 3; k++) {
    image[k] = lattice->periodic[k] ? -rint(fractional[k]) : 0.0;
    fractional[k] += image[k];
  }
  memcpy(folded, vector, 3 * sizeof *folded);
  if (image[0] != 0.0 || image[1] != 0.0 || image[2] != 0.0) lml_lattice_shift(lattice, vector, image, folded);
}

/** The shortest among @p nearest and its neighbours one lattice vector away: with vectors as short as lml_lattice has
 *  them, there is no shorter one farther away. */
static void search(const lml_lattice *lattice, double nearest[3]) {
  double smallest_height = INFINITY;
  for (int k = 0; k < 3; k++)
    if (lattice->periodic[k]) smallest_height = fmin(smallest_height, lattice->heights[k]);
  double shortest = length(nearest);
  if (shortest <= 0.5 * smallest_height) return;
  const double folded[3] = {nearest[0], nearest[1], nearest[2]};
  int reach[3];
  for (int k = 0; k < 3; k++) reach[k] = lattice->periodic[k] ? 1 : 0;
  for (int a = -reach[0]; a <= reach[0]; a++)
    for (int b = -reach[1]; b <= reach[1]; b++)
      for (int c = -reach[2]; c <= reach[2]; c++) {
        const double image[3] = {a, b, c};
        double shifted[3];
        lml_lattice_shift(lattice, folded, image, shifted);
        const double distance = length(shifted);
        /* Of images at the same distance, but for rounding, always the same one. */
        if (distance >= shortest * (1.0 - 1e-12)) continue;
        shortest = distance;
        memcpy(nearest, shifted, sizeof shifted);
      }
}

void lml_image_nearest(const lml_lattice *lattice, const double vector[3], double nearest[3]) {
  double fractional[3];
  fold(lattice, vector, nearest, fractional);
  search(lattice, nearest);
}

double lml_image_distance(const lml_lattice *lattice, const double vector[3], double limit) {
  double folded[3], fractional[3];
  fold(lattice, vector, folded, fractional);
  for (int k = 0; k < 3; k++)
    if (fabs(fractional[k]) * lattice->heights[k] >= limit) return INFINITY;
  search(lattice, folded);
  const double distance = length(folded);
  return distance < limit ? distance : INFINITY;
}
