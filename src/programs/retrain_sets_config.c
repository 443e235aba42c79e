/* The keys of a set of structures, or of rows of the design matrix. */
#include "base/memory.h"
#include "programs/retrain_tables.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** Of a matrix a file, of structures a column. */
static lml_status read_row_weights(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                                   void *target, lml_error *error) {
  lml_dataset *set = target;
  if (set->source != LML_SOURCE_MATRIX) return lml_key_read(reading, object, key, target, error);
  return lml_keys_read_path(reading, object, key->name, &set->row_weights, error);
}

/** Fail where a set has a key that is of no use to it. */
static lml_status check(const lml_keys_reading *reading, const lml_json_value *object, void *target, lml_error *error) {
  const lml_dataset *set = target;
  const bool matrix = set->source == LML_SOURCE_MATRIX, hard = set->role == LML_ROLE_HARD;
  const bool values = set->role == LML_ROLE_TEST || lml_dataset_needs_values(set);
  static const char structures[] = "is for files of structures, and this one is a design matrix; remove it";
  static const char matrices[] = "is for design matrices (.npy files); remove it";
  const struct {
    const char *key;
    bool fits;
    const char *reason;
  } rules[] = {{"mode", hard, "is for hard constraints alone; remove it"},
               {"follow", set->role == LML_ROLE_TARGET, "is for targets alone; remove it"},
               {"follow", !matrix, structures},
               {"select", !matrix, structures},
               {"min_displacement", !matrix, structures},
               {"frame_weights", !matrix, structures},
               {"targets", matrix, matrices},
               {"targets", values, "is of no use where values are kept; remove it"},
               {"frame_rows", matrix, matrices},
               {"leverage", set->role == LML_ROLE_TARGET, "is for targets alone; remove it"},
               {"keys", !matrix, structures},
               {"move_mask", !matrix, structures},
               {"energy_reference", set->quantity == LML_QUANTITY_ENERGY && lml_dataset_compares(set),
                "is for energies of targets and tests; remove it"},
               {"kind", set->role == LML_ROLE_TEST, "is for test sets alone; remove it"},
               {"row_weights", !hard, "is of no use for hard constraints, which are met exactly; remove it"},
               {"row_weights", matrix || set->quantity == LML_QUANTITY_FORCES, "is for forces alone; remove it"}};
  for (size_t i = 0; i < COUNT(rules); i++)
    if (!rules[i].fits && lml_json_has(object, rules[i].key))
      return lml_json_fail(reading->document, object, rules[i].key, error, "%s", rules[i].reason);
  return LML_OK;
}

static const lml_key value_keys[] = {
    {.name = "energy",
     LML_KEY_AT(lml_dataset, keys[LML_VALUE_ENERGY]),
     .help = "key of energies (eV)",
     .otherwise = "`energy`",
     .options = "`--energy-key` (all files)"},
    {.name = "forces",
     LML_KEY_AT(lml_dataset, keys[LML_VALUE_FORCES]),
     .help = "column of forces (eV/Å)",
     .otherwise = "`forces_qm` or `forces`",
     .options = "`--forces-key`"},
    {.name = "virial",
     LML_KEY_AT(lml_dataset, keys[LML_VALUE_VIRIAL]),
     .help = "key of virials (eV)",
     .otherwise = "`virial`",
     .options = "`--virial-key`"},
    {.name = "stress",
     LML_KEY_AT(lml_dataset, keys[LML_VALUE_STRESS]),
     .help = "key of stresses (eV/Å³)",
     .otherwise = "`stress`",
     .options = "`--stress-key`"},
};

static const lml_key_table value_table = {LML_KEYS(value_keys)};

static const lml_key keys[] = {
    {.name = "file",
     LML_KEY_AT(lml_dataset, path),
     .type = LML_KEY_PATH,
     .presence = LML_JSON_REQUIRED,
     .help = "the structure file, or [design matrix](#design-matrices) (`.npy`)"},
    {.name = "quantity",
     LML_KEY_AT(lml_dataset, quantity),
     .type = LML_KEY_CHOICE,
     .choices = lml_quantity_names,
     .help = "what counts; energies and virials are per atom, an energy difference is that to the set's first frame",
     .otherwise = "`energy` in `hard`, else `forces`"},
    {.name = "select",
     LML_KEY_AT(lml_dataset, selection),
     .type = LML_KEY_CHOICE,
     .choices = lml_selection_names,
     .help = "which atoms' forces; see [above](#structure-files)",
     .otherwise = "`log` in `targets` and `test`, else `all`",
     .options = "`--select ATOMS` (targets), `--test-select`, `--soft-select`"},
    {.name = "mode",
     LML_KEY_AT(lml_dataset, mode),
     .type = LML_KEY_CHOICE,
     .choices = lml_hard_mode_names,
     .help = "of a hard constraint: keep the starting potential's values, or set the file's",
     .options = "`--hard`, `--hard-set`"},
    {.name = "keys",
     .type = LML_KEY_OBJECT,
     .object = &value_table,
     .help = "under which names the file has its values",
     .otherwise = "the names below"},
    {.name = "move_mask",
     LML_KEY_AT(lml_dataset, move_mask),
     .type = LML_KEY_CHOICE,
     .choices = lml_move_mask_names,
     .help = "what `T` in a column `move_mask` [stands for](#constrained-atoms)",
     .options = "`--move-mask MEANING` (all files)"},
    {.name = "energy_reference",
     LML_KEY_AT(lml_dataset, reference),
     .type = LML_KEY_CHOICE,
     .choices = lml_energy_reference_names,
     .help = "of energies of targets and tests: what they are [compared with](#energies); `auto` is `offset`, or from "
             "scratch `absolute`",
     .options = "`--energy-reference KIND`"},
    {.name = "kind",
     LML_KEY_AT(lml_dataset, kind),
     .type = LML_KEY_CHOICE,
     .choices = lml_test_kind_names,
     .help = "of a test set, what it judges: how well values are met (`target`), or how much forces change (`soft`); "
             "`auto` is `soft` where the forces are the starting potential's own to 1e-4 eV/Å, or there are none",
     .options = "`--test`, `--soft-test`"},
    {.name = "weight",
     LML_KEY_AT(lml_dataset, weight),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .help = "of the squared deviations",
     .otherwise = "1; on the command line, without a weight, only forces are targets",
     .options = "`--forces-weight`, `--energy-weight`, `--difference-weight`, `--virial-weight` (targets)"},
    {.name = "frame_weights",
     LML_KEY_AT(lml_dataset, weights),
     .help = "a further weight of each frame: the key of the comment line that holds it",
     .otherwise = "none: 1"},
    {.name = "targets",
     LML_KEY_AT(lml_dataset, values),
     .type = LML_KEY_PATH,
     .help = "of a matrix: what its rows shall give",
     .otherwise = "the `.targets.npy` file beside it"},
    {.name = "row_weights",
     LML_KEY_AT(lml_dataset, row_weights),
     .read = read_row_weights,
     .help = "a further weight of each atom's forces: the column (`NAME:R:1`) that holds it; of a matrix, a `.npy` "
             "vector of one for each row. Of soft constraints it is a λ_S by row",
     .otherwise = "none: 1"},
    {.name = "frame_rows",
     LML_KEY_AT(lml_dataset, frame_rows),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .help = "of a matrix: rows of a frame",
     .otherwise = "384"},
    {.name = "min_displacement",
     LML_KEY_AT(lml_dataset, min_displacement),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "Å",
     .help = "[omit frames](#leaving-out-frames) in which no selected atom has moved this far since the last one that "
             "was used",
     .otherwise = "0: none",
     .options = "`--min-displacement LENGTH` (targets, followed)"},
    {.name = "leverage",
     LML_KEY_AT(lml_dataset, leverage),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .help = "[omit frames](#leaving-out-frames) of which no row has more leverage than this, where 1 is a row that "
             "tells as much as all before it; of targets alone",
     .otherwise = "0: none",
     .options = "`--leverage NUMBER` (targets, followed)"},
    {.name = "follow",
     LML_KEY_AT(lml_dataset, reading),
     .type = LML_KEY_SWITCH,
     .off = LML_READ_ONCE,
     .on = LML_READ_FOLLOW,
     .help = "the file is a force log that is being written ([below](#following-a-force-log))",
     .otherwise = "`false`",
     .options = "`--follow FILE`"},
};

const lml_key_table lml_set_keys = {.name = "set", .size = sizeof(lml_dataset), LML_KEYS(keys), .check = check};

/** @p key's `first` is the sets' role, which decides their defaults. */
static lml_status read_set(const lml_keys_reading *reading, const lml_json_value *element, const lml_key *key,
                           size_t index, void *target, lml_error *error) {
  char *path = NULL;
  lml_dataset *set = NULL;
  (void)index;
  lml_status status = lml_keys_check_names(reading, element, key->object, error);
  if (status == LML_OK) status = lml_keys_read_path(reading, element, keys[0].name, &path, error);
  if (status == LML_OK) status = lml_retrain_options_add(target, (lml_role)key->first, path, &set, error);
  lml_free(path);
  return status == LML_OK ? lml_keys_read(reading, element, key->object, set, error) : status;
}

lml_status lml_sets_read(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                         void *target, lml_error *error) {
  return lml_keys_each(reading, object, key, target, NULL, read_set, error);
}
