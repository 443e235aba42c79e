/* The keys that select the atoms of a QM region. */
#include "base/memory.h"
#include "lmlink/structure.h"
#include "programs/calculator_config.h"
#include "programs/config_tables.h"

static const char *const blend_names[] = {"linear", "cubic", NULL};
static const char *const axis_names[] = {"a", "b", "c", NULL};
static const char *const mask_names[] = {"held", "none", NULL};

/* ---- readers ---- */

static lml_status read_indices(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                               void *target, lml_error *error) {
  lml_region_config *region = target;
  const lml_status status = lml_json_integers(reading->document, object, key->name, LML_JSON_REQUIRED, &region->indices,
                                              &region->region.nindices, error);
  region->region.indices = region->indices;
  return status;
}

static lml_status read_species(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                               void *target, lml_error *error) {
  enum { ELEMENTS = 118 };
  lml_region_config *region = target;
  const char *symbols[ELEMENTS];
  unsigned char wanted[ELEMENTS] = {0};
  const lml_json_value *array = NULL;
  size_t count = 0;
  for (int number = 1; number <= ELEMENTS; number++) symbols[number - 1] = lml_element_symbol(number);
  lml_status status = lml_json_array(reading->document, object, key->name, LML_JSON_REQUIRED, &array, &count, error);
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    size_t choice = 0;
    status = lml_json_element_choice(reading->document, array, i, symbols, ELEMENTS, &choice, error);
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

/* ---- spheres ---- */

static void init_sphere(void *target) { *(lml_region_sphere *)target = (lml_region_sphere){.atom = -1}; }

static lml_status read_atom(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                            void *target, lml_error *error) {
  int atom = 0;
  const lml_status status = lml_json_integer(reading->document, object, key->name, LML_JSON_REQUIRED, &atom, error);
  if (status == LML_OK && !lml_key_holds(key, atom)) return lml_key_fail_range(reading, object, key, error);
  ((lml_region_sphere *)target)->atom = atom;
  return status;
}

static const lml_key sphere_keys[] = {
    {.name = "centre",
     LML_KEY_AT(lml_region_sphere, centre),
     .type = LML_KEY_VECTOR,
     .unit = "Å",
     .help = "its centre; or",
     .otherwise = "`atom`"},
    {.name = "atom",
     .type = LML_KEY_COUNT,
     .read = read_atom,
     .range = LML_RANGE_NOT_NEGATIVE,
     .help = "the index of the atom at its centre, from 0",
     .otherwise = "`centre`"},
    {.name = "radius",
     LML_KEY_AT(lml_region_sphere, radius),
     .type = LML_KEY_REAL,
     .presence = LML_JSON_REQUIRED,
     .range = LML_RANGE_POSITIVE,
     .unit = "Å",
     .help = "atoms nearer than this are in it"},
};

static const lml_key_table sphere_table = {
    .size = sizeof(lml_region_sphere), LML_KEYS(sphere_keys), .nalternatives = 2, .init = init_sphere};

static lml_status begin_spheres(void *target, size_t count, lml_error *error) {
  lml_region_config *region = target;
  const lml_status status = lml_alloc(&region->spheres, count, sizeof *region->spheres, "spheres", error);
  region->region.spheres = region->spheres;
  region->region.nspheres = status == LML_OK ? count : 0;
  return status;
}

static lml_status read_sphere(const lml_keys_reading *reading, const lml_json_value *element, const lml_key *key,
                              size_t index, void *target, lml_error *error) {
  return lml_keys_read(reading, element, key->object, &((lml_region_config *)target)->spheres[index], error);
}

static lml_status read_spheres(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                               void *target, lml_error *error) {
  return lml_keys_each(reading, object, key, target, begin_spheres, read_sphere, error);
}

/* ---- parts of a region ---- */

static const lml_key cylinder_keys[] = {
    {.name = "axis",
     LML_KEY_AT(lml_region_config, region.cylinder.axis),
     .type = LML_KEY_CHOICE,
     .presence = LML_JSON_REQUIRED,
     .choices = axis_names,
     .help = "the cell vector that it is along"},
    {.name = "point",
     LML_KEY_AT(lml_region_config, region.cylinder.point),
     .type = LML_KEY_VECTOR,
     .presence = LML_JSON_REQUIRED,
     .unit = "Å",
     .help = "a point on its axis"},
    {.name = "radius",
     LML_KEY_AT(lml_region_config, region.cylinder.radius),
     .type = LML_KEY_REAL,
     .presence = LML_JSON_REQUIRED,
     .range = LML_RANGE_POSITIVE,
     .unit = "Å",
     .help = "atoms nearer to the axis than this are in it"},
};

static const lml_key_table cylinder_table = {LML_KEYS(cylinder_keys)};

static const lml_key around_keys[] = {
    {.name = "indices",
     .type = LML_KEY_INTEGERS,
     .read = read_indices,
     .help = "the seeds, by their indices from 0; or",
     .otherwise = "`species`"},
    {.name = "species", .type = LML_KEY_ELEMENTS, .read = read_species, .help = "by species", .otherwise = "`indices`"},
    {.name = "inner",
     LML_KEY_AT(lml_region_config, region.around.inner),
     .type = LML_KEY_REAL,
     .presence = LML_JSON_REQUIRED,
     .range = LML_RANGE_POSITIVE,
     .unit = "Å",
     .help = "atoms within this distance of a seed become QM atoms"},
    {.name = "outer",
     LML_KEY_AT(lml_region_config, region.around.outer),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_POSITIVE,
     .unit = "Å",
     .help = "atoms beyond this distance from all seeds stop being QM atoms; not below `inner`",
     .otherwise = "must be there with `update`, else must not"},
};

static const lml_key_table around_table = {LML_KEYS(around_keys), .nalternatives = 2, .purpose = ", of the seeds"};

#define UNCERTAIN(member) LML_KEY_AT(lml_region_config, region.uncertain.member)

static const lml_key uncertain_keys[] = {
    {.name = "by",
     UNCERTAIN(by),
     .type = LML_KEY_CHOICE,
     .choices = lml_uncertain_by_names,
     .help =
         "the [result](configuration.md#results) of the ML calculator that tells: `distance` from the training atoms, "
         "or the length of `sigma_forces` (eV/Å)",
     .option = "region-by",
     .argument = "RESULT"},
    {.name = "inner",
     UNCERTAIN(inner),
     .type = LML_KEY_REAL,
     .presence = LML_JSON_REQUIRED,
     .range = LML_RANGE_POSITIVE,
     .help = "atoms above this become QM atoms",
     .option = "region-inner",
     .argument = "VALUE"},
    {.name = "outer",
     UNCERTAIN(outer),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_POSITIVE,
     .help = "QM atoms below this stop being such; not above `inner`",
     .otherwise = "must be there with `update`, else must not"},
    {.name = "enter_after",
     UNCERTAIN(enter_after),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .most = LML_UNCERTAIN_LOOKS_MAX,
     .help = "looks in succession at which an atom was above `inner` before it becomes a QM atom; the first look at a "
             "replica counts for all of them"},
    {.name = "leave_after",
     UNCERTAIN(leave_after),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .most = LML_UNCERTAIN_LOOKS_MAX,
     .help = "looks in succession at which a QM atom was below `outer` before it stops being one"},
    {.name = "max_atoms",
     UNCERTAIN(max_atoms),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .help = "QM atoms at most: of more, the most uncertain ones are taken, and a warning says so once",
     .otherwise = "any number",
     .option = "region-max-atoms",
     .argument = "N"},
    {.name = "mask",
     UNCERTAIN(mask),
     .type = LML_KEY_CHOICE,
     .choices = mask_names,
     .help =
         "atoms that are never chosen: those that the structure file says are `held` in all components, by its column "
         "`fix_mask` or `move_mask`, or `none`",
     .option = "region-mask",
     .argument = "MASK"},
    {.name = "min_coordination",
     UNCERTAIN(min_coordination),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .help =
         "atoms with fewer neighbours than this, as the result `coordination` counts them, are never chosen, nor are "
         "those within the potential's cutoff of one: free surfaces",
     .otherwise = "no such rule",
     .option = "region-min-coordination",
     .argument = "N"},
    {.name = "margin",
     UNCERTAIN(margin),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "Å",
     .help = "with `update`: an atom of the cluster stays in the buffer until it is farther out by this, so that atoms "
             "that vibrate change nothing"},
};

static const lml_key_table uncertain_table = {LML_KEYS(uncertain_keys)};

static const lml_key blend_keys[] = {
    {.name = "width",
     LML_KEY_AT(lml_region_config, region.blend),
     .type = LML_KEY_REAL,
     .presence = LML_JSON_REQUIRED,
     .range = LML_RANGE_POSITIVE,
     .advice = "omit blend for an abrupt change",
     .unit = "Å",
     .help = "within this distance of a QM atom the force goes over from one to the other"},
    {.name = "shape",
     LML_KEY_AT(lml_region_config, region.blend_shape),
     .type = LML_KEY_CHOICE,
     .choices = blend_names,
     .help = "how: `linear` or `cubic` (without kinks)"},
};

static const lml_key_table blend_table = {LML_KEYS(blend_keys)};

/* ---- the region ---- */

/** Without a buffer, the file's labels say which atoms are; where these select the QM atoms, that is meant. */
static void init(void *target) {
  lml_region_settings *region = &((lml_region_config *)target)->region;
  region->buffer = -1.0;
  region->uncertain.enter_after = region->uncertain.leave_after = 1;
  region->uncertain.margin = 0.8;
}

static const lml_key keys[] = {
    {.name = "labels",
     .type = LML_KEY_TRUE,
     .advice = "omit it for another selection",
     .help = "QM atoms are those with `QM` in the structure file's column `region`; others are `buffer` or `MM`"},
    {.name = "indices", .type = LML_KEY_INTEGERS, .read = read_indices, .help = "these atoms, counted from 0"},
    {.name = "species", .type = LML_KEY_ELEMENTS, .read = read_species, .help = "all atoms of these"},
    {.name = "spheres",
     .type = LML_KEY_OBJECTS,
     .read = read_spheres,
     .object = &sphere_table,
     .help = "atoms in any of these spheres"},
    {.name = "cylinder", .type = LML_KEY_OBJECT, .object = &cylinder_table, .help = "atoms within a cylinder"},
    {.name = "around", .type = LML_KEY_OBJECT, .object = &around_table, .help = "atoms around seeds"},
    {.name = "uncertain",
     .type = LML_KEY_OBJECT,
     .object = &uncertain_table,
     .help =
         "atoms [of whose force the potential is uncertain](mixing.md#regions-by-uncertainty), perhaps none; `ml` must "
         "be linear, with an uncertainty beside its file"},
    {.name = "update",
     LML_KEY_AT(lml_region_config, update),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .advice = "omit it for a region that stays",
     .help =
         "let the region [follow](mixing.md#regions-that-move) its seeds, or the uncertainty, at the first evaluation "
         "of a replica and after every so many of it; only with `around` and `uncertain`, and not in a mixture within "
         "another",
     .otherwise = "the region stays"},
    {.name = "buffer",
     LML_KEY_AT(lml_region_config, region.buffer),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "Å",
     .option = "region-buffer",
     .argument = "WIDTH",
     .help = "atoms strictly nearer than this to a QM atom (to the outer edge of a blend) are in the cluster too, and "
             "do not get its forces",
     .otherwise = "with `labels` and no `blend`: the file's `buffer` atoms; else must be there"},
    {.name = "blend",
     .type = LML_KEY_OBJECT,
     .object = &blend_table,
     .help = "atoms whose force is mixed",
     .otherwise = "no blend"},
};

enum { SELECTIONS = 7 };

/** What only a region that moves has. */
static lml_status check_moves(const lml_keys_reading *reading, const lml_json_value *object,
                              const lml_region_config *region, const char *key, lml_error *error) {
  if (region->update > 0 || !lml_json_has(object, key)) return LML_OK;
  return lml_json_fail(reading->document, object, key, error,
                       "is for a region that moves; add update to the region, or omit %s", key);
}

/** Where a region that moves ends: one that stays has nothing between inner and outer. */
static lml_status check_outer(const lml_keys_reading *reading, const lml_json_value *object,
                              const lml_region_config *region, double inner, double *outer, lml_error *error) {
  const lml_status status = check_moves(reading, object, region, "outer", error);
  if (status != LML_OK) return status;
  if (region->update == 0) *outer = inner;
  if (region->update == 0 || lml_json_has(object, "outer")) return LML_OK;
  return lml_json_fail(reading->document, object, "outer", error, "the key is missing; add it");
}

/** Thresholds of uncertain atoms. */
static lml_status check_uncertain(const lml_keys_reading *reading, const lml_json_value *object,
                                  lml_region_config *region, lml_error *error) {
  static const char *const moving[] = {"enter_after", "leave_after", "margin"};
  const lml_json_value *uncertain = NULL;
  lml_uncertain_settings *settings = &region->region.uncertain;
  lml_status status = lml_json_object(reading->document, object, "uncertain", LML_JSON_REQUIRED, &uncertain, error);
  if (status == LML_OK) status = check_outer(reading, uncertain, region, settings->inner, &settings->outer, error);
  for (size_t k = 0; k < sizeof moving / sizeof moving[0] && status == LML_OK; k++)
    status = check_moves(reading, uncertain, region, moving[k], error);
  if (status != LML_OK) return status;
  if (region->update == 0) settings->margin = 0.0;
  if (settings->outer <= settings->inner) return LML_OK;
  return lml_json_fail(reading->document, uncertain, "outer", error, "must not be larger than inner");
}

/** Radii of seeds. */
static lml_status check_around(const lml_keys_reading *reading, const lml_json_value *object, lml_region_config *region,
                               lml_error *error) {
  const lml_json_value *around = NULL;
  lml_region_settings *settings = &region->region;
  double *outer = &settings->around.outer;
  lml_status status = lml_json_object(reading->document, object, "around", LML_JSON_REQUIRED, &around, error);
  if (status == LML_OK) status = check_outer(reading, around, region, settings->around.inner, outer, error);
  if (status != LML_OK || *outer >= settings->around.inner) return status;
  return lml_json_fail(reading->document, around, "outer", error, "must not be smaller than inner");
}

static lml_status check(const lml_keys_reading *reading, const lml_json_value *object, void *target, lml_error *error) {
  lml_region_config *region = target;
  lml_region_settings *settings = &region->region;
  for (size_t k = 0; k < SELECTIONS; k++)
    if (lml_json_has(object, keys[k].name)) settings->selection = (lml_region_selection)k;
  if (region->update > 0 && settings->selection != LML_REGION_AROUND && settings->selection != LML_REGION_UNCERTAIN)
    return lml_json_fail(
        reading->document, object, "update", error,
        "only a region around seeds, or of uncertain atoms, can move; select it by around or uncertain, "
        "or omit update");
  if (settings->buffer < 0.0 && (settings->selection != LML_REGION_BY_LABEL || settings->blend > 0.0))
    return lml_json_fail(reading->document, object, "buffer", error, "the key is missing; add it (a width in Å)");
  if (settings->selection == LML_REGION_UNCERTAIN) return check_uncertain(reading, object, region, error);
  return settings->selection == LML_REGION_AROUND ? check_around(reading, object, region, error) : LML_OK;
}

const lml_key_table lml_region_keys = {.name = "region",
                                       .size = sizeof(lml_region_config),
                                       LML_KEYS(keys),
                                       .nalternatives = SELECTIONS,
                                       .init = init,
                                       .check = check};
