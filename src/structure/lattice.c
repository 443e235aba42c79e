#include "structure/lattice.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "structure/vec3.h"

enum { REDUCTION_STEPS = 1000 /**< each shortens a vector; a cell in use needs a handful */ };

/** A vector that gets shorter by less than this, relative to its square, is as short as rounding lets one tell. */
static const double shorter = 1 - 1e-9;

/** u += factor v where that makes u shorter. */
static bool shorten(double u[3], double factor, const double v[3]) {
  const double sum[3] = {u[0] + factor * v[0], u[1] + factor * v[1], u[2] + factor * v[2]};
  if (!(lml_dot(sum, sum) < lml_dot(u, u) * shorter)) return false;
  memcpy(u, sum, sizeof sum);
  return true;
}

/** Shorten one of @p vectors by multiples of another; false where none can be. */
static bool shorten_by_pair(double vectors[][3], int count) {
  for (int i = 0; i < count; i++)
    for (int j = 0; j < count; j++)
      if (i != j &&
          shorten(vectors[i], -rint(lml_dot(vectors[i], vectors[j]) / lml_dot(vectors[j], vectors[j])), vectors[j]))
        return true;
  return false;
}

/** Shorten one of three vectors by ± the sum or difference of the other two; false where none can be. */
static bool shorten_by_both(double vectors[3][3]) {
  for (int i = 0; i < 3; i++) {
    const double *v = vectors[(i + 1) % 3], *w = vectors[(i + 2) % 3];
    for (int signs = 0; signs < 4; signs++) {
      const double sign = (signs & 1) != 0 ? -1 : 1;
      const double sum[3] = {v[0] + sign * w[0], v[1] + sign * w[1], v[2] + sign * w[2]};
      if (shorten(vectors[i], (signs & 2) != 0 ? -1 : 1, sum)) return true;
    }
  }
  return false;
}

static void reduce(double vectors[][3], int count) {
  for (int step = 0; step < REDUCTION_STEPS; step++)
    if (!shorten_by_pair(vectors, count) && !(count == 3 && shorten_by_both(vectors))) return;
}

static void invert(lml_lattice *lattice) {
  for (int k = 0; k < 3; k++) {
    double normal[3];
    lml_cross(lattice->vectors[(k + 1) % 3], lattice->vectors[(k + 2) % 3], normal);
    const double volume = lml_dot(lattice->vectors[k], normal);
    for (int axis = 0; axis < 3; axis++) lattice->reciprocal[k][axis] = normal[axis] / volume;
    lattice->heights[k] = fabs(volume) / lml_norm(normal);
  }
}

void lml_cell_fractional(const double cell[9], const double vector[3], double fractional[3]) {
  for (int k = 0; k < 3; k++) {
    double normal[3];
    lml_cell_normal(cell, k, normal);
    fractional[k] = lml_dot(normal, vector) / lml_dot(normal, cell + 3 * k);
  }
}

lml_status lml_lattice_make(lml_lattice *lattice, const lml_structure *structure, lml_error *error) {
  lml_structure shape = {0};
  double vectors[3][3], cell[9];
  int count = 0;
  memcpy(shape.pbc, structure->pbc, sizeof shape.pbc);
  memcpy(lattice->periodic, structure->pbc, sizeof shape.pbc);
  for (int k = 0; k < 3; k++)
    if (shape.pbc[k]) memcpy(shape.cell + 3 * k, structure->cell + 3 * k, 3 * sizeof *cell);
  const lml_status status = lml_structure_complete_cell(&shape, cell, error);
  if (status != LML_OK) return status;
  for (int k = 0; k < 3; k++)
    if (shape.pbc[k]) memcpy(vectors[count++], cell + 3 * k, 3 * sizeof *cell);
  reduce(vectors, count);
  count = 0;
  for (int k = 0; k < 3; k++)
    memcpy(lattice->vectors[k], shape.pbc[k] ? vectors[count++] : cell + 3 * k, 3 * sizeof *cell);
  invert(lattice);
  return LML_OK;
}

void lml_lattice_fractional(const lml_lattice *lattice, const double position[3], double fractional[3]) {
  for (int k = 0; k < 3; k++) fractional[k] = lml_dot(lattice->reciprocal[k], position);
}

lml_status lml_lattice_fractional_of_atom(const lml_lattice *lattice, const lml_structure *structure, size_t i,
                                          double fractional[3], lml_error *error) {
  const double *position = structure->positions + 3 * i;
  lml_lattice_fractional(lattice, position, fractional);
  for (int k = 0; k < 3; k++)
    if (lattice->periodic[k] && !(fabs(fractional[k]) < LML_FARTHEST_CELL))
      return lml_fail(error, LML_ERR_INPUT, "atom %zu (counted from 0) at %g %g %g is more than %d cells away", i,
                      position[0], position[1], position[2], LML_FARTHEST_CELL);
  return LML_OK;
}

void lml_lattice_shift(const lml_lattice *lattice, const double position[3], const double image[3], double shifted[3]) {
  for (int axis = 0; axis < 3; axis++)
    shifted[axis] = position[axis] + (image[0] * lattice->vectors[0][axis] + image[1] * lattice->vectors[1][axis] +
                                      image[2] * lattice->vectors[2][axis]);
}

void lml_lattice_wrap(const lml_lattice *lattice, const double position[3], double wrapped[3]) {
  double image[3];
  lml_lattice_fractional(lattice, position, image);
  for (int k = 0; k < 3; k++) image[k] = lattice->periodic[k] ? -floor(image[k]) : 0;
  memcpy(wrapped, position, 3 * sizeof *wrapped);
  if (image[0] != 0 || image[1] != 0 || image[2] != 0) lml_lattice_shift(lattice, position, image, wrapped);
}

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
  double shortest = lml_norm(nearest);
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
        const double distance = lml_norm(shifted);
        /* Of images at the same distance, but for rounding, always the same one. */
        if (distance >= shortest * (1.0 - 1e-12)) continue;
        shortest = distance;
        memcpy(nearest, shifted, sizeof shifted);
      }
}

void lml_lattice_difference(const lml_lattice *lattice, const double from[3], const double to[3],
                            double difference[3]) {
  double vector[3], fractional[3];
  lml_subtract(to, from, vector);
  fold(lattice, vector, difference, fractional);
}

void lml_lattice_nearest(const lml_lattice *lattice, const double vector[3], double nearest[3]) {
  double fractional[3];
  fold(lattice, vector, nearest, fractional);
  search(lattice, nearest);
}

double lml_lattice_nearest_distance(const lml_lattice *lattice, const double vector[3], double limit) {
  double folded[3], fractional[3];
  fold(lattice, vector, folded, fractional);
  for (int k = 0; k < 3; k++)
    if (fabs(fractional[k]) * lattice->heights[k] >= limit) return INFINITY;
  search(lattice, folded);
  const double distance = lml_norm(folded);
  return distance < limit ? distance : INFINITY;
}
