#include <string.h>

#include "base/memory.h"
#include "structure/neighbours.h"

enum { RUN = 2048 /**< atoms of a run where threads share a loop: some 10 µs */ };

struct lml_neighbours_memory {
  size_t natoms; /**< of the structure */
  double cell[9];
  bool pbc[3];
  double *reference; /**< natoms × 3, Å: all of the structure's positions when the lists were made, so that ranks that
                          have parts of it make new ones at the same time */
  double *offsets;   /**< sorted atoms × 3, Å: from the structure's positions to the sorted, wrapped ones */
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

static lml_status reserve(lml_neighbours *n, const lml_structure *structure, lml_error *error) {
  const char *what = "the positions of the last neighbour search";
  lml_status status = LML_OK;
  if (n->memory == NULL) status = lml_alloc(&n->memory, 1, sizeof *n->memory, what, error);
  if (status != LML_OK) return status;
  struct lml_neighbours_memory *m = n->memory;
  m->natoms = 0;
  status = lml_grow(&m->reference, &m->reference_capacity, 3 * structure->natoms, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&m->offsets, &m->offsets_capacity, 3 * n->natoms, sizeof(double), what, error);
  if (status == LML_OK) status = lml_grow(&m->shifts, &m->shifts_capacity, 3 * n->nghosts, sizeof(double), what, error);
  return status;
}

/** What the loops over atoms and ghosts work on. */
typedef struct following {
  lml_neighbours *n;
  const lml_structure *structure;
  double limit; /**< Å */
} following;

/** A loop of @p work, shared by the caller's threads. */
static lml_status for_all(following *f, size_t count, lml_status (*work)(void *, size_t, size_t, lml_error *)) {
  const lml_pool_loop loop = {count, RUN, work, f};
  return lml_pool_do_loop(f->n->pool, &loop, NULL);
}

static const double *given(const following *f, size_t s) {
  return f->structure->positions + 3 * (size_t)f->n->order[s];
}

static lml_status remember_places(void *context, size_t begin, size_t end, lml_error *error) {
  const following *f = context;
  (void)error;
  memcpy(f->n->memory->reference + 3 * begin, f->structure->positions + 3 * begin, 3 * (end - begin) * sizeof(double));
  return LML_OK;
}

static lml_status remember_atoms(void *context, size_t begin, size_t end, lml_error *error) {
  const following *f = context;
  (void)error;
  for (size_t s = begin; s < end; s++)
    lml_subtract(f->n->positions + 3 * s, given(f, s), f->n->memory->offsets + 3 * s);
  return LML_OK;
}

static lml_status remember_ghosts(void *context, size_t begin, size_t end, lml_error *error) {
  const following *f = context;
  const lml_neighbours *n = f->n;
  (void)error;
  for (size_t k = begin; k < end; k++)
    lml_subtract(n->positions + 3 * (n->natoms + k), n->positions + 3 * (size_t)n->owner[n->natoms + k],
                 n->memory->shifts + 3 * k);
  return LML_OK;
}

lml_status lml_neighbours_remember(lml_neighbours *neighbours, const lml_structure *structure, lml_error *error) {
  const lml_neighbours *n = neighbours;
  lml_status status = reserve(neighbours, structure, error);
  if (status != LML_OK) return status;
  struct lml_neighbours_memory *m = n->memory;
  memcpy(m->cell, structure->cell, sizeof m->cell);
  memcpy(m->pbc, structure->pbc, sizeof m->pbc);
  following f = {.n = neighbours, .structure = structure};
  status = for_all(&f, structure->natoms, remember_places);
  if (status == LML_OK) status = for_all(&f, n->natoms, remember_atoms);
  if (status == LML_OK) status = for_all(&f, n->nghosts, remember_ghosts);
  if (status != LML_OK) return status;
  m->natoms = structure->natoms;
  return LML_OK;
}

static bool same_system(const struct lml_neighbours_memory *m, const lml_structure *structure) {
  return m != NULL && m->natoms == structure->natoms && memcmp(m->cell, structure->cell, sizeof m->cell) == 0 &&
         memcmp(m->pbc, structure->pbc, sizeof m->pbc) == 0;
}

/** Fails where an atom of the run is further than the limit from where it was. */
static lml_status compare_atoms(void *context, size_t begin, size_t end, lml_error *error) {
  const following *f = context;
  (void)error;
  for (size_t i = begin; i < end; i++) {
    double moved[3];
    lml_subtract(f->structure->positions + 3 * i, f->n->memory->reference + 3 * i, moved);
    if (!(lml_dot(moved, moved) < f->limit * f->limit)) return LML_ERR_INPUT;
  }
  return LML_OK;
}

static lml_status move_atoms(void *context, size_t begin, size_t end, lml_error *error) {
  const following *f = context;
  (void)error;
  for (size_t s = begin; s < end; s++)
    for (size_t axis = 0; axis < 3; axis++)
      f->n->positions[3 * s + axis] = given(f, s)[axis] + f->n->memory->offsets[3 * s + axis];
  return LML_OK;
}

static lml_status move_ghosts(void *context, size_t begin, size_t end, lml_error *error) {
  const following *f = context;
  const lml_neighbours *n = f->n;
  (void)error;
  for (size_t k = begin; k < end; k++)
    for (size_t axis = 0; axis < 3; axis++)
      n->positions[3 * (n->natoms + k) + axis] =
          n->positions[3 * (size_t)n->owner[n->natoms + k] + axis] + n->memory->shifts[3 * k + axis];
  return LML_OK;
}

lml_motion lml_neighbours_follow(lml_neighbours *neighbours, const lml_structure *structure, double limit) {
  following f = {.n = neighbours, .structure = structure, .limit = limit};
  if (!same_system(neighbours->memory, structure)) return LML_MOTION_OTHER;
  if (for_all(&f, structure->natoms, compare_atoms) != LML_OK) return LML_MOTION_FAR;
  (void)for_all(&f, neighbours->natoms, move_atoms);
  (void)for_all(&f, neighbours->nghosts, move_ghosts);
  return LML_MOTION_NEAR;
}
