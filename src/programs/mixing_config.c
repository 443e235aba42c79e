#include "programs/mixing_config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "programs/config_values.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const energy_names[] = {"none", "ml", "virtual_work"};
static const char *const virial_names[] = {"none", "ml"};
static const char *const blend_names[] = {"linear", "cubic"};
static const char *const axis_names[] = {"a", "b", "c"};

/* ---- the selection of QM atoms ---- */

static lml_status read_species(const lml_json *document, const lml_json_value *object, lml_region_config *region,
                               lml_error *error) {
  enum { ELEMENTS = 118 };
  const char *symbols[ELEMENTS];
  unsigned char wanted[ELEMENTS] = {0};
  const lml_json_value *array = NULL;
  size_t count = 0;
  for (int number = 1; number <= ELEMENTS; number++) symbols[number - 1] = lml_element_symbol(number);
  lml_status status = lml_json_array(document, object, "species", LML_JSON_REQUIRED, &array, &count, error);
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    size_t choice = 0;
    status = lml_json_element_choice(document, array, i, symbols, ELEMENTS, &choice, error);
    wanted[choice] = 1;
  }
  if (status == LML_OK)
    status = lml_alloc(&region->species, ELEMENTS, sizeof *region->species, "species of QM atoms", error);
  if (status != LML_OK) return status;
  for (int number = 1; number <= ELEMENTS; number++)
    if (wanted[number - 1] != 0) region->species[region->region.nspecies++] = number;
  region->region.species = region->species;
  return LML_OK;
}

static lml_status read_radius(const lml_json *document, const lml_json_value *object, double *radius,
                              lml_error *error) {
  const lml_status status = lml_json_number(document, object, "radius", LML_JSON_REQUIRED, radius, error);
  if (status != LML_OK || *radius > 0.0) return status;
  return lml_json_fail(document, object, "radius", error, "must be positive");
}

static lml_status read_sphere(const lml_json *document, const lml_json_value *object, lml_region_sphere *sphere,
                              lml_error *error) {
  static const char *const keys[] = {"centre", "atom", "radius"};
  int atom = -1;
  lml_status status = lml_json_check_keys(document, object, keys, COUNT(keys), error);
  if (status == LML_OK && lml_json_has(object, "centre") == lml_json_has(object, "atom"))
    return lml_json_fail(document, object, NULL, error, "needs either centre or atom");
  if (status == LML_OK) status = lml_json_integer(document, object, "atom", LML_JSON_OPTIONAL, &atom, error);
  if (status == LML_OK && lml_json_has(object, "atom") && atom < 0)
    return lml_json_fail(document, object, "atom", error, "must not be negative");
  sphere->atom = atom;
  if (status == LML_OK && atom < 0) status = lml_config_read_vector(document, object, "centre", sphere->centre, error);
  return status == LML_OK ? read_radius(document, object, &sphere->radius, error) : status;
}

static lml_status read_spheres(const lml_json *document, const lml_json_value *object, lml_region_config *region,
                               lml_error *error) {
  const lml_json_value *array = NULL;
  size_t count = 0;
  lml_status status = lml_json_array(document, object, "spheres", LML_JSON_REQUIRED, &array, &count, error);
  if (status == LML_OK) status = lml_alloc(&region->spheres, count, sizeof *region->spheres, "spheres", error);
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    const lml_json_value *sphere;
    status = lml_json_element(document, array, i, &sphere, error);
    if (status == LML_OK) status = read_sphere(document, sphere, &region->spheres[i], error);
  }
  region->region.spheres = region->spheres;
  region->region.nspheres = count;
  return status;
}

static lml_status read_cylinder(const lml_json *document, const lml_json_value *object, lml_region_config *region,
                                lml_error *error) {
  static const char *const keys[] = {"axis", "point", "radius"};
  const lml_json_value *cylinder = NULL;
  size_t axis = 0;
  lml_status status = lml_json_object(document, object, "cylinder", LML_JSON_REQUIRED, &cylinder, error);
  if (status == LML_OK) status = lml_json_check_keys(document, cylinder, keys, COUNT(keys), error);
  if (status == LML_OK)
    status = lml_json_choice(document, cylinder, "axis", LML_JSON_REQUIRED, axis_names, 3, &axis, error);
  region->region.cylinder.axis = (int)axis;
  if (status == LML_OK)
    status = lml_config_read_vector(document, cylinder, "point", region->region.cylinder.point, error);
  return status == LML_OK ? read_radius(document, cylinder, &region->region.cylinder.radius, error) : status;
}

static lml_status read_indices(const lml_json *document, const lml_json_value *object, lml_region_config *region,
                               lml_error *error) {
  const lml_status status = lml_json_integers(document, object, "indices", LML_JSON_REQUIRED, &region->indices,
                                              &region->region.nindices, error);
  region->region.indices = region->indices;
  return status;
}

static lml_status read_labels(const lml_json *document, const lml_json_value *object, lml_region_config *region,
                              lml_error *error) {
  bool labels = false;
  (void)region;
  const lml_status status = lml_json_logical(document, object, "labels", LML_JSON_REQUIRED, &labels, error);
  if (status != LML_OK || labels) return status;
  return lml_json_fail(document, object, "labels", error, "must be true; leave it out for another selection");
}

/** Seeds and radii; without `update` the region stays, and there is nothing outside of the inner radius. */
static lml_status read_around(const lml_json *document, const lml_json_value *object, lml_region_config *region,
                              lml_error *error) {
  static const char *const keys[] = {"indices", "species", "inner", "outer"};
  const bool moves = lml_json_has(object, "update");
  double *const inner = &region->region.around.inner, *const outer = &region->region.around.outer;
  const lml_json_value *around = NULL;
  lml_status status = lml_json_object(document, object, "around", LML_JSON_REQUIRED, &around, error);
  if (status == LML_OK) status = lml_json_check_keys(document, around, keys, COUNT(keys), error);
  if (status == LML_OK && lml_json_has(around, "indices") == lml_json_has(around, "species"))
    return lml_json_fail(document, around, NULL, error, "needs either indices or species, of the seeds");
  if (status == LML_OK)
    status = lml_json_has(around, "indices") ? read_indices(document, around, region, error)
                                             : read_species(document, around, region, error);
  if (status == LML_OK) status = lml_json_number(document, around, "inner", LML_JSON_REQUIRED, inner, error);
  if (status == LML_OK && !(*inner > 0.0)) return lml_json_fail(document, around, "inner", error, "must be positive");
  *outer = *inner;
  if (status == LML_OK && !moves && lml_json_has(around, "outer"))
    return lml_json_fail(document, around, "outer", error,
                         "is for a region that moves; add update to the region, or leave outer out");
  if (status == LML_OK && moves) status = lml_json_number(document, around, "outer", LML_JSON_REQUIRED, outer, error);
  if (status != LML_OK || *outer >= *inner) return status;
  return lml_json_fail(document, around, "outer", error, "must not be smaller than inner");
}

static lml_status read_update(const lml_json *document, const lml_json_value *object, lml_region_config *region,
                              lml_error *error) {
  int update = 0;
  const lml_status status = lml_json_integer(document, object, "update", LML_JSON_OPTIONAL, &update, error);
  if (status != LML_OK || !lml_json_has(object, "update")) return status;
  if (update < 1)
    return lml_json_fail(document, object, "update", error, "must be at least 1; leave it out for a region that stays");
  if (region->region.selection != LML_REGION_AROUND)
    return lml_json_fail(document, object, "update", error,
                         "only a region around seeds can move; select it by around, or leave update out");
  region->update = (size_t)update;
  return LML_OK;
}

/** Exactly one way of selecting. */
static lml_status read_selection(const lml_json *document, const lml_json_value *object, lml_region_config *region,
                                 lml_error *error) {
  static const char *const ways[] = {"labels", "indices", "species", "spheres", "cylinder", "around"};
  static lml_status (*const readers[])(const lml_json *, const lml_json_value *, lml_region_config *, lml_error *) = {
      read_labels, read_indices, read_species, read_spheres, read_cylinder, read_around};
  size_t found = 0, way = 0;
  for (size_t i = 0; i < COUNT(ways); i++) {
    if (!lml_json_has(object, ways[i])) continue;
    found++;
    way = i;
  }
  if (found != 1)
    return lml_json_fail(document, object, NULL, error,
                         "needs one of labels, indices, species, spheres, cylinder, around, but has %zu of them",
                         found);
  region->region.selection = (lml_region_selection)way;
  return readers[way](document, object, region, error);
}

static lml_status read_blend(const lml_json *document, const lml_json_value *object, lml_region_settings *region,
                             lml_error *error) {
  static const char *const keys[] = {"width", "shape"};
  const lml_json_value *blend = NULL;
  lml_status status = lml_json_object(document, object, "blend", LML_JSON_OPTIONAL, &blend, error);
  if (status != LML_OK || blend == NULL) return status;
  status = lml_json_check_keys(document, blend, keys, COUNT(keys), error);
  if (status == LML_OK) status = lml_json_number(document, blend, "width", LML_JSON_REQUIRED, &region->blend, error);
  if (status == LML_OK && !(region->blend > 0.0))
    return lml_json_fail(document, blend, "width", error, "must be positive; leave blend out for an abrupt change");
  return status == LML_OK
             ? lml_config_read_choice(document, blend, "shape", blend_names, 2, &region->blend_shape, error)
             : status;
}

/** Without a buffer, the file's labels say which atoms are; where these select the QM atoms, that is meant. */
static lml_status read_buffer(const lml_json *document, const lml_json_value *object, lml_region_settings *region,
                              lml_error *error) {
  region->buffer = -1.0;
  if (lml_json_has(object, "buffer")) return lml_config_read_length(document, object, "buffer", &region->buffer, error);
  if (region->selection == LML_REGION_BY_LABEL && region->blend == 0.0) return LML_OK;
  return lml_json_fail(document, object, "buffer", error, "the key is missing; add it (a width in Å)");
}

/* ---- regions ---- */

static lml_status read_cluster(const lml_json *document, const lml_json_value *object, lml_cluster_settings *cluster,
                               lml_error *error) {
  static const char *const keys[] = {"vacuum", "cell_rounding"};
  const lml_json_value *value = NULL;
  *cluster = (lml_cluster_settings){.vacuum = 5.0, .rounding = 3.0};
  lml_status status = lml_json_object(document, object, "cluster", LML_JSON_OPTIONAL, &value, error);
  if (status != LML_OK || value == NULL) return status;
  status = lml_json_check_keys(document, value, keys, COUNT(keys), error);
  if (status == LML_OK) status = lml_config_read_length(document, value, "vacuum", &cluster->vacuum, error);
  if (status == LML_OK) status = lml_config_read_length(document, value, "cell_rounding", &cluster->rounding, error);
  return status;
}

/** What is kept for each of the driver's replicas belongs to the outermost mixture. */
static lml_status check_inner(const lml_json *document, const lml_json_value *object, const lml_mixing_config *inner,
                              lml_error *error) {
  for (size_t i = 0; inner != NULL && i < inner->nregions; i++)
    if (inner->regions[i].update > 0)
      return lml_json_fail(document, object, "qm", error,
                           "its region %s moves, which those of the outermost mixture alone can; leave update out",
                           inner->regions[i].name);
  if (inner == NULL || inner->energy != LML_MIXING_WORK) return LML_OK;
  return lml_json_fail(document, object, "energy", error,
                       "must be none or ml: virtual work is that of the outermost mixture");
}

/** Whether the calculator of a region that moves can do with other atoms. */
static lml_status check_follows(const lml_json *document, const lml_json_value *object, const lml_region_config *region,
                                lml_error *error) {
  const lml_calculator_config *calculator = region->calculator;
  const lml_remote_config *remote = calculator->remote;
  if (region->update == 0 || calculator->type == LML_CALCULATOR_LINEAR) return LML_OK;
  if (remote == NULL)
    return lml_json_fail(document, object, "calculator", error,
                         "is a mixture, whose own regions are those of one structure, but this region moves; leave "
                         "update out");
  if (remote->settings.init == LML_ENGINE_INIT_LMLINK || lml_engine_follows(remote->prepare, remote->launch))
    return LML_OK;
  return lml_json_fail(
      document, object, "calculator", error,
      "its region moves, so that its engine needs new input where the atoms change; add prepare, a "
      "command that makes it of {cluster}, and launch; or for another lmlink-serve \"init\": \"lmlink\"");
}

static lml_status read_part(const lml_json *document, const lml_json_value *object, const char *key,
                            const char *json_path, lml_calculator_config **calculator, lml_error *error) {
  const lml_json_value *value = NULL;
  lml_status status = lml_json_object(document, object, key, LML_JSON_REQUIRED, &value, error);
  if (status == LML_OK) status = lml_alloc(calculator, 1, sizeof **calculator, "a calculator's configuration", error);
  if (status == LML_OK) status = lml_calculator_config_read(document, value, json_path, *calculator, error);
  return status == LML_OK ? check_inner(document, value, (*calculator)->mixing, error) : status;
}

static lml_status read_region(const lml_json *document, const lml_json_value *object, const char *json_path,
                              size_t index, lml_region_config *region, lml_error *error) {
  static const char *const keys[] = {"name", "region", "cluster", "calculator"};
  static const char *const region_keys[] = {"labels", "indices", "species", "spheres", "cylinder",
                                            "around", "buffer",  "blend",   "update"};
  const lml_json_value *selection = NULL;
  char name[24];
  snprintf(name, sizeof name, "%zu", index + 1);
  lml_status status = lml_json_check_keys(document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = lml_config_set_text(&region->name, name, error);
  if (status == LML_OK)
    status = lml_config_read_text(document, object, "name", LML_JSON_OPTIONAL, &region->name, error);
  if (status == LML_OK) status = lml_json_object(document, object, "region", LML_JSON_REQUIRED, &selection, error);
  if (status == LML_OK) status = lml_json_check_keys(document, selection, region_keys, COUNT(region_keys), error);
  if (status == LML_OK) status = read_selection(document, selection, region, error);
  if (status == LML_OK) status = read_update(document, selection, region, error);
  if (status == LML_OK) status = read_blend(document, selection, &region->region, error);
  if (status == LML_OK) status = read_buffer(document, selection, &region->region, error);
  if (status == LML_OK) status = read_cluster(document, object, &region->cluster, error);
  if (status == LML_OK) status = read_part(document, object, "calculator", json_path, &region->calculator, error);
  return status == LML_OK ? check_follows(document, object, region, error) : status;
}

static lml_status read_regions(const lml_json *document, const lml_json_value *object, const char *json_path,
                               lml_mixing_config *mixing, lml_error *error) {
  const lml_json_value *array = NULL;
  size_t count = 0;
  lml_status status = lml_json_array(document, object, "qm", LML_JSON_REQUIRED, &array, &count, error);
  if (status == LML_OK && count == 0)
    return lml_json_fail(document, object, "qm", error, "must have at least one region");
  if (status == LML_OK) status = lml_alloc(&mixing->regions, count, sizeof *mixing->regions, "QM regions", error);
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    const lml_json_value *region;
    mixing->nregions = i + 1;
    status = lml_json_element(document, array, i, &region, error);
    if (status == LML_OK) status = read_region(document, region, json_path, i, &mixing->regions[i], error);
  }
  return status;
}

static lml_status read_rescaling(const lml_json *document, const lml_json_value *object, lml_mixing_config *mixing,
                                 lml_error *error) {
  static const char *const keys[] = {"qm_lattice_constant", "qm_bulk_modulus", "ml_lattice_constant",
                                     "ml_bulk_modulus"};
  lml_rescaling *to = &mixing->rescaling;
  double *const values[] = {&to->qm_lattice_constant, &to->qm_bulk_modulus, &to->ml_lattice_constant,
                            &to->ml_bulk_modulus};
  const lml_json_value *rescale = NULL;
  lml_status status = lml_json_object(document, object, "rescale", LML_JSON_OPTIONAL, &rescale, error);
  if (status != LML_OK || rescale == NULL) return status;
  mixing->rescales = true;
  status = lml_json_check_keys(document, rescale, keys, COUNT(keys), error);
  for (size_t i = 0; i < COUNT(keys) && status == LML_OK; i++) {
    status = lml_json_number(document, rescale, keys[i], LML_JSON_REQUIRED, values[i], error);
    if (status == LML_OK && !(*values[i] > 0.0))
      return lml_json_fail(document, rescale, keys[i], error, "must be positive");
  }
  return status;
}

static lml_status read_mixing(const lml_json *document, const lml_json_value *object, const char *json_path,
                              lml_mixing_config *mixing, lml_error *error) {
  static const char *const keys[] = {"type",   "ml", "qm", "zero_mean_force", "energy", "virial", "foreign_distance",
                                     "rescale"};
  mixing->zero_mean_force = true;
  mixing->foreign_distance = -1.0;
  lml_status status = lml_json_check_keys(document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = read_part(document, object, "ml", json_path, &mixing->ml, error);
  if (status == LML_OK) status = read_regions(document, object, json_path, mixing, error);
  if (status == LML_OK)
    status = lml_json_logical(document, object, "zero_mean_force", LML_JSON_OPTIONAL, &mixing->zero_mean_force, error);
  if (status == LML_OK)
    status =
        lml_config_read_choice(document, object, "energy", energy_names, COUNT(energy_names), &mixing->energy, error);
  if (status == LML_OK)
    status =
        lml_config_read_choice(document, object, "virial", virial_names, COUNT(virial_names), &mixing->virial, error);
  if (status == LML_OK)
    status = lml_config_read_length(document, object, "foreign_distance", &mixing->foreign_distance, error);
  return status == LML_OK ? read_rescaling(document, object, mixing, error) : status;
}

lml_status lml_mixing_config_read(const lml_json *document, const lml_json_value *object, const char *json_path,
                                  lml_calculator_config *calculator, lml_error *error) {
  const lml_status status =
      lml_alloc(&calculator->mixing, 1, sizeof *calculator->mixing, "a mixture's configuration", error);
  return status == LML_OK ? read_mixing(document, object, json_path, calculator->mixing, error) : status;
}

void lml_mixing_config_free(lml_mixing_config *mixing) {
  if (mixing == NULL) return;
  for (size_t i = 0; i < mixing->nregions; i++) {
    lml_region_config *region = &mixing->regions[i];
    lml_free(region->name);
    lml_free(region->indices);
    lml_free(region->species);
    lml_free(region->spheres);
    lml_calculator_config_free(region->calculator);
    lml_free(region->calculator);
  }
  lml_free(mixing->regions);
  lml_calculator_config_free(mixing->ml);
  lml_free(mixing->ml);
  lml_free(mixing);
}
