#include "programs/retrain_config.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "programs/calculator_config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** What is being read. */
typedef struct {
  const lml_json *document;
  const char *path; /**< of the JSON file */
  lml_retrain_options *options;
} reading;

/** A path, which counts from the folder of the JSON file. */
static lml_status read_path(const reading *r, const lml_json_value *object, const char *key, lml_json_presence presence,
                            char **path, lml_error *error) {
  const char *value = NULL;
  const lml_status status = lml_json_text(r->document, object, key, presence, &value, error);
  if (status != LML_OK || value == NULL) return status;
  if (value[0] == '\0') return lml_json_fail(r->document, object, key, error, "must not be empty");
  char *beside = lml_path_beside(r->path, value, error);
  if (beside == NULL) return LML_ERR_MEMORY;
  lml_free(*path);
  *path = beside;
  return LML_OK;
}

static lml_status read_text(const reading *r, const lml_json_value *object, const char *key, char **text,
                            lml_error *error) {
  const char *value = NULL;
  const lml_status status = lml_json_text(r->document, object, key, LML_JSON_OPTIONAL, &value, error);
  if (status != LML_OK || value == NULL) return status;
  return (*text = lml_strdup(value, error)) == NULL ? LML_ERR_MEMORY : LML_OK;
}

static lml_status read_positive(const reading *r, const lml_json_value *object, const char *key, double *value,
                                lml_error *error) {
  const lml_status status = lml_json_number(r->document, object, key, LML_JSON_OPTIONAL, value, error);
  if (status != LML_OK || *value >= 0.0) return status;
  return lml_json_fail(r->document, object, key, error, "must not be negative");
}

/** One of @p count names into an enumeration that begins at 0. */
static lml_status read_choice(const reading *r, const lml_json_value *object, const char *key, const char *const *names,
                              size_t count, void *choice, lml_error *error) {
  int *value = choice;
  size_t index = (size_t)*value;
  const lml_status status = lml_json_choice(r->document, object, key, LML_JSON_OPTIONAL, names, count, &index, error);
  *value = (int)index;
  return status;
}

/* ---- its objects ---- */

/** Without the key the terms stay unstated, which has no name. */
static lml_status read_fixed_terms(const reading *r, const lml_json_value *object, lml_error *error) {
  size_t choice = 0;
  if (!lml_json_has(object, "fixed_terms")) return LML_OK;
  const lml_status status =
      lml_json_choice(r->document, object, "fixed_terms", LML_JSON_REQUIRED, lml_fixed_terms_names, 2, &choice, error);
  r->options->fixed_terms = choice == 0 ? LML_FIXED_TERMS_NONE : LML_FIXED_TERMS_SNAP;
  return status;
}

static lml_status read_start(const reading *r, const lml_json_value *object, lml_error *error) {
  static const char *const keys[] = {"file", "parameters", "fixed_terms", "zero"};
  lml_retrain_options *options = r->options;
  bool zero = options->origin == LML_ORIGIN_ZERO;
  lml_status status = lml_json_check_keys(r->document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = read_path(r, object, "file", LML_JSON_REQUIRED, &options->start, error);
  if (status == LML_OK) status = read_path(r, object, "parameters", LML_JSON_OPTIONAL, &options->parameters, error);
  if (status == LML_OK) status = read_fixed_terms(r, object, error);
  if (status == LML_OK) status = lml_json_logical(r->document, object, "zero", LML_JSON_OPTIONAL, &zero, error);
  options->origin = zero ? LML_ORIGIN_ZERO : LML_ORIGIN_START;
  return status;
}

/** Fail where a set has a key that is of no use to it. */
static lml_status check_set(const reading *r, const lml_json_value *object, const lml_dataset *set, lml_error *error) {
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
      return lml_json_fail(r->document, object, rules[i].key, error, "%s", rules[i].reason);
  return LML_OK;
}

/** How frames and rows are weighed; of a matrix, its further files. */
static lml_status read_weights(const reading *r, const lml_json_value *object, lml_dataset *set, lml_error *error) {
  int frame_rows = 0;
  lml_status status = read_positive(r, object, "weight", &set->weight, error);
  if (status == LML_OK) status = read_text(r, object, "frame_weights", &set->weights, error);
  if (status == LML_OK) status = read_path(r, object, "targets", LML_JSON_OPTIONAL, &set->values, error);
  if (status == LML_OK && set->source == LML_SOURCE_MATRIX)
    status = read_path(r, object, "row_weights", LML_JSON_OPTIONAL, &set->row_weights, error);
  else if (status == LML_OK)
    status = read_text(r, object, "row_weights", &set->row_weights, error);
  if (status == LML_OK)
    status = lml_json_integer(r->document, object, "frame_rows", LML_JSON_OPTIONAL, &frame_rows, error);
  if (status == LML_OK && lml_json_has(object, "frame_rows") && frame_rows < 1)
    return lml_json_fail(r->document, object, "frame_rows", error, "must be at least 1");
  set->frame_rows = (size_t)frame_rows;
  return status;
}

/** Under which names the file has its values. */
static lml_status read_keys(const reading *r, const lml_json_value *object, lml_dataset *set, lml_error *error) {
  const lml_json_value *keys = NULL;
  lml_status status = lml_json_object(r->document, object, "keys", LML_JSON_OPTIONAL, &keys, error);
  if (status != LML_OK || keys == NULL) return status;
  status = lml_json_check_keys(r->document, keys, lml_value_names, LML_VALUE_COUNT, error);
  for (size_t k = 0; k < LML_VALUE_COUNT && status == LML_OK; k++)
    status = read_text(r, keys, lml_value_names[k], &set->keys[k], error);
  return status;
}

static lml_status read_set(const reading *r, const lml_json_value *object, lml_role role, lml_error *error) {
  static const char *const keys[] = {"file",        "quantity",         "select",           "mode",
                                     "weight",      "min_displacement", "follow",           "frame_weights",
                                     "row_weights", "targets",          "frame_rows",       "leverage",
                                     "keys",        "move_mask",        "energy_reference", "kind"};
  char *path = NULL;
  lml_dataset *set;
  bool follow = false;
  lml_status status = lml_json_check_keys(r->document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = read_path(r, object, "file", LML_JSON_REQUIRED, &path, error);
  if (status == LML_OK) status = lml_retrain_options_add(r->options, role, path, &set, error);
  lml_free(path);
  if (status != LML_OK) return status;
  status = read_choice(r, object, "quantity", lml_quantity_names, LML_QUANTITIES, &set->quantity, error);
  if (status == LML_OK) status = read_choice(r, object, "select", lml_selection_names, 4, &set->selection, error);
  if (status == LML_OK) status = read_choice(r, object, "mode", lml_hard_mode_names, 2, &set->mode, error);
  if (status == LML_OK) status = read_keys(r, object, set, error);
  if (status == LML_OK) status = read_choice(r, object, "move_mask", lml_move_mask_names, 4, &set->move_mask, error);
  if (status == LML_OK)
    status = read_choice(r, object, "energy_reference", lml_energy_reference_names, 3, &set->reference, error);
  if (status == LML_OK) status = read_choice(r, object, "kind", lml_test_kind_names, 3, &set->kind, error);
  if (status == LML_OK) status = read_weights(r, object, set, error);
  if (status == LML_OK) status = read_positive(r, object, "min_displacement", &set->min_displacement, error);
  if (status == LML_OK) status = read_positive(r, object, "leverage", &set->leverage, error);
  if (status == LML_OK) status = lml_json_logical(r->document, object, "follow", LML_JSON_OPTIONAL, &follow, error);
  if (follow) set->reading = LML_READ_FOLLOW;
  return status == LML_OK ? check_set(r, object, set, error) : status;
}

static lml_status read_sets(const reading *r, const char *key, lml_role role, lml_error *error) {
  const lml_json_value *array = NULL;
  size_t count = 0;
  lml_status status =
      lml_json_array(r->document, lml_json_root(r->document), key, LML_JSON_OPTIONAL, &array, &count, error);
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    const lml_json_value *object;
    status = lml_json_element(r->document, array, i, &object, error);
    if (status == LML_OK) status = read_set(r, object, role, error);
  }
  return status;
}

/* ---- the file ---- */

static lml_status check_format(const lml_json *document, const lml_json_value *root, lml_error *error) {
  static const char *const formats[] = {"lmlink-retrain"};
  size_t format;
  int version = 0;
  lml_status status = lml_json_choice(document, root, "format", LML_JSON_REQUIRED, formats, 1, &format, error);
  if (status == LML_OK) status = lml_json_integer(document, root, "version", LML_JSON_REQUIRED, &version, error);
  if (status != LML_OK || version == LML_RETRAIN_CONFIG_VERSION) return status;
  return lml_json_fail(document, root, "version", error, "version %d is not known; this lmlink reads version %d",
                       version, LML_RETRAIN_CONFIG_VERSION);
}

static lml_status read_lambdas(const reading *r, const lml_json_value *root, const char *key, double **values,
                               size_t *count, lml_error *error) {
  const lml_status status = lml_json_numbers(r->document, root, key, LML_JSON_OPTIONAL, values, count, error);
  for (size_t i = 0; i < *count && status == LML_OK; i++)
    if (!((*values)[i] >= 0.0)) return lml_json_fail(r->document, root, key, error, "must not be negative");
  return status;
}

/** A path of factors, or an object with one for each degree. */
static lml_status read_ridge_scale(const reading *r, const lml_json_value *root, lml_error *error) {
  const char *key = "lambda_ridge_scale";
  const lml_json_value *object = NULL;
  lml_ridge_scale *scale = &r->options->ridge_scale;
  if (!lml_json_is_object(root, key)) return read_path(r, root, key, LML_JSON_OPTIONAL, &scale->path, error);
  lml_status status = lml_json_object(r->document, root, key, LML_JSON_REQUIRED, &object, error);
  if (status == LML_OK) status = lml_json_check_keys(r->document, object, lml_degree_names, LML_DEGREES, error);
  for (size_t k = 0; k < LML_DEGREES && status == LML_OK; k++)
    status = read_positive(r, object, lml_degree_names[k], &scale->degrees[k], error);
  return status;
}

/** true, or an object that says how. */
static lml_status read_search(const reading *r, const lml_json_value *root, lml_error *error) {
  static const char *const keys[] = {"trials", "tolerance"};
  lml_search_options *search = &r->options->search;
  const lml_json_value *object = NULL;
  bool wanted = false;
  int trials = LML_SEARCH_TRIALS;
  if (!lml_json_is_object(root, "search")) {
    const lml_status status = lml_json_logical(r->document, root, "search", LML_JSON_OPTIONAL, &wanted, error);
    search->trials = wanted ? LML_SEARCH_TRIALS : 0;
    return status;
  }
  lml_status status = lml_json_object(r->document, root, "search", LML_JSON_REQUIRED, &object, error);
  if (status == LML_OK) status = lml_json_check_keys(r->document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = lml_json_integer(r->document, object, "trials", LML_JSON_OPTIONAL, &trials, error);
  if (status == LML_OK) status = read_positive(r, object, "tolerance", &search->tolerance, error);
  if (status == LML_OK && trials < 1) return lml_json_fail(r->document, object, "trials", error, "must be at least 1");
  search->trials = (size_t)trials;
  return status;
}

static lml_status read_solution(const reading *r, const lml_json_value *root, lml_error *error) {
  static const char *const forms[] = {"quadratic", "linear"}, *const methods[] = {"auto", "cholesky", "qr"};
  lml_retrain_options *options = r->options;
  int folds = (int)options->folds, every = (int)options->every;
  lml_status status = read_lambdas(r, root, "lambda_soft", &options->lambda_soft, &options->nlambda_soft, error);
  if (status == LML_OK)
    status = read_lambdas(r, root, "lambda_ridge", &options->lambda_ridge, &options->nlambda_ridge, error);
  if (status == LML_OK) status = read_ridge_scale(r, root, error);
  if (status == LML_OK) status = read_positive(r, root, "soft_limit", &options->soft_limit, error);
  if (status == LML_OK) status = read_text(r, root, "fold_groups", &options->fold_groups, error);
  if (status == LML_OK) status = read_search(r, root, error);
  if (status == LML_OK) status = read_choice(r, root, "form", forms, 2, &options->form, error);
  if (status == LML_OK) status = read_choice(r, root, "method", methods, 3, &options->method, error);
  if (status == LML_OK) status = read_choice(r, root, "sums", lml_sums_names, 2, &options->sums, error);
  if (status == LML_OK) status = lml_json_integer(r->document, root, "folds", LML_JSON_OPTIONAL, &folds, error);
  if (status == LML_OK && lml_json_has(root, "folds") && (folds < 2 || folds > 1000))
    return lml_json_fail(r->document, root, "folds", error, "must be from 2 to 1000");
  options->folds = (size_t)folds;
  if (status == LML_OK) status = lml_json_integer(r->document, root, "every", LML_JSON_OPTIONAL, &every, error);
  if (status == LML_OK && lml_json_has(root, "every") && every < 1)
    return lml_json_fail(r->document, root, "every", error, "must be at least 1");
  options->every = (size_t)every;
  lml_constraint_options *constraints = &options->constraints;
  if (status == LML_OK) status = read_positive(r, root, "hard_tolerance", &constraints->keep_tolerance, error);
  if (status == LML_OK) status = read_positive(r, root, "set_tolerance", &constraints->set_tolerance, error);
  if (status == LML_OK) status = read_positive(r, root, "set_deviation", &constraints->set_deviation, error);
  return status;
}

/** How frames are grouped, and what groups weigh. */
static lml_status read_groups(const reading *r, const lml_json_value *root, lml_error *error) {
  lml_config_groups *groups = &r->options->groups;
  const lml_json_value *weights = NULL;
  lml_status status = read_text(r, root, "group_key", &groups->key, error);
  if (status == LML_OK)
    status = lml_json_object(r->document, root, "group_weights", LML_JSON_OPTIONAL, &weights, error);
  if (status != LML_OK || weights == NULL) return status;
  const char *name;
  for (size_t k = 0; (name = lml_json_member(weights, k)) != NULL && status == LML_OK; k++) {
    const size_t before = groups->count;
    double weight = 1.0;
    status = read_positive(r, weights, name, &weight, error);
    if (status == LML_OK) status = lml_config_groups_weigh(groups, name, weight, error);
    if (status == LML_OK && groups->count == before)
      return lml_json_fail(r->document, weights, name, error, "is given twice");
  }
  return status;
}

static lml_status read_root(const reading *r, lml_error *error) {
  static const char *const keys[] = {"format",        "version",    "start",          "targets",
                                     "hard",          "soft",       "test",           "lambda_soft",
                                     "lambda_ridge",  "folds",      "hard_tolerance", "set_tolerance",
                                     "set_deviation", "form",       "method",         "output",
                                     "report",        "overwrite",  "every",          "lambda_ridge_scale",
                                     "search",        "cache",      "sums",           "group_key",
                                     "group_weights", "soft_limit", "fold_groups"};
  const lml_json_value *root = lml_json_root(r->document), *start = NULL;
  bool overwrite = false;
  /* The version first: another one may have other keys. */
  lml_status status = check_format(r->document, root, error);
  if (status == LML_OK) status = lml_json_check_keys(r->document, root, keys, COUNT(keys), error);
  if (status == LML_OK) status = lml_json_object(r->document, root, "start", LML_JSON_OPTIONAL, &start, error);
  if (status == LML_OK && start != NULL) status = read_start(r, start, error);
  if (status == LML_OK) status = read_sets(r, "targets", LML_ROLE_TARGET, error);
  if (status == LML_OK) status = read_sets(r, "hard", LML_ROLE_HARD, error);
  if (status == LML_OK) status = read_sets(r, "soft", LML_ROLE_SOFT, error);
  if (status == LML_OK) status = read_sets(r, "test", LML_ROLE_TEST, error);
  if (status == LML_OK) status = read_groups(r, root, error);
  if (status == LML_OK) status = read_solution(r, root, error);
  if (status == LML_OK) status = read_path(r, root, "output", LML_JSON_OPTIONAL, &r->options->output, error);
  if (status == LML_OK) status = read_path(r, root, "report", LML_JSON_OPTIONAL, &r->options->report, error);
  if (status == LML_OK) status = read_path(r, root, "cache", LML_JSON_OPTIONAL, &r->options->cache, error);
  if (status == LML_OK) status = lml_json_logical(r->document, root, "overwrite", LML_JSON_OPTIONAL, &overwrite, error);
  r->options->existing = overwrite ? LML_EXISTING_OVERWRITE : LML_EXISTING_REFUSE;
  return status;
}

lml_status lml_retrain_config_read(const char *path, lml_retrain_options *options, lml_error *error) {
  char *text;
  size_t length;
  lml_json *document = NULL;
  lml_status status = lml_file_read(path, &text, &length, error);
  if (status != LML_OK) return status;
  status = lml_json_parse(text, length, path, &document, error);
  lml_free(text);
  const reading r = {document, path, options};
  if (status == LML_OK) status = read_root(&r, error);
  if (status == LML_OK && (options->configuration = lml_strdup(path, error)) == NULL) status = LML_ERR_MEMORY;
  lml_json_free(document);
  return status;
}
