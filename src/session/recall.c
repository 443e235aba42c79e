#include "session/recall.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "structure/lattice.h"

struct lml_recall_shape {
  size_t region, natoms;
  size_t *parents;
  unsigned char *labels;
  double cell[9], cluster_cell[9];
  bool pbc[3];
};

struct lml_recall_entry {
  size_t shape;
  long age;
  double *positions; /**< natoms × 3, followed by as many forces */
};

static bool same_numbers(const double *one, const double *two, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!(fabs(one[i] - two[i]) <= LML_RECALL_TOLERANCE)) return false;
  return true;
}

static bool same_shape(const struct lml_recall_shape *shape, const lml_recall_point *point) {
  if (shape->region != point->region || shape->natoms != point->natoms) return false;
  if (memcmp(shape->parents, point->parents, point->natoms * sizeof *point->parents) != 0) return false;
  for (size_t i = 0; i < point->natoms; i++)
    if (shape->labels[i] != point->labels[point->rows[i]]) return false;
  return same_numbers(shape->cell, point->cell, 9) && same_numbers(shape->cluster_cell, point->cluster_cell, 9) &&
         memcmp(shape->pbc, point->pbc, sizeof shape->pbc) == 0;
}

/** Whether a driver that wraps atoms could have moved one from @p one to @p two. */
static bool same_image(const lml_lattice *lattice, const double *one, const double *two) {
  static const double nowhere[3] = {0.0, 0.0, 0.0};
  double difference[3];
  lml_lattice_difference(lattice, one, two, difference);
  return same_numbers(difference, nowhere, 3);
}

static bool same_places(const struct lml_recall_entry *entry, const lml_recall_point *point,
                        const lml_lattice *lattice) {
  for (size_t i = 0; i < point->natoms; i++) {
    const double *one = entry->positions + 3 * i, *two = point->positions + 3 * point->rows[i];
    if (!same_numbers(one, two, 3) && (lattice == NULL || !same_image(lattice, one, two))) return false;
  }
  return true;
}

/** The entry of that point; NULL where there is none. */
static struct lml_recall_entry *find(const lml_recall *recall, const lml_recall_point *point) {
  lml_lattice lattice;
  lml_structure parent = {.pbc = {point->pbc[0], point->pbc[1], point->pbc[2]}};
  memcpy(parent.cell, point->cell, sizeof parent.cell);
  const bool has_lattice = lml_lattice_make(&lattice, &parent, NULL) == LML_OK;
  for (size_t s = 0; s < recall->nshapes; s++) {
    if (!same_shape(&recall->shapes[s], point)) continue;
    for (size_t e = 0; e < recall->nentries; e++)
      if (recall->entries[e].shape == s && same_places(&recall->entries[e], point, has_lattice ? &lattice : NULL))
        return &recall->entries[e];
  }
  return NULL;
}

bool lml_recall_find(const lml_recall *recall, const lml_recall_point *point, double *forces) {
  const struct lml_recall_entry *entry = find(recall, point);
  if (entry != NULL) memcpy(forces, entry->positions + 3 * point->natoms, 3 * point->natoms * sizeof *forces);
  return entry != NULL;
}

bool lml_recall_find_region(const lml_recall *recall, size_t region, const lml_structure *structure,
                            lml_recall_region *found) {
  lml_lattice lattice;
  if (lml_lattice_make(&lattice, structure, NULL) != LML_OK) return false;
  for (size_t e = recall->nentries; e-- > 0;) {
    const struct lml_recall_entry *entry = &recall->entries[e];
    const struct lml_recall_shape *shape = &recall->shapes[entry->shape];
    const lml_recall_point there = {.natoms = shape->natoms, .rows = shape->parents, .positions = structure->positions};
    if (shape->region != region || entry->age < 0 || !same_numbers(shape->cell, structure->cell, 9) ||
        memcmp(shape->pbc, structure->pbc, sizeof shape->pbc) != 0 || !same_places(entry, &there, &lattice))
      continue;
    *found = (lml_recall_region){.natoms = shape->natoms,
                                 .parents = shape->parents,
                                 .labels = shape->labels,
                                 .cluster_cell = shape->cluster_cell,
                                 .age = (size_t)entry->age};
    return true;
  }
  return false;
}

static lml_status add_shape(lml_recall *recall, const lml_recall_point *point, lml_error *error) {
  struct lml_recall_shape shape = {.region = point->region, .natoms = point->natoms};
  memcpy(shape.cell, point->cell, sizeof shape.cell);
  memcpy(shape.cluster_cell, point->cluster_cell, sizeof shape.cluster_cell);
  memcpy(shape.pbc, point->pbc, sizeof shape.pbc);
  lml_status status = lml_grow(&recall->shapes, &recall->shapes_capacity, recall->nshapes + 1, sizeof *recall->shapes,
                               "clusters that were computed", error);
  if (status == LML_OK)
    status = lml_alloc(&shape.parents, shape.natoms, sizeof *shape.parents, "a cluster that was computed", error);
  if (status == LML_OK) status = lml_alloc(&shape.labels, shape.natoms, 1, "a cluster that was computed", error);
  if (status != LML_OK) {
    lml_free(shape.parents);
    return status;
  }
  memcpy(shape.parents, point->parents, shape.natoms * sizeof *shape.parents);
  for (size_t i = 0; i < shape.natoms; i++) shape.labels[i] = point->labels[point->rows[i]];
  recall->shapes[recall->nshapes++] = shape;
  return LML_OK;
}

lml_status lml_recall_add(lml_recall *recall, const lml_recall_point *point, lml_error *error) {
  struct lml_recall_entry *known = find(recall, point);
  if (known != NULL) {
    known->age = point->age;
    return LML_OK;
  }
  size_t shape = 0;
  while (shape < recall->nshapes && !same_shape(&recall->shapes[shape], point)) shape++;
  lml_status status = shape < recall->nshapes ? LML_OK : add_shape(recall, point, error);
  if (status == LML_OK)
    status = lml_grow(&recall->entries, &recall->entries_capacity, recall->nentries + 1, sizeof *recall->entries,
                      "forces that were computed", error);
  if (status != LML_OK) return status;
  struct lml_recall_entry *entry = &recall->entries[recall->nentries];
  entry->shape = shape;
  entry->age = point->age;
  status =
      lml_alloc(&entry->positions, 6 * point->natoms, sizeof *entry->positions, "forces that were computed", error);
  if (status != LML_OK) return status;
  recall->nentries++;
  double *position = entry->positions, *force = entry->positions + 3 * point->natoms;
  for (size_t i = 0; i < point->natoms; i++, position += 3, force += 3) {
    const size_t row = point->force_rows == NULL ? i : point->force_rows[i];
    memcpy(position, point->positions + 3 * point->rows[i], 3 * sizeof *position);
    memcpy(force, point->forces + 3 * row, 3 * sizeof *force);
  }
  return LML_OK;
}

void lml_recall_free(lml_recall *recall) {
  for (size_t s = 0; s < recall->nshapes; s++) {
    lml_free(recall->shapes[s].parents);
    lml_free(recall->shapes[s].labels);
  }
  for (size_t e = 0; e < recall->nentries; e++) lml_free(recall->entries[e].positions);
  lml_free(recall->shapes);
  lml_free(recall->entries);
  *recall = (lml_recall){0};
}
