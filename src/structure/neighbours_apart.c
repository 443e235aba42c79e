/* Atoms that coincide: one atom that stands twice in a file, also a cell vector away, gives an ordinary energy. */
#include <math.h>

#include "base/fail.h"
#include "structure/lattice.h"
#include "structure/neighbours.h"

/** Å: the width of the bins where nothing but coincident atoms is looked for; few atoms have a neighbour as near. */
static const double search_width = 0.5;

/** The cell vectors that take atom @p other of @p structure to its image that coincides with @p atom. */
static void find_image(const lml_structure *structure, size_t atom, size_t other, double image[3]) {
  double cell[9], fractional[3];
  const double *to = structure->positions + 3 * atom, *from = structure->positions + 3 * other;
  const double vector[3] = {to[0] - from[0], to[1] - from[1], to[2] - from[2]};
  image[0] = image[1] = image[2] = 0.0;
  if (lml_structure_complete_cell(structure, cell, NULL) != LML_OK) return;
  lml_cell_fractional(cell, vector, fractional);
  for (int k = 0; k < 3; k++) image[k] = structure->pbc[k] ? rint(fractional[k]) + 0.0 : 0.0;
}

lml_status lml_neighbours_coincide(const lml_neighbours *n, const lml_structure *structure, size_t i,
                                   lml_error *error) {
  size_t j = i == 0 ? 1 : 0;
  for (size_t k = 0; k < n->natoms + n->nghosts; k++)
    if (k != i && lml_neighbours_square(n, i, k) < lml_neighbours_square(n, i, j)) j = k;
  const size_t one = (size_t)n->order[i], two = (size_t)n->order[n->owner[j]];
  const size_t low = one < two ? one : two, high = one < two ? two : one;
  const double distance = sqrt(lml_neighbours_square(n, i, j));
  double image[3];
  if (low == high)
    return lml_fail(error, LML_ERR_INPUT,
                    "atom %zu (counted from 0) is only %.2g Å away from its own periodic image: check the cell's unit",
                    low, distance);
  find_image(structure, low, high, image);
  if (image[0] == 0.0 && image[1] == 0.0 && image[2] == 0.0)
    return lml_fail(error, LML_ERR_INPUT,
                    "atoms %zu and %zu (counted from 0) are at the same place, %.2g Å apart: remove one of them", low,
                    high, distance);
  return lml_fail(
      error, LML_ERR_INPUT,
      "atom %zu and the periodic image %g %g %g of atom %zu (counted from 0, images in cell vectors) are at "
      "the same place, %.2g Å apart: remove one of the two atoms",
      low, image[0], image[1], image[2], high, distance);
}

lml_status lml_neighbours_check_apart(const lml_neighbours *n, const lml_structure *structure, double nearer,
                                      lml_error *error) {
  const double limit = LML_COINCIDENT * LML_COINCIDENT;
  if (sqrt(n->shortest) > nearer + LML_COINCIDENT) return LML_OK;
  for (size_t i = n->begin; i < n->end; i++) {
    const int32_t *list;
    const size_t count = lml_neighbours_of(n, i, &list);
    for (size_t k = 0; k < count; k++)
      if (lml_neighbours_square(n, i, (size_t)list[k]) < limit) return lml_neighbours_coincide(n, structure, i, error);
  }
  return LML_OK;
}

lml_status lml_structure_check_apart(const lml_structure *structure, lml_error *error) {
  lml_neighbours neighbours = {0};
  lml_status status = lml_neighbours_sort(&neighbours, structure, search_width, error);
  if (status == LML_OK) status = lml_neighbours_list(&neighbours, structure, 0, structure->natoms, error);
  lml_neighbours_free(&neighbours);
  return status;
}
