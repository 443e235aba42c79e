#include "lmlink/structure.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/vec3.h"

/** Sine of the smallest angle between a cell vector and the plane (or line) of the others that counts as independent.
 */
static const double smallest_sine = 1e-8;

static const char direction_names[3] = {'a', 'b', 'c'};

/** Unit vector along @p u, safe from overflow and underflow; false where u is zero. */
static bool normalise(const double u[3], double unit[3]) {
  const double largest = fmax(fabs(u[0]), fmax(fabs(u[1]), fabs(u[2])));
  if (largest == 0) return false;
  for (int k = 0; k < 3; k++) unit[k] = u[k] / largest;
  const double length = lml_norm(unit);
  for (int k = 0; k < 3; k++) unit[k] /= length;
  return true;
}

lml_status lml_structure_resize(lml_structure *structure, size_t natoms, lml_error *error) {
  if (natoms == structure->natoms && structure->numbers != NULL && structure->positions != NULL) return LML_OK;
  int *numbers = NULL;
  double *positions = NULL;
  lml_status status = lml_alloc(&numbers, natoms, sizeof *numbers, "atomic numbers", error);
  if (status == LML_OK) status = lml_alloc(&positions, natoms, 3 * sizeof *positions, "positions", error);
  if (status != LML_OK) {
    lml_free(numbers);
    return status;
  }
  const size_t kept = natoms < structure->natoms ? natoms : structure->natoms;
  if (structure->numbers != NULL) memcpy(numbers, structure->numbers, kept * sizeof *numbers);
  if (structure->positions != NULL) memcpy(positions, structure->positions, kept * 3 * sizeof *positions);
  lml_free(structure->numbers);
  lml_free(structure->positions);
  structure->numbers = numbers;
  structure->positions = positions;
  structure->natoms = natoms;
  return LML_OK;
}

lml_status lml_structure_copy(lml_structure *to, const lml_structure *from, lml_error *error) {
  if (to == from) return LML_OK;
  const lml_status status = lml_structure_resize(to, from->natoms, error);
  if (status != LML_OK) return status;
  memcpy(to->cell, from->cell, sizeof to->cell);
  memcpy(to->pbc, from->pbc, sizeof to->pbc);
  if (from->natoms == 0) return LML_OK;
  memcpy(to->numbers, from->numbers, from->natoms * sizeof *to->numbers);
  memcpy(to->positions, from->positions, from->natoms * 3 * sizeof *to->positions);
  return LML_OK;
}

void lml_structure_free(lml_structure *structure) {
  lml_free(structure->numbers);
  lml_free(structure->positions);
  *structure = (lml_structure){0};
}

/** Part of the unit vector @p unit that is orthogonal to the @p count orthonormal vectors @p others. */
static void orthogonal_part(const double unit[3], double others[][3], int count, double part[3]) {
  memcpy(part, unit, 3 * sizeof *part);
  for (int pass = 0; pass < 2; pass++) /* twice, for the digits that the first pass cancels */
    for (int n = 0; n < count; n++) {
      const double along = lml_dot(part, others[n]);
      for (int k = 0; k < 3; k++) part[k] -= along * others[n][k];
    }
}

/** Add @p vector to the orthonormal @p basis of *@p count vectors; false where it is zero or depends on them. */
static bool extend_basis(const double vector[3], double basis[][3], int *count) {
  double unit[3], part[3];
  if (!normalise(vector, unit)) return false;
  orthogonal_part(unit, basis, *count, part);
  if (lml_dot(part, part) <= smallest_sine * smallest_sine) return false;
  normalise(part, basis[*count]);
  ++*count;
  return true;
}

static lml_status check_cell(const lml_structure *structure, double basis[][3], int *count, lml_error *error) {
  for (int k = 0; k < 9; k++)
    if (!isfinite(structure->cell[k]))
      return lml_fail(error, LML_ERR_INPUT, "cell vector %c has a component that is not a finite number (%g)",
                      direction_names[k / 3], structure->cell[k]);
  *count = 0;
  for (int n = 0; n < 3; n++) {
    const double *v = structure->cell + 3 * n;
    if (!structure->pbc[n] || extend_basis(v, basis, count)) continue;
    const char *fault = v[0] == 0 && v[1] == 0 && v[2] == 0 ? "is zero" : "depends linearly on the others";
    return lml_fail(error, LML_ERR_INPUT,
                    "cell vector %c (%g, %g, %g) %s, but the structure is periodic along it; "
                    "give it a length or switch pbc off in that direction",
                    direction_names[n], v[0], v[1], v[2], fault);
  }
  return LML_OK;
}

lml_status lml_structure_check(const lml_structure *structure, lml_error *error) {
  if (structure->natoms == 0) return lml_fail(error, LML_ERR_INPUT, "the structure has no atoms");
  double basis[3][3];
  int count;
  const lml_status status = check_cell(structure, basis, &count, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < structure->natoms; i++) {
    const double *r = structure->positions + 3 * i;
    if (isfinite(r[0]) && isfinite(r[1]) && isfinite(r[2])) continue;
    return lml_fail(error, LML_ERR_INPUT, "the position of atom %zu (counted from 0) is not finite: %g %g %g", i, r[0],
                    r[1], r[2]);
  }
  return LML_OK;
}

/** Unit vector orthogonal to the @p count orthonormal vectors of @p basis, the Cartesian axis @p preferred or near it
 *  where that is possible. */
static void orthogonal_unit(double basis[][3], int count, int preferred, double unit[3]) {
  double longest = -1;
  for (int offset = 0; offset < 3; offset++) {
    double axis[3] = {0, 0, 0}, part[3];
    axis[(preferred + offset) % 3] = 1;
    orthogonal_part(axis, basis, count, part);
    const double length = lml_dot(part, part);
    if (length <= longest + 1e-6) continue;
    longest = length;
    normalise(part, unit);
  }
}

lml_status lml_structure_complete_cell(const lml_structure *structure, double cell[9], lml_error *error) {
  double basis[3][3];
  int count;
  const lml_status status = check_cell(structure, basis, &count, error);
  if (status != LML_OK) return status;
  bool kept[3];
  memcpy(kept, structure->pbc, sizeof kept);
  memcpy(cell, structure->cell, 9 * sizeof *cell);
  for (int n = 0; n < 3; n++)
    if (!kept[n]) kept[n] = extend_basis(cell + 3 * n, basis, &count);
  for (int n = 0; n < 3; n++) {
    if (kept[n]) continue;
    orthogonal_unit(basis, count, n, cell + 3 * n);
    memcpy(basis[count++], cell + 3 * n, 3 * sizeof *cell);
  }
  return LML_OK;
}

double lml_structure_volume(const lml_structure *structure) { return fabs(lml_determinant(structure->cell)); }
