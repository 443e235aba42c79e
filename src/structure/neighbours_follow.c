#include <string.h>

#include "base/memory.h"
#include "structure/neighbours.h"

struct lml_neighbours_memory {
  size_t natoms, nghosts;
  double cell[9];
  bool pbc[3];
  double *reference; /**< natoms × 3, Å: sorted positions when the lists were made */
  double *offsets;   /**< natoms × 3, Å: from the structure's positions to the sorted, wrapped ones */
  double *shifts;    /**< nghosts × 3, Å: from the atom to its ghost */
  size_t reference_capacity, offsets_capacity, shifts_capacity;
};

void lml_neighbours_forget(lml_neighbours *neighbours) {
  struct lml_neighbours_memory *memory = neighbours->memory;
  if (memory == NULL) return;
  lml_free(memory->reference);
  lml_free(memory->offsets);
  lml_free(memory->shifts);
  lml_free(memory);
  neighbours->memory = NULL;
}

static lml_status reserve(lml_neighbours *n, lml_error *error) {
  const char *what = "the positions of the last neighbour search";
  lml_status status = LML_OK;
  if (n->memory == NULL) status = lml_alloc(&n->memory, 1, sizeof *n->memory, what, error);
  if (status != LML_OK) return status;
  struct lml_neighbours_memory *m = n->memory;
  m->natoms = 0;
  status = lml_grow(&m->reference, &m->reference_capacity, 3 * n->natoms, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&m->offsets, &m->offsets_capacity, 3 * n->natoms, sizeof(double), what, error);
  if (status == LML_OK) status = lml_grow(&m->shifts, &m->shifts_capacity, 3 * n->nghosts, sizeof(double), what, error);
  return status;
}

lml_status lml_neighbours_remember(lml_neighbours *neighbours, const lml_structure *structure, lml_error *error) {
  const lml_neighbours *n = neighbours;
  const lml_status status = reserve(neighbours, error);
  if (status != LML_OK) return status;
  struct lml_neighbours_memory *m = n->memory;
  memcpy(m->cell, structure->cell, sizeof m->cell);
  memcpy(m->pbc, structure->pbc, sizeof m->pbc);
  memcpy(m->reference, n->positions, 3 * n->natoms * sizeof(double));
  for (size_t s = 0; s < n->natoms; s++)
    for (size_t axis = 0; axis < 3; axis++)
      m->offsets[3 * s + axis] = n->positions[3 * s + axis] - structure->positions[3 * (size_t)n->order[s] + axis];
  for (size_t k = 0; k < n->nghosts; k++)
    for (size_t axis = 0; axis < 3; axis++)
      m->shifts[3 * k + axis] =
          n->positions[3 * (n->natoms + k) + axis] - n->positions[3 * (size_t)n->owner[n->natoms + k] + axis];
  m->natoms = n->natoms;
  m->nghosts = n->nghosts;
  return LML_OK;
}

static bool same_system(const struct lml_neighbours_memory *m, const lml_structure *structure) {
  return m != NULL && m->natoms == structure->natoms && memcmp(m->cell, structure->cell, sizeof m->cell) == 0 &&
         memcmp(m->pbc, structure->pbc, sizeof m->pbc) == 0;
}

lml_motion lml_neighbours_follow(lml_neighbours *neighbours, const lml_structure *structure, double limit) {
  const lml_neighbours *n = neighbours;
  const struct lml_neighbours_memory *m = n->memory;
  if (!same_system(m, structure)) return LML_MOTION_OTHER;
  for (size_t s = 0; s < n->natoms; s++) {
    const double *now = structure->positions + 3 * (size_t)n->order[s];
    double square = 0.0;
    for (size_t axis = 0; axis < 3; axis++) {
      const double moved = now[axis] + m->offsets[3 * s + axis] - m->reference[3 * s + axis];
      square += moved * moved;
    }
    if (!(square < limit * limit)) return LML_MOTION_FAR;
  }
  for (size_t s = 0; s < n->natoms; s++)
    for (size_t axis = 0; axis < 3; axis++)
      n->positions[3 * s + axis] = structure->positions[3 * (size_t)n->order[s] + axis] + m->offsets[3 * s + axis];
  for (size_t k = 0; k < n->nghosts; k++)
    for (size_t axis = 0; axis < 3; axis++)
      n->positions[3 * (n->natoms + k) + axis] =
          n->positions[3 * (size_t)n->owner[n->natoms + k] + axis] + m->shifts[3 * k + axis];
  return LML_MOTION_NEAR;
}
