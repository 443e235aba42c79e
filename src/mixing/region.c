#include "mixing/region.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/frame.h"
#include "structure/lattice.h"
#include "structure/vec3.h"

/* ---- labels of a file ---- */

lml_status lml_region_read_labels(lml_frame *frame, const char *path, unsigned char **labels, lml_error *error) {
  *labels = NULL;
  const lml_values *column = lml_frame_column(frame, LML_LOG_REGION);
  if (column == NULL) return LML_OK;
  if (column->type != LML_TEXT || column->width != 1)
    return lml_fail(error, LML_ERR_INPUT, "%s: the column region holds no texts; it must hold QM, buffer or MM", path);
  lml_status status = lml_alloc(labels, column->count, 1, "region labels", error);
  for (size_t i = 0; i < column->count && status == LML_OK; i++) {
    lml_region_label label = LML_REGION_MM;
    if (!lml_region_label_find(column->texts[i], &label))
      status = lml_fail(error, LML_ERR_INPUT, "%s: the region of atom %zu is '%.40s'; it must be QM, buffer or MM",
                        path, i, column->texts[i]);
    (*labels)[i] = (unsigned char)label;
  }
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
    column->texts[i] = lml_strdup(lml_region_label_name((lml_region_label)labels[atoms == NULL ? i : atoms[i]]), error);
    if (column->texts[i] == NULL) status = LML_ERR_MEMORY;
  }
  return status;
}

/* ---- selecting QM atoms ---- */

typedef struct selection {
  const lml_region_settings *settings;
  const lml_structure *structure;
  const unsigned char *given;  /**< labels of the file, or of an earlier region; NULL: there are none */
  const unsigned char *chosen; /**< labels of QM atoms that somebody else has chosen */
  enum { SURROUND_BY_DISTANCE = 0, SURROUND_AS_GIVEN } surround;
  unsigned char *labels; /**< to be set */
} selection;

/** Atoms that others are near to, or not. */
typedef struct group {
  const lml_structure *structure;
  lml_lattice lattice;
  size_t *atoms;
  size_t count;
  double spread; /**< Å from the first within which all of them lie */
} group;

static double distance_between(const group *g, size_t i, size_t k, double limit) {
  const double *r = g->structure->positions + 3 * i, *at = g->structure->positions + 3 * k;
  const double vector[3] = {r[0] - at[0], r[1] - at[1], r[2] - at[2]};
  return lml_lattice_nearest_distance(&g->lattice, vector, limit);
}

/** Distance of atom @p i to the nearest of the group where that is below @p limit (Å), else infinity. */
static double distance_to(const group *g, size_t i, double limit) {
  static const double slack = 1e-9; /* of rounding */
  double nearest = INFINITY;
  if (g->count == 0 || !isfinite(distance_between(g, i, g->atoms[0], g->spread + limit + slack))) return INFINITY;
  for (size_t k = 0; k < g->count; k++)
    nearest = fmin(nearest, distance_between(g, i, g->atoms[k], fmin(limit, nearest)));
  return nearest;
}

/** The atoms that @p labels, of @p structure, have as QM atoms; its list is to be freed with lml_free. */
static lml_status gather(group *g, const lml_structure *structure, const unsigned char *labels, lml_error *error) {
  *g = (group){.structure = structure};
  lml_status status = lml_lattice_make(&g->lattice, structure, error);
  if (status == LML_OK) status = lml_alloc(&g->atoms, structure->natoms, sizeof *g->atoms, "the QM atoms", error);
  for (size_t i = 0; i < structure->natoms && status == LML_OK; i++) {
    if (labels[i] != LML_REGION_QM) continue;
    g->atoms[g->count++] = i;
    g->spread = fmax(g->spread, distance_between(g, i, g->atoms[0], INFINITY));
  }
  return status;
}

static void copy_qm(const selection *s, const unsigned char *labels) {
  for (size_t i = 0; i < s->structure->natoms; i++)
    if (labels[i] == LML_REGION_QM) s->labels[i] = LML_REGION_QM;
}

static lml_status select_labels(const selection *s, lml_error *error) {
  if (s->given == NULL)
    return lml_fail(error, LML_ERR_INPUT,
                    "the structure file has no column region that says which atoms are QM; add it, or select them by "
                    "indices, species, spheres, a cylinder, around seeds, or by uncertainty");
  copy_qm(s, s->given);
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
    if (lml_lattice_nearest_distance(lattice, vector, radius) < radius) s->labels[i] = LML_REGION_QM;
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
  const double length = lml_norm(unit);
  for (int x = 0; x < 3; x++) unit[x] /= length;
  lml_structure seen = {.pbc = {s->structure->pbc[0], s->structure->pbc[1], s->structure->pbc[2]}};
  seen.pbc[axis] = false;
  for (int k = 0; k < 3; k++) {
    const double *v = cell + 3 * k;
    const double along = k == axis ? 0.0 : lml_dot(v, unit);
    for (int x = 0; x < 3; x++) seen.cell[3 * k + x] = v[x] - along * unit[x];
  }
  lml_lattice lattice;
  status = lml_lattice_make(&lattice, &seen, error);
  if (status != LML_OK) return status;
  const double *point = s->settings->cylinder.point;
  for (size_t i = 0; i < s->structure->natoms; i++) {
    const double *r = s->structure->positions + 3 * i;
    double vector[3] = {r[0] - point[0], r[1] - point[1], r[2] - point[2]};
    const double along = lml_dot(vector, unit);
    for (int x = 0; x < 3; x++) vector[x] -= along * unit[x];
    const double radius = s->settings->cylinder.radius;
    if (lml_lattice_nearest_distance(&lattice, vector, radius) < radius) s->labels[i] = LML_REGION_QM;
  }
  return LML_OK;
}

/** The seeds, labelled as QM atoms in @p labels, which are zero. */
static lml_status label_seeds(const selection *s, unsigned char *labels, lml_error *error) {
  const selection of_seeds = {.settings = s->settings, .structure = s->structure, .labels = labels};
  return s->settings->nindices > 0 ? select_indices(&of_seeds, error) : select_species(&of_seeds, error);
}

static lml_status select_around(const selection *s, lml_error *error) {
  unsigned char *labels;
  group seeds = {0};
  lml_status status = lml_alloc(&labels, s->structure->natoms, 1, "region labels", error);
  if (status != LML_OK) return status;
  status = label_seeds(s, labels, error);
  if (status == LML_OK) status = gather(&seeds, s->structure, labels, error);
  for (size_t i = 0; i < s->structure->natoms && status == LML_OK && seeds.count > 0; i++) {
    const bool was_qm = s->given != NULL && s->given[i] == LML_REGION_QM;
    const double radius = was_qm ? s->settings->around.outer : s->settings->around.inner;
    if (isfinite(distance_to(&seeds, i, radius))) s->labels[i] = LML_REGION_QM;
  }
  lml_free(labels);
  lml_free(seeds.atoms);
  return status;
}

static lml_status select_uncertain(const selection *s, lml_error *error) {
  if (s->chosen == NULL) return lml_fail(error, LML_ERR_INTERNAL, "a region by uncertainty is made without its atoms");
  copy_qm(s, s->chosen);
  return LML_OK;
}

/** What a region is, once it was, stands in its labels. */
static bool moves(const lml_region_settings *settings) {
  return settings->selection == LML_REGION_AROUND || settings->selection == LML_REGION_UNCERTAIN;
}

static lml_status select_qm(const selection *s, lml_error *error) {
  static lml_status (*const ways[])(const selection *, lml_error *) = {
      select_labels, select_indices, select_species, select_spheres, select_cylinder, select_around, select_uncertain};
  const bool again = s->surround == SURROUND_AS_GIVEN && moves(s->settings);
  const lml_status status = again ? select_labels(s, error) : ways[s->settings->selection](s, error);
  if (status != LML_OK || s->settings->selection == LML_REGION_UNCERTAIN) return status;
  for (size_t i = 0; i < s->structure->natoms; i++)
    if (s->labels[i] == LML_REGION_QM) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "no atom of the structure is selected as QM; change the selection");
}

/* ---- what surrounds them ---- */

static double weight_at(double x, lml_region_blend shape) {
  return shape == LML_REGION_CUBIC ? 1.0 - x * x * (3.0 - 2.0 * x) : 1.0 - x;
}

/** Å from the QM atoms within which atom @p i, which is none, belongs to the cluster. */
static double reach_of(const lml_region *region, const selection *s, size_t i) {
  const lml_region_label given = s->given == NULL ? LML_REGION_MM : (lml_region_label)s->given[i];
  if (s->surround == SURROUND_BY_DISTANCE)
    return region->blend + region->buffer + (given == LML_REGION_MM ? 0.0 : region->margin);
  /* A file without the width of a buffer has no blend either. */
  const lml_region_label least = LML_REGION_BUFFER, most = region->blend > 0.0 ? LML_REGION_BLEND : LML_REGION_BUFFER;
  return given >= least && given <= most ? INFINITY : 0.0;
}

/** Label atom @p i of the cluster, which is no QM atom. */
static void label_around(lml_region *region, const selection *s, size_t i) {
  const double x = region->blend > 0.0 ? region->distances[i] / region->blend : INFINITY;
  if (s->surround == SURROUND_AS_GIVEN)
    region->labels[i] = s->given[i];
  else
    region->labels[i] = x < 1.0 ? LML_REGION_BLEND : LML_REGION_BUFFER;
  if (region->labels[i] == LML_REGION_BLEND) region->weights[i] = weight_at(fmin(x, 1.0), s->settings->blend_shape);
}

/** Å beyond the buffer within which atoms of the last cluster stay in it. */
static double margin_of(const lml_region_settings *settings) {
  if (settings->selection == LML_REGION_AROUND) return settings->around.outer - settings->around.inner;
  return settings->selection == LML_REGION_UNCERTAIN ? settings->uncertain.margin : 0.0;
}

static lml_status surround(lml_region *region, const selection *s, lml_error *error) {
  const lml_region_settings *settings = s->settings;
  group qm;
  const lml_status status = gather(&qm, s->structure, region->labels, error);
  if (status != LML_OK) return status;
  double farthest = 0.0;
  region->blend = settings->blend;
  region->buffer = fmax(settings->buffer, 0.0);
  region->margin = margin_of(settings);
  for (size_t i = 0; i < region->natoms; i++) {
    region->weights[i] = region->labels[i] == LML_REGION_QM ? 1.0 : 0.0;
    if (region->labels[i] == LML_REGION_QM) continue;
    const double reach = reach_of(region, s, i);
    region->distances[i] = reach > 0.0 ? distance_to(&qm, i, reach) : INFINITY;
    if (!isfinite(region->distances[i])) continue;
    label_around(region, s, i);
    farthest = fmax(farthest, region->distances[i]);
  }
  if (settings->buffer < 0.0) region->buffer = farthest;
  lml_free(qm.atoms);
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

static lml_status make(lml_region *region, const selection *given, lml_error *error) {
  lml_region_free(region);
  const size_t natoms = region->natoms = given->structure->natoms;
  lml_status status = lml_alloc(&region->labels, natoms, 1, "region labels", error);
  if (status == LML_OK) status = lml_alloc(&region->distances, natoms, sizeof(double), "distances to QM atoms", error);
  if (status == LML_OK) status = lml_alloc(&region->weights, natoms, sizeof(double), "weights of forces", error);
  selection s = *given;
  s.labels = region->labels;
  if (status == LML_OK) status = select_qm(&s, error);
  if (status == LML_OK) status = surround(region, &s, error);
  if (status != LML_OK) {
    lml_region_free(region);
    return status;
  }
  for (size_t i = 0; i < natoms; i++) region->counts[region->labels[i]]++;
  return LML_OK;
}

lml_status lml_region_make(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                           const unsigned char *labels, lml_error *error) {
  const selection s = {.settings = settings,
                       .structure = structure,
                       .given = settings->selection == LML_REGION_AROUND ? NULL : labels,
                       .surround = settings->buffer < 0.0 ? SURROUND_AS_GIVEN : SURROUND_BY_DISTANCE};
  const lml_status status = check_settings(settings, labels, error);
  return status == LML_OK ? make(region, &s, error) : status;
}

lml_status lml_region_make_of(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                              const unsigned char *chosen, const unsigned char *last, lml_error *error) {
  const selection s = {.settings = settings, .structure = structure, .given = last, .chosen = chosen};
  return make(region, &s, error);
}

lml_status lml_region_follow(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                             const unsigned char *last, lml_error *error) {
  const selection s = {.settings = settings, .structure = structure, .given = last};
  return make(region, &s, error);
}

lml_status lml_region_restore(lml_region *region, const lml_region_settings *settings, const lml_structure *structure,
                              const unsigned char *labels, lml_error *error) {
  const selection s = {.settings = settings, .structure = structure, .given = labels, .surround = SURROUND_AS_GIVEN};
  return make(region, &s, error);
}

void lml_region_free(lml_region *region) {
  lml_free(region->labels);
  lml_free(region->distances);
  lml_free(region->weights);
  *region = (lml_region){0};
}
