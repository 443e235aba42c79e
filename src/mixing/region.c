#include "mixing/region.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "mixing/image.h"
#include "structure/frame.h"

static const char *const label_names[LML_REGION_LABELS] = {"MM", "buffer", "blend", "QM"};

const char *lml_region_label_name(lml_region_label label) { return label_names[label]; }

/* ---- labels of a file ---- */

static bool find_label(const char *name, unsigned char *label) {
  for (int i = 0; i < LML_REGION_LABELS; i++) {
    if (strcmp(name, label_names[i]) != 0) continue;
    *label = (unsigned char)i;
    return true;
  }
  return false;
}

lml_status lml_region_read_labels(lml_frame *frame, const char *path, unsigned char **labels, lml_error *error) {
  *labels = NULL;
  const lml_values *column = lml_frame_column(frame, "region");
  if (column == NULL) return LML_OK;
  if (column->type != LML_TEXT || column->width != 1)
    return lml_fail(error, LML_ERR_INPUT, "%s: the column region holds no texts; it must hold QM, buffer or MM", path);
  lml_status status = lml_alloc(labels, column->count, 1, "region labels", error);
  for (size_t i = 0; i < column->count && status == LML_OK; i++)
    if (!find_label(column->texts[i], &(*labels)[i]))
      status = lml_fail(error, LML_ERR_INPUT, "%s: the region of atom %zu is '%.40s'; it must be QM, buffer or MM",
                        path, i, column->texts[i]);
  if (status != LML_OK) {
    lml_free(*labels);
    *labels = NULL;
  }
  return status;
}

lml_status lml_region_write_labels(lml_frame *frame, const char *name, const unsigned char *labels, const size_t *atoms,
                                   lml_error *error) {
  lml_values *column;
  const size_t natoms = frame->structure.natoms;
  lml_status status = lml_frame_add_column(frame, name, &column, error);
  if (status == LML_OK) status = lml_values_allocate(column, LML_TEXT, natoms, 1, error);
  for (size_t i = 0; i < natoms && status == LML_OK; i++) {
    column->texts[i] = lml_strdup(label_names[labels[atoms == NULL ? i : atoms[i]]], error);
    if (column->texts[i] == NULL) status = LML_ERR_MEMORY;
  }
  return status;
}

/* ---- selecting QM atoms ---- */

typedef struct selection {
  const lml_region_settings *settings;
  const lml_structure *structure;
  const unsigned char *file_labels;
  unsigned char *labels; /**< to be set */
} selection;

static lml_status select_labels(const selection *s, lml_error *error) {
  if (s->file_labels == NULL)
    return lml_fail(error, LML_ERR_INPUT,
                    "the structure file has no column region that says which atoms are QM; add it, or select them by "
                    "indices, species, spheres or a cylinder");
  for (size_t i = 0; i < s->structure->natoms; i++)
    if (s->file_labels[i] == LML_REGION_QM) s->labels[i] = LML_REGION_QM;
  return LML_OK;
}

static lml_status select_indices(const selection *s, lml_error *error) {
  const size_t natoms = s->structure->natoms;
  for (size_t i = 0; i < s->settings->nindices; i++) {
    const int index = s->settings->indices[i];
    if (index < 0 || (size_t)index >= natoms)
      return lml_fail(error, LML_ERR_INPUT, "the QM atom %d is not in the structure, whose %zu atoms count from 0",
                      index, natoms);
    s->labels[index] = LML_REGION_QM;
  }
  return LML_OK;
}

static lml_status select_species(const selection *s, lml_error *error) {
  (void)error;
  for (size_t i = 0; i < s->structure->natoms; i++)
    for (size_t k = 0; k < s->settings->nspecies; k++)
      if (s->structure->numbers[i] == s->settings->species[k]) s->labels[i] = LML_REGION_QM;
  return LML_OK;
}

/** Atoms nearer than @p radius to @p point in @p lattice. */
static void select_near(const selection *s, const lml_lattice *lattice, const double point[3], double radius) {
  for (size_t i = 0; i < s->structure->natoms; i++) {
    const double *r = s->structure->positions + 3 * i;
    const double vector[3] = {r[0] - point[0], r[1] - point[1], r[2] - point[2]};
    if (lml_image_distance(lattice, vector, radius) < radius) s->labels[i] = LML_REGION_QM;
  }
}

static lml_status select_spheres(const selection *s, lml_error *error) {
  lml_lattice lattice;
  const lml_status status = lml_lattice_make(&lattice, s->structure, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < s->settings->nspheres; i++) {
    const lml_region_sphere *sphere = &s->settings->spheres[i];
    const double *centre = sphere->centre;
    if (sphere->atom >= (long)s->structure->natoms)
      return lml_fail(error, LML_ERR_INPUT,
                      "the atom %ld at the centre of a sphere is not in the structure, whose %zu atoms count from 0",
                      sphere->atom, s->structure->natoms);
    if (sphere->atom >= 0) centre = s->structure->positions + 3 * sphere->atom;
    select_near(s, &lattice, centre, sphere->radius);
  }
  return LML_OK;
}

/** Seen along the axis, a cylinder is a disk in a lattice of the two other cell vectors, projected. */
static lml_status select_cylinder(const selection *s, lml_error *error) {
  const int axis = s->settings->cylinder.axis;
  double cell[9];
  lml_status status = lml_structure_complete_cell(s->structure, cell, error);
  if (status != LML_OK) return status;
  double *unit = cell + 3 * axis;
  const double length = sqrt(unit[0] * unit[0] + unit[1] * unit[1] + unit[2] * unit[2]);
  for (int x = 0; x < 3; x++) unit[x] /= length;
  lml_structure seen = {.pbc = {s->structure->pbc[0], s->structure->pbc[1], s->structure->pbc[2]}};
  seen.pbc[axis] = false;
  for (int k = 0; k < 3; k++) {
    const double *v = cell + 3 * k;
    const double along = k == axis ? 0.0 : v[0] * unit[0] + v[1] * unit[1] + v[2] * unit[2];
    for (int x = 0; x < 3; x++) seen.cell[3 * k + x] = v[x] - along * unit[x];
  }
  lml_lattice lattice;
  status = lml_lattice_make(&lattice, &seen, error);
  if (status != LML_OK) return status;
  const double *point = s->settings->cylinder.point;
  for (size_t i = 0; i < s->structure->natoms; i++) {
    const double *r = s->structure->positions + 3 * i;
    double vector[3] = {r[0] - point[0], r[1] - point[1], r[2] - point[2]};
    const double along = vector[0] * unit[0] + vector[1] * unit[1] + vector[2] * unit[2];
    for (int x = 0; x < 3; x++) vector[x] -= along * unit[x];
    const double radius = s->settings->cylinder.radius;
    if (lml_image_distance(&lattice, vector, radius) < radius) s->labels[i] = LML_REGION_QM;
  }
  return LML_OK;
}

static lml_status select_qm(const selection *s, lml_error *error) {
  static lml_status (*const ways[])(const selection *, lml_error *) = {select_labels, select_indices, select_species,
                                                                       select_spheres, select_cylinder};
  const lml_status status = ways[s->settings->selection](s, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < s->structure->natoms; i++)
    if (s->labels[i] == LML_REGION_QM) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "no atom of the structure is selected as QM; change the selection");
}

/* ---- what surrounds them ---- */

/** Distance of atom @p i to the nearest QM atom below @p limit, else infinity. */
static double distance_to_qm(const lml_lattice *lattice, const lml_structure *structure, const size_t *qm, size_t nqm,
                             size_t i, double limit) {
  double nearest = INFINITY;
  const double *r = structure->positions + 3 * i;
  for (size_t k = 0; k < nqm; k++) {
    const double *at = structure->positions + 3 * qm[k];
    const double vector[3] = {r[0] - at[0], r[1] - at[1], r[2] - at[2]};
    nearest = fmin(nearest, lml_image_distance(lattice, vector, fmin(limit, nearest)));
  }
  return nearest;
}

static double weight_at(double x, lml_region_blend shape) {
  return shape == LML_REGION_CUBIC ? 1.0 - x * x * (3.0 - 2.0 * x) : 1.0 - x;
}

/** Label atom @p i, which is no QM atom, by its distance. */
static void label_by_distance(lml_region *region, const lml_region_settings *settings, size_t i) {
  const double distance = region->distances[i];
  if (distance < settings->blend) {
    region->labels[i] = LML_REGION_BLEND;
    region->weights[i] = weight_at(distance / settings->blend, settings->blend_shape);
  } else if (distance < settings->blend + settings->buffer) {
    region->labels[i] = LML_REGION_BUFFER;
  } else {
    region->distances[i] = INFINITY;
  }
}

static lml_status surround(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                           const unsigned char *file_labels, lml_error *error) {
  lml_lattice lattice;
  size_t *qm, nqm = 0;
  lml_status status = lml_lattice_make(&lattice, structure, error);
  if (status == LML_OK) status = lml_alloc(&qm, region->natoms, sizeof *qm, "the QM atoms", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < region->natoms; i++)
    if (region->labels[i] == LML_REGION_QM) qm[nqm++] = i;
  const bool by_label = settings->buffer < 0.0;
  const double limit = by_label ? INFINITY : settings->blend + settings->buffer;
  region->blend = settings->blend;
  region->buffer = by_label ? 0.0 : settings->buffer;
  for (size_t i = 0; i < region->natoms; i++) {
    region->distances[i] = 0.0;
    region->weights[i] = region->labels[i] == LML_REGION_QM ? 1.0 : 0.0;
    if (region->labels[i] == LML_REGION_QM) continue;
    region->distances[i] = INFINITY;
    if (by_label && file_labels[i] != LML_REGION_BUFFER) continue;
    region->distances[i] = distance_to_qm(&lattice, structure, qm, nqm, i, limit);
    if (!by_label) {
      label_by_distance(region, settings, i);
      continue;
    }
    region->labels[i] = LML_REGION_BUFFER;
    region->buffer = fmax(region->buffer, region->distances[i]);
  }
  lml_free(qm);
  return LML_OK;
}

static lml_status check_settings(const lml_region_settings *settings, const unsigned char *labels, lml_error *error) {
  if (settings->buffer >= 0.0) return LML_OK;
  if (settings->blend > 0.0)
    return lml_fail(error, LML_ERR_INPUT, "a blend needs a buffer of a given width; the labels of a file have none");
  if (labels != NULL) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT,
                  "the structure file has no column region that says which atoms are buffer; give the width of the "
                  "buffer");
}

lml_status lml_region_make(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                           const unsigned char *labels, lml_error *error) {
  lml_region_free(region);
  lml_status status = check_settings(settings, labels, error);
  if (status != LML_OK) return status;
  const size_t natoms = region->natoms = structure->natoms;
  status = lml_alloc(&region->labels, natoms, 1, "region labels", error);
  if (status == LML_OK) status = lml_alloc(&region->distances, natoms, sizeof(double), "distances to QM atoms", error);
  if (status == LML_OK) status = lml_alloc(&region->weights, natoms, sizeof(double), "weights of forces", error);
  const selection s = {settings, structure, labels, region->labels};
  if (status == LML_OK) status = select_qm(&s, error);
  if (status == LML_OK) status = surround(region, settings, structure, labels, error);
  if (status != LML_OK) {
    lml_region_free(region);
    return status;
  }
  for (size_t i = 0; i < natoms; i++) region->counts[region->labels[i]]++;
  return LML_OK;
}

void lml_region_free(lml_region *region) {
  lml_free(region->labels);
  lml_free(region->distances);
  lml_free(region->weights);
  *region = (lml_region){0};
}
