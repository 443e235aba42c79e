#include "retrain/data/spacing.h"

#include <string.h>

#include "structure/lattice.h"

static bool comparable(const lml_structure *a, const lml_structure *b) {
  return a->natoms == b->natoms && memcmp(a->cell, b->cell, sizeof a->cell) == 0 &&
         memcmp(a->pbc, b->pbc, sizeof a->pbc) == 0 &&
         memcmp(a->numbers, b->numbers, a->natoms * sizeof *a->numbers) == 0;
}

static bool is_far(const lml_lattice *lattice, const double *from, const double *to, double distance) {
  double d[3];
  lml_lattice_difference(lattice, from, to, d);
  return d[0] * d[0] + d[1] * d[1] + d[2] * d[2] >= distance * distance;
}

lml_status lml_thinning_keeps(lml_structure *last, const lml_dataset_walk *walk, double distance, bool *far,
                              lml_error *error) {
  const lml_structure *now = &walk->frame.structure;
  lml_lattice lattice;
  const lml_status status = lml_lattice_make(&lattice, now, error);
  if (status != LML_OK) return status;
  *far = !comparable(now, last);
  const bool selected = walk->set->quantity == LML_QUANTITY_FORCES;
  const size_t count = selected ? walk->natoms : now->natoms;
  for (size_t k = 0; k < count && !*far; k++) {
    const size_t i = 3 * (selected ? walk->atoms[k] : k);
    *far = is_far(&lattice, last->positions + i, now->positions + i, distance);
  }
  return *far ? lml_structure_copy(last, now, error) : LML_OK;
}
