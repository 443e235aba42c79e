/* The keys of a mixture and of its QM regions; those that select atoms are in region_config.c. */

#include "base/memory.h"
#include "base/print.h"
#include "programs/calculator_config.h"
#include "programs/config_tables.h"

static const char *const type[] = {"mixing", NULL};
static const char *const energy_names[] = {"none", "ml", "virtual_work", NULL};
static const char *const virial_names[] = {"none", "ml", NULL};

/* ---- calculators within the mixture ---- */

/** What is kept for each of the driver's replicas belongs to the outermost mixture. */
static lml_status check_inner(const lml_keys_reading *reading, const lml_json_value *object,
                              const lml_mixing_config *inner, lml_error *error) {
  for (size_t i = 0; inner != NULL && i < inner->nregions; i++) {
    const lml_region_config *region = &inner->regions[i];
    if (region->update > 0)
      return lml_json_fail(reading->document, object, "qm", error,
                           "its region %s moves, which those of the outermost mixture alone can; omit update",
                           region->name);
    if (region->skip.below > 0.0)
      return lml_json_fail(reading->document, object, "qm", error,
                           "its region %s may be skipped, which those of the outermost mixture alone can; omit skip",
                           region->name);
  }
  if (inner == NULL || inner->energy != LML_MIXING_WORK) return LML_OK;
  return lml_json_fail(reading->document, object, "energy", error,
                       "must be none or ml: virtual work is that of the outermost mixture");
}

static lml_status read_part(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                            void *target, lml_error *error) {
  lml_calculator_config **calculator = lml_key_value(key, target);
  const lml_json_value *value = NULL;
  lml_status status = lml_json_object(reading->document, object, key->name, LML_JSON_REQUIRED, &value, error);
  if (status == LML_OK) status = lml_alloc(calculator, 1, sizeof **calculator, "a calculator's configuration", error);
  if (status == LML_OK) status = lml_keys_read_variant(reading, value, *calculator, error);
  return status == LML_OK ? check_inner(reading, value, (*calculator)->mixing, error) : status;
}

/* ---- regions ---- */

static void init_region(void *target) {
  lml_region_config *region = target;
  region->cluster = (lml_cluster_settings){.vacuum = 5.0, .rounding = 3.0};
  region->skip = (lml_skipping_region){.check_every = 10, .check_ratio = 3.0};
}

/** Whether the calculator of a region that moves can do with other atoms. */
static lml_status check_follows(const lml_keys_reading *reading, const lml_json_value *object, void *target,
                                lml_error *error) {
  const lml_region_config *region = target;
  const lml_calculator_config *calculator = region->calculator;
  const lml_remote_config *remote = calculator->remote;
  if (region->update == 0 || calculator->type == LML_CALCULATOR_LINEAR) return LML_OK;
  if (remote == NULL)
    return lml_json_fail(reading->document, object, "calculator", error,
                         "is a mixture, whose own regions are those of one structure, but this region moves; omit "
                         "update");
  if (remote->settings.init == LML_ENGINE_INIT_LMLINK || lml_engine_follows(remote->prepare, remote->launch))
    return LML_OK;
  return lml_json_fail(
      reading->document, object, "calculator", error,
      "its region moves, so that its engine needs new input where the atoms change; add prepare, a "
      "command that makes it of {cluster}, and launch; or for another lmlink-serve \"init\": \"lmlink\"");
}

static const lml_key cluster_keys[] = {
    {.name = "vacuum",
     LML_KEY_AT(lml_region_config, cluster.vacuum),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "Å",
     .help = "vacuum around the cluster in directions that are not periodic"},
    {.name = "cell_rounding",
     LML_KEY_AT(lml_region_config, cluster.rounding),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "Å",
     .help = "edges of the cluster's cell in these directions are rounded to multiples of this; 0: not"},
};

static const lml_key_table cluster_table = {LML_KEYS(cluster_keys)};

static const lml_key skip_keys[] = {
    {.name = "below",
     LML_KEY_AT(lml_region_config, skip.below),
     .type = LML_KEY_REAL,
     .presence = LML_JSON_REQUIRED,
     .range = LML_RANGE_POSITIVE,
     .unit = "eV/Å",
     .help = "it begins once the largest σ of the force on a QM atom is below this"},
    {.name = "above",
     LML_KEY_AT(lml_region_config, skip.above),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_POSITIVE,
     .unit = "eV/Å",
     .help = "it ends once that σ is above this; not smaller than `below`",
     .otherwise = "1.5 times `below`"},
    {.name = "check_every",
     LML_KEY_AT(lml_region_config, skip.check_every),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .help = "ask the calculator every so many evaluations all the same, to see whether σ is right"},
    {.name = "check_ratio",
     LML_KEY_AT(lml_region_config, skip.check_ratio),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_POSITIVE,
     .help = "it stops, until there are other coefficients, where the error is more than so many σ (root mean squares "
             "over QM atoms)"},
    {.name = "blend_evaluations",
     LML_KEY_AT(lml_region_config, skip.blend),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 0,
     .help =
         "evaluations of a replica in which the force goes over from the one to the other; 0: at once. For dynamics"},
};

/** Without `above` the band between the two is half of `below` wide. */
static lml_status read_skip(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                            void *target, lml_error *error) {
  lml_skipping_region *skip = &((lml_region_config *)target)->skip;
  const lml_json_value *value = NULL;
  lml_status status = lml_key_read(reading, object, key, target, error);
  if (status == LML_OK)
    status = lml_json_object(reading->document, object, key->name, LML_JSON_REQUIRED, &value, error);
  if (status != LML_OK) return status;
  if (!lml_json_has(value, "above")) skip->above = 1.5 * skip->below;
  if (skip->above >= skip->below) return LML_OK;
  return lml_json_fail(reading->document, value, "above", error, "must not be smaller than below");
}

static const lml_key_table skip_table = {LML_KEYS(skip_keys)};

static const lml_key qm_keys[] = {
    {.name = "name",
     LML_KEY_AT(lml_region_config, name),
     .help = "what messages and files call the region",
     .otherwise = "its number, from 1"},
    {.name = "region",
     .type = LML_KEY_OBJECT,
     .presence = LML_JSON_REQUIRED,
     .object = &lml_region_keys,
     .help = "which atoms; see below"},
    {.name = "cluster", .type = LML_KEY_OBJECT, .object = &cluster_table, .help = "how the cluster is made"},
    {.name = "calculator",
     LML_KEY_AT(lml_region_config, calculator),
     .type = LML_KEY_VARIANT,
     .read = read_part,
     .presence = LML_JSON_REQUIRED,
     .help = "the calculator of the cluster; any, also `linear`"},
    {.name = "skip",
     .type = LML_KEY_OBJECT,
     .read = read_skip,
     .object = &skip_table,
     .help =
         "let the ML calculator [stand in](mixing.md#the-quantum-code-only-when-it-is-needed) for it while σ of its "
         "forces is small; `ml` must be `linear`, with an [uncertainty](retraining.md#uncertainty), and know all of "
         "the cluster's elements; not in a mixture within another",
     .otherwise = "it is always asked"},
};

static const lml_key_table qm_table = {
    .size = sizeof(lml_region_config), LML_KEYS(qm_keys), .init = init_region, .check = check_follows};

static lml_status begin_regions(void *target, size_t count, lml_error *error) {
  lml_mixing_config *mixing = target;
  return lml_alloc(&mixing->regions, count, sizeof *mixing->regions, "QM regions", error);
}

static lml_status read_region(const lml_keys_reading *reading, const lml_json_value *element, const lml_key *key,
                              size_t index, void *target, lml_error *error) {
  lml_mixing_config *mixing = target;
  char name[24];
  lml_print_cut(name, sizeof name, "%zu", index + 1);
  mixing->nregions = index + 1;
  const lml_status status = lml_set_text(&mixing->regions[index].name, name, error);
  return status == LML_OK ? lml_keys_read(reading, element, key->object, &mixing->regions[index], error) : status;
}

static lml_status read_regions(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                               void *target, lml_error *error) {
  return lml_keys_each(reading, object, key, target, begin_regions, read_region, error);
}

/* ---- the mixture ---- */

/** Uncertainties are a linear potential's. */
static lml_status check_ml(const lml_keys_reading *reading, const lml_json_value *object, void *target,
                           lml_error *error) {
  const lml_mixing_config *mixing = target;
  for (size_t i = 0; i < mixing->nregions; i++) {
    const lml_region_config *region = &mixing->regions[i];
    const bool chosen = region->region.selection == LML_REGION_UNCERTAIN, skipped = region->skip.below > 0.0;
    if (mixing->ml->type != LML_CALCULATOR_LINEAR && (chosen || skipped))
      return lml_json_fail(reading->document, object, "ml", error,
                           "must be of type linear: the region %s is %s by the uncertainty of a linear potential, "
                           "which neither an engine nor a mixture has",
                           region->name, chosen ? "chosen" : "skipped");
  }
  return LML_OK;
}

static lml_status read_rescaling(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                                 void *target, lml_error *error) {
  ((lml_mixing_config *)target)->rescales = true;
  return lml_key_read(reading, object, key, target, error);
}

/** One of the four numbers of a rescaling, which is MEMBER of it. */
#define CONSTANT(member)                                                                  \
  .name = #member, LML_KEY_AT(lml_mixing_config, rescaling.member), .type = LML_KEY_REAL, \
  .presence = LML_JSON_REQUIRED, .range = LML_RANGE_POSITIVE

static const lml_key rescale_keys[] = {
    {CONSTANT(qm_lattice_constant), .unit = "Å", .help = "lattice constant of the QM side"},
    {CONSTANT(qm_bulk_modulus), .unit = "any, the same for both", .help = "bulk modulus of the QM side"},
    {CONSTANT(ml_lattice_constant), .unit = "Å", .help = "lattice constant of the ML side"},
    {CONSTANT(ml_bulk_modulus), .unit = "any, the same for both", .help = "bulk modulus of the ML side"},
};

static const lml_key_table rescale_table = {LML_KEYS(rescale_keys)};

static void init(void *target) {
  lml_mixing_config *mixing = target;
  mixing->zero_mean_force = true;
  mixing->foreign_distance = -1.0;
}

static const lml_key keys[] = {
    LML_TYPE_KEY(type, "kind of calculator: a mixture"),
    {.name = "ml",
     LML_KEY_AT(lml_mixing_config, ml),
     .type = LML_KEY_VARIANT,
     .read = read_part,
     .presence = LML_JSON_REQUIRED,
     .help = "the calculator of the whole structure; any, also `remote`"},
    {.name = "qm",
     .type = LML_KEY_OBJECTS,
     .read = read_regions,
     .presence = LML_JSON_REQUIRED,
     .object = &qm_table,
     .range = LML_RANGE_FROM,
     .least = 1,
     .advice = "must have at least one region",
     .help = "the QM regions, at least one, each with a calculator of its own; they work at the same time"},
    {.name = "zero_mean_force",
     LML_KEY_AT(lml_mixing_config, zero_mean_force),
     .type = LML_KEY_LOGICAL,
     .help = "subtract the mean of all forces from each"},
    {.name = "energy",
     LML_KEY_AT(lml_mixing_config, energy),
     .type = LML_KEY_CHOICE,
     .choices = energy_names,
     .help = "what is sent as the energy, which a mixture has not: `none`, 0; `ml`, the ML calculator's; "
             "`virtual_work`, the [work of the forces](mixing.md#energy-and-virial) on the replica, not in a mixture "
             "within another"},
    {.name = "virial",
     LML_KEY_AT(lml_mixing_config, virial),
     .type = LML_KEY_CHOICE,
     .choices = virial_names,
     .help = "the same for the virial; with `none`, a driver that changes the cell is refused"},
    {.name = "foreign_distance",
     LML_KEY_AT(lml_mixing_config, foreign_distance),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "Å",
     .help = "atoms that are nearer than this to one of a species that the ML potential does not know, and have its "
             "force, are warned about",
     .otherwise = "the potential's cutoff"},
    {.name = "rescale",
     .type = LML_KEY_OBJECT,
     .read = read_rescaling,
     .object = &rescale_table,
     .help = "let the ML side have the lattice constant and bulk modulus of the QM side, as in "
             "[mixing.md](mixing.md#two-sides-that-do-not-match)",
     .otherwise = "none"},
};

const lml_key_table lml_mixing_keys = {
    .name = "mixing", .size = sizeof(lml_mixing_config), LML_KEYS(keys), .init = init, .check = check_ml};
