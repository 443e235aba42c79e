#include "programs/retrain_config.h"

#include "base/memory.h"
#include "base/path.h"
#include "programs/potential_keys.h"
#include "programs/retrain_tables.h"

static const char *const format[] = {"lmlink-retrain", NULL};
static const char *const form_names[] = {"quadratic", "linear", NULL};
static const char *const method_names[] = {"auto", "cholesky", "qr", NULL};

/* ---- readers ---- */

/** How much each group weighs, under the user's names. */
static lml_status read_group_weights(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                                     void *target, lml_error *error) {
  lml_config_groups *groups = lml_key_value(key, target);
  const lml_json_value *weights = NULL;
  const char *name;
  lml_status status = lml_json_object(reading->document, object, key->name, LML_JSON_REQUIRED, &weights, error);
  for (size_t k = 0; status == LML_OK && (name = lml_json_member(weights, k)) != NULL; k++) {
    const size_t before = groups->count;
    double weight = 1.0;
    status = lml_json_number(reading->document, weights, name, LML_JSON_REQUIRED, &weight, error);
    if (status == LML_OK && !lml_key_holds(key, weight))
      return lml_json_fail(reading->document, weights, name, error, "must not be negative");
    if (status == LML_OK) status = lml_config_groups_weigh(groups, name, weight, error);
    if (status == LML_OK && groups->count == before)
      return lml_json_fail(reading->document, weights, name, error, "is given twice");
  }
  return status;
}

/** true or false, in place of an object that says how. */
static lml_status read_search(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                              void *target, lml_error *error) {
  bool wanted = false;
  const lml_status status = lml_json_logical(reading->document, object, key->name, LML_JSON_REQUIRED, &wanted, error);
  ((lml_retrain_options *)target)->search.trials = wanted ? LML_SEARCH_TRIALS : 0;
  return status;
}

/** Structures that the distance counts from. */
static lml_status read_from(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                            void *target, lml_error *error) {
  const lml_json_value *files = NULL;
  size_t count = 0;
  lml_status status = lml_json_array(reading->document, object, key->name, LML_JSON_REQUIRED, &files, &count, error);
  if (status == LML_OK && count == 0)
    return lml_json_fail(reading->document, object, key->name, error, "must name at least one file");
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    const char *name = NULL;
    status = lml_json_element_text(reading->document, files, i, &name, error);
    char *path = status == LML_OK ? lml_path_beside(reading->path, name, error) : NULL;
    if (status == LML_OK) status = path == NULL ? LML_ERR_MEMORY : lml_retrain_options_add_from(target, path, error);
    lml_free(path);
  }
  return status;
}

/* ---- its objects ---- */

static const lml_key start_keys[] = {
    {.name = "file",
     LML_KEY_AT(lml_retrain_options, start),
     .type = LML_KEY_PATH,
     .presence = LML_JSON_REQUIRED,
     .help = "starting potential: a LAMMPS `.snap`, `.mod` or `.mliap` file with its `pair_style` and `pair_coeff` "
             "lines, a `.snapcoeff`, `.uf3` or `.yace` file, or a MiLaDy `.pot` file",
     .option = "start",
     .argument = "FILE"},
    LML_POTENTIAL_KEYS(lml_retrain_options),
    {.name = "zero",
     LML_KEY_AT(lml_retrain_options, origin),
     .type = LML_KEY_SWITCH,
     .off = LML_ORIGIN_START,
     .on = LML_ORIGIN_ZERO,
     .help = "Θ₀ = 0: the start gives the descriptors and the fixed terms alone",
     .option = "from-scratch"},
};

static const lml_key_table start_table = {LML_KEYS(start_keys)};

/** The factor of a degree. */
#define DEGREE(title, degree)                                                                          \
  .name = (title), LML_KEY_AT(lml_retrain_options, ridge_scale.degrees[degree]), .type = LML_KEY_REAL, \
  .range = LML_RANGE_NOT_NEGATIVE

static const lml_key degree_keys[] = {
    {DEGREE("constant", LML_DEGREE_CONSTANT), .help = "factor of the elements' constants"},
    {DEGREE("linear", LML_DEGREE_LINEAR), .help = "of linear coefficients"},
    {DEGREE("quadratic", LML_DEGREE_QUADRATIC), .help = "of quadratic ones"},
};

static const lml_key_table degree_table = {LML_KEYS(degree_keys)};

static void init_search(void *target) { ((lml_retrain_options *)target)->search.trials = LML_SEARCH_TRIALS; }

static const lml_key search_keys[] = {
    {.name = "trials",
     LML_KEY_AT(lml_retrain_options, search.trials),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .help = "pairs that are tried at most, those of the grid among them",
     .otherwise = "80; without a search that is asked for 45",
     .options = "`--search-trials N`"},
    {.name = "tolerance",
     LML_KEY_AT(lml_retrain_options, search.tolerance),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "decades",
     .help = "the search ends where λs are known to this"},
};

static const lml_key_table search_table = {LML_KEYS(search_keys), .init = init_search};

static const lml_key uncertainty_keys[] = {
    {.name = "kind",
     LML_KEY_AT(lml_retrain_options, uncertainty.kind),
     .type = LML_KEY_CHOICE,
     .choices = lml_uncertainty_names,
     .help = "how the covariance of the coefficients is found"},
    {.name = "rank",
     LML_KEY_AT(lml_retrain_options, uncertainty.rank),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .most = 1000,
     .help = "columns of its factor",
     .options = "`--uncertainty-rank K`"},
    {.name = "from",
     .type = LML_KEY_PATHS,
     .read = read_from,
     .help = "structures that the distance of an atom counts from",
     .otherwise = "those that are trained on",
     .options = "`--uncertainty-from FILE` (repeated)"},
};

static const lml_key_table uncertainty_table = {LML_KEYS(uncertainty_keys)};

/* ---- the file ---- */

/** Sets of a role. */
#define SETS(title, role) \
  .name = (title), .type = LML_KEY_OBJECTS, .read = lml_sets_read, .object = &lml_set_keys, .first = (role)

static const lml_key keys[] = {
    LML_FORMAT_KEYS(format, LML_RETRAIN_CONFIG_VERSION),
    {.name = "start",
     .type = LML_KEY_OBJECT,
     .object = &start_table,
     .help = "the starting potential",
     .otherwise = "none: give it here, or the option"},
    {SETS("targets", LML_ROLE_TARGET),
     .help = "frames whose forces are to be met: force logs, or any extended XYZ with forces; or rows of a design "
             "matrix",
     .otherwise = "none: give it here, or the option", .options = "`--targets FILE`"},
    {SETS("hard", LML_ROLE_HARD),
     .help = "hard constraints: structures whose energy per atom stays exactly as it is, or becomes that of the file",
     .otherwise = "none", .options = "`--hard FILE`, `--hard-set FILE`"},
    {SETS("soft", LML_ROLE_SOFT), .help = "soft constraints: structures whose forces shall change little",
     .otherwise = "none", .options = "`--soft FILE`"},
    {SETS("test", LML_ROLE_TEST), .help = "frames that are not trained on", .otherwise = "none",
     .options = "`--test FILE`, `--soft-test FILE`"},
    {.name = "group_key",
     LML_KEY_AT(lml_retrain_options, groups.key),
     .help = "key of the comment line that holds a frame's [group](#groups-of-frames)",
     .otherwise = "`config_type`",
     .option = "group-key",
     .argument = "KEY"},
    {.name = "group_weights",
     LML_KEY_AT(lml_retrain_options, groups),
     .type = LML_KEY_NUMBERS,
     .read = read_group_weights,
     .range = LML_RANGE_NOT_NEGATIVE,
     .help = "a further weight of the frames of a group",
     .otherwise = "1",
     .options = "`--group-weight NAME=WEIGHT` (repeated)"},
    {.name = "lambda_soft",
     LML_KEY_AT(lml_retrain_options, lambda_soft),
     .count_offset = offsetof(lml_retrain_options, nlambda_soft),
     .type = LML_KEY_REALS,
     .range = LML_RANGE_NOT_NEGATIVE,
     .help = "λ_S, the weight of the soft constraints, or several to choose from",
     .otherwise = "it is [chosen](#choosing-the-λs), as small as the change of soft structures allows",
     .option = "lambda-soft",
     .argument = "LIST"},
    {.name = "lambda_ridge",
     LML_KEY_AT(lml_retrain_options, lambda_ridge),
     .count_offset = offsetof(lml_retrain_options, nlambda_ridge),
     .type = LML_KEY_REALS,
     .range = LML_RANGE_NOT_NEGATIVE,
     .help = "λ₀, the weight of the ridge penalty, or several to choose from",
     .otherwise = "it is chosen: the pair with the smallest error on what is held out, among those that keep "
                  "`soft_limit`",
     .option = "lambda-ridge",
     .argument = "LIST"},
    {.name = "lambda_ridge_scale",
     LML_KEY_AT(lml_retrain_options, ridge_scale.path),
     .type = LML_KEY_PATH,
     .object = &degree_table,
     .help = "factors ρ of the ridge: a `.npy` vector of N_D numbers, or in JSON an object with a factor for "
             "each degree, such as `{\"linear\": 0.1, \"quadratic\": 10}`",
     .otherwise = "1",
     .option = "lambda-ridge-scale",
     .argument = "FILE"},
    {.name = "soft_limit",
     LML_KEY_AT(lml_retrain_options, soft_limit),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "eV/Å",
     .help = "where λs are chosen: the most that forces of soft structures that were held out, or of test files that "
             "watch, may change, RMS",
     .option = "soft-limit",
     .argument = "NUMBER"},
    {.name = "fold_groups",
     LML_KEY_AT(lml_retrain_options, fold_groups),
     .help = "key of the frames' comment lines: target frames with the same text or whole number there are held out "
             "together",
     .otherwise = "equivalent frames are",
     .option = "fold-groups",
     .argument = "KEY"},
    {.name = "search",
     .type = LML_KEY_LOGICAL,
     .read = read_search,
     .object = &search_table,
     .help = "search for λs beyond a grid of values that are given ([below](#choosing-the-λs)); in JSON `true`, or an "
             "object that says how",
     .otherwise = "no search",
     .options = "`--search`"},
    {.name = "form",
     LML_KEY_AT(lml_retrain_options, form),
     .type = LML_KEY_CHOICE,
     .choices = form_names,
     .help = "what is trained; a linear start gets quadratic coefficients that are zero at first",
     .option = "form",
     .argument = "FORM"},
    {.name = "method",
     LML_KEY_AT(lml_retrain_options, method),
     .type = LML_KEY_CHOICE,
     .choices = method_names,
     .help = "`cholesky`: normal equations; `qr`: a QR factorisation of all rows, twice the time, for ill-conditioned "
             "data; `auto`: QR where it is needed",
     .option = "method",
     .argument = "METHOD"},
    {.name = "sums",
     LML_KEY_AT(lml_retrain_options, sums),
     .type = LML_KEY_CHOICE,
     .choices = lml_sums_names,
     .help = "how target rows are summed ([sums with less work](#sums-with-less-work)): `auto`, where many of them lie "
             "nearly in a space of few dimensions, there, with a part omitted that makes no difference to the result; "
             "`exact`, never so",
     .option = "sums",
     .argument = "KIND"},
    {.name = "folds",
     LML_KEY_AT(lml_retrain_options, folds),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 2,
     .most = 1000,
     .help = "hold out each of K parts of the target frames in turn, and choose by the error on them",
     .otherwise = "5, or as many as there are groups, where no test set is there to choose by",
     .option = "folds",
     .argument = "K"},
    {.name = "every",
     LML_KEY_AT(lml_retrain_options, every),
     .type = LML_KEY_COUNT,
     .range = LML_RANGE_FROM,
     .least = 1,
     .help = "with a log that is followed: write the output after each N frames",
     .otherwise = "1",
     .option = "every",
     .argument = "N"},
    {.name = "hard_tolerance",
     LML_KEY_AT(lml_retrain_options, constraints.keep_tolerance),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "relative",
     .help = "singular values of the constraints to keep below this times the largest count as zero",
     .otherwise = "max(m, N_D) ε, as NumPy's `matrix_rank`; smaller where values to keep would move by more than 1e-12",
     .option = "hard-tolerance",
     .argument = "NUMBER"},
    {.name = "set_tolerance",
     LML_KEY_AT(lml_retrain_options, constraints.set_tolerance),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "relative",
     .help = "the same for constraints to set: their values carry errors, which small singular values enlarge",
     .otherwise = "1e-10"},
    {.name = "set_deviation",
     LML_KEY_AT(lml_retrain_options, constraints.set_deviation),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .unit = "eV per atom, eV/Å",
     .help = "largest contradiction between constraints to set that is no error",
     .otherwise = "1e-6"},
    {.name = "uncertainty",
     LML_KEY_AT(lml_retrain_options, uncertainty.kind),
     .type = LML_KEY_CHOICE,
     .choices = lml_uncertainty_names,
     .object = &uncertainty_table,
     .help =
         "[what errors may be](#uncertainty), in files beside the output: `sandwich`, `pops`, or `auto` (`pops` for "
         "linear forms, else `sandwich`); in JSON also an object that says more",
     .option = "uncertainty",
     .argument = "KIND"},
    {.name = "output",
     LML_KEY_AT(lml_retrain_options, output),
     .type = LML_KEY_PATH,
     .help = "the new `.snapcoeff` file, with the `.snapparam` file beside it; from a `.uf3` or `.yace` file, another "
             "of its kind. Lines for LAMMPS go to a `.snap` or `.mod` file beside it",
     .otherwise = "none: give it here, or the option",
     .option = "output",
     .argument = "FILE"},
    {.name = "report",
     LML_KEY_AT(lml_retrain_options, report),
     .type = LML_KEY_PATH,
     .help = "the JSON report: errors, ranks, constraints, times, checksums",
     .otherwise = "none",
     .option = "report",
     .argument = "FILE"},
    {.name = "cache",
     LML_KEY_AT(lml_retrain_options, cache),
     .type = LML_KEY_PATH,
     .help = "[keep the sums](#keeping-the-sums) over all rows in this file, and take them from it when inputs and "
             "settings are the same again",
     .otherwise = "none",
     .option = "cache",
     .argument = "FILE"},
    {.name = "overwrite",
     LML_KEY_AT(lml_retrain_options, existing),
     .type = LML_KEY_SWITCH,
     .off = LML_EXISTING_REFUSE,
     .on = LML_EXISTING_OVERWRITE,
     .help = "replace outputs that exist",
     .option = "overwrite"},
};

static const lml_key_table table = {.name = "lmlink-retrain", LML_KEYS(keys)};

static void init(void *target) { lml_retrain_options_init(target); }

static void release(void *target) { lml_retrain_options_free(target); }

const lml_key_root lml_retrain_keys = {.title = "Configuration of lmlink-retrain",
                                       .table = &table,
                                       .size = sizeof(lml_retrain_options),
                                       .init = init,
                                       .free = release};

lml_status lml_retrain_config_read(const char *path, lml_retrain_options *options, lml_error *error) {
  const lml_status status = lml_keys_read_file(&lml_retrain_keys, path, options, error);
  return status == LML_OK ? lml_set_text(&options->configuration, path, error) : status;
}
