#include "retrain/options.h"

#include "base/fail.h"
#include "base/memory.h"

const char *const lml_lambda_names[] = {"lambda_soft", "lambda_ridge", NULL};
const char *const lml_sums_names[] = {"auto", "exact", NULL};

void lml_retrain_options_init(lml_retrain_options *options) {
  *options = (lml_retrain_options){
      .poll = 0.5, .search.tolerance = 0.05, .soft_limit = LML_SOFT_LIMIT, .uncertainty.rank = LML_UNCERTAINTY_RANK};
  for (size_t k = 0; k < LML_DEGREES; k++) options->ridge_scale.degrees[k] = 1.0;
}

void lml_retrain_options_free(lml_retrain_options *options) {
  for (size_t s = 0; s < options->nsets; s++) lml_dataset_free(&options->sets[s]);
  for (size_t s = 0; s < options->uncertainty.nfrom; s++) lml_dataset_free(&options->uncertainty.from[s]);
  lml_free(options->uncertainty.from);
  lml_free(options->sets);
  lml_config_groups_free(&options->groups);
  lml_free(options->configuration);
  lml_free(options->start);
  lml_free(options->parameters);
  lml_free(options->lambda_soft);
  lml_free(options->lambda_ridge);
  lml_free(options->ridge_scale.path);
  lml_free(options->fold_groups);
  lml_free(options->output);
  lml_free(options->report);
  lml_free(options->cache);
  lml_retrain_options_init(options);
}

lml_status lml_retrain_options_add(lml_retrain_options *options, lml_role role, const char *path, lml_dataset **set,
                                   lml_error *error) {
  const lml_status status = lml_grow(&options->sets, &options->sets_capacity, options->nsets + 1, sizeof *options->sets,
                                     "the structure files", error);
  if (status != LML_OK) return status;
  *set = &options->sets[options->nsets];
  **set = (lml_dataset){.role = role,
                        .quantity = role == LML_ROLE_HARD ? LML_QUANTITY_ENERGY : LML_QUANTITY_FORCES,
                        .selection = role == LML_ROLE_SOFT || role == LML_ROLE_HARD ? LML_SELECT_ALL : LML_SELECT_LOG,
                        .weight = 1.0,
                        .source = lml_source_of_path(path),
                        .path = lml_strdup(path, error)};
  if ((*set)->path == NULL) return LML_ERR_MEMORY;
  options->nsets++;
  return LML_OK;
}

lml_status lml_retrain_options_add_from(lml_retrain_options *options, const char *path, lml_error *error) {
  lml_uncertainty_options *to = &options->uncertainty;
  if (lml_source_of_path(path) != LML_SOURCE_STRUCTURES)
    return lml_fail(error, LML_ERR_USAGE, "--uncertainty-from %s: distances are of atoms: name a file of structures",
                    path);
  const lml_status status =
      lml_grow(&to->from, &to->from_capacity, to->nfrom + 1, sizeof *to->from, "the structure files", error);
  if (status != LML_OK) return status;
  to->from[to->nfrom] = (lml_dataset){.role = LML_ROLE_SOFT,
                                      .quantity = LML_QUANTITY_FORCES,
                                      .selection = LML_SELECT_ALL,
                                      .weight = 1.0,
                                      .path = lml_strdup(path, error)};
  if (to->from[to->nfrom].path == NULL) return LML_ERR_MEMORY;
  to->nfrom++;
  return LML_OK;
}

static size_t count_role(const lml_retrain_options *options, lml_role role) {
  size_t count = 0;
  for (size_t s = 0; s < options->nsets; s++) count += options->sets[s].role == role;
  return count;
}

lml_dataset *lml_retrain_followed(const lml_retrain_options *options) {
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].reading == LML_READ_FOLLOW) return &options->sets[s];
  return NULL;
}

/** Leverages are judged with the ridge penalty as prior. */
static lml_status check_leverage(const lml_retrain_options *options, lml_error *error) {
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].leverage > 0.0 && (options->nlambda_ridge == 0 || options->lambda_ridge[0] == 0.0))
      return lml_fail(error, LML_ERR_USAGE,
                      "%s: leverages are relative to a ridge penalty: give --lambda-ridge, whose first value counts",
                      options->sets[s].path);
  return LML_OK;
}

static lml_status check_followed(const lml_retrain_options *options, lml_error *error) {
  const lml_dataset *followed = lml_retrain_followed(options);
  if (followed == NULL) {
    if (options->every == 0) return LML_OK;
    return lml_fail(error, LML_ERR_USAGE, "--every is of use with --follow alone");
  }
  for (size_t s = 0; s < options->nsets; s++)
    if (options->sets[s].reading == LML_READ_FOLLOW && &options->sets[s] != followed)
      return lml_fail(error, LML_ERR_USAGE, "one file can be followed, not both %s and %s", followed->path,
                      options->sets[s].path);
  if (followed->selection != LML_SELECT_LOG && followed->selection != LML_SELECT_QM)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: with --follow only forces of the quantum code are targets: omit --select %s", followed->path,
                    lml_selection_names[followed->selection]);
  if (options->folds > 0)
    return lml_fail(error, LML_ERR_USAGE, "--folds needs all frames at once: with --follow, give --test FILE");
  return LML_OK;
}

/** Whether λ_S makes a difference. */
static bool has_soft(const lml_retrain_options *options) { return count_role(options, LML_ROLE_SOFT) > 0; }

bool lml_retrain_searches_soft(const lml_retrain_options *options) {
  return options->nlambda_soft == 0 && has_soft(options);
}

bool lml_retrain_chooses(const lml_retrain_options *options) {
  return options->nlambda_soft > 1 || options->nlambda_ridge != 1 || options->search.trials > 0 ||
         lml_retrain_searches_soft(options);
}

size_t lml_retrain_trials(const lml_retrain_options *options) {
  if (options->search.trials > 0) return options->search.trials;
  return options->nlambda_ridge == 0 || lml_retrain_searches_soft(options) ? LML_CHOICE_TRIALS : 0;
}

size_t lml_retrain_most_folds(const lml_retrain_options *options) {
  const bool chooses = lml_retrain_chooses(options) && lml_retrain_followed(options) == NULL;
  if (options->folds > 0) return options->folds;
  return chooses || options->uncertainty.kind != LML_UNCERTAINTY_NONE ? LML_FOLDS : 0;
}

bool lml_retrain_describes(const lml_retrain_options *options) {
  return options->nsets == 0 && options->uncertainty.nfrom > 0;
}

static bool has_zero(const double *values, size_t count) {
  for (size_t k = 0; k < count; k++)
    if (values[k] == 0.0) return true;
  return false;
}

/** A search needs a λ that is not fixed, logarithms, and trials enough for its grid. */
static lml_status check_search(const lml_retrain_options *options, lml_error *error) {
  const size_t nsoft = !has_soft(options) ? 1 : options->nlambda_soft > 0 ? options->nlambda_soft : LML_GRID_SOFT;
  const size_t nridge = options->nlambda_ridge > 0 ? options->nlambda_ridge : LML_GRID_RIDGE;
  const size_t trials = lml_retrain_trials(options);
  if (trials == 0) return LML_OK;
  if (nsoft * nridge == 1)
    return lml_fail(error, LML_ERR_USAGE,
                    "--search has nothing to search: a lambda with one value is fixed; give several values of one, or "
                    "none");
  if ((nsoft > 1 && has_zero(options->lambda_soft, options->nlambda_soft)) ||
      (nridge > 1 && has_zero(options->lambda_ridge, options->nlambda_ridge)))
    return lml_fail(error, LML_ERR_USAGE,
                    "--search looks along powers of ten: 0 can't be among the values of a lambda");
  if (trials >= nsoft * nridge) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "--search-trials %zu: the grid that the search begins with has %zu pairs",
                  trials, nsoft * nridge);
}

static lml_status check_choice(const lml_retrain_options *options, lml_error *error) {
  if (lml_retrain_chooses(options) && lml_retrain_followed(options) != NULL && count_role(options, LML_ROLE_TEST) == 0)
    return lml_fail(error, LML_ERR_USAGE,
                    "with --follow there is nothing to choose lambdas by: give --lambda-ridge%s, as a run without "
                    "--follow chooses them, or --test FILE",
                    has_soft(options) ? " and --lambda-soft" : "");
  if (options->folds == 1)
    return lml_fail(error, LML_ERR_USAGE, "one fold leaves no frame to train on: --folds must be at least 2");
  return check_search(options, error);
}

static lml_status check_uncertainty(const lml_retrain_options *options, lml_error *error) {
  const lml_uncertainty_options *wanted = &options->uncertainty;
  if (lml_retrain_describes(options) && wanted->kind != LML_UNCERTAINTY_NONE)
    return lml_fail(error, LML_ERR_USAGE,
                    "--uncertainty %s is found from targets: give --targets FILE, or --uncertainty-from alone for the "
                    "distance of the starting potential",
                    lml_uncertainty_names[wanted->kind]);
  return LML_OK;
}

lml_status lml_retrain_options_check(const lml_retrain_options *options, lml_error *error) {
  if (options->start == NULL)
    return lml_fail(error, LML_ERR_USAGE, "no starting potential: give a configuration file, or --start FILE");
  lml_status status = check_uncertainty(options, error);
  if (status != LML_OK || lml_retrain_describes(options)) return status;
  if (options->output == NULL) return lml_fail(error, LML_ERR_USAGE, "no output: give --output NEW.snapcoeff");
  if (count_role(options, LML_ROLE_TARGET) == 0)
    return lml_fail(error, LML_ERR_USAGE, "no targets: give --targets FILE, a force log or extended XYZ with forces");
  if (!(options->soft_limit > 0.0)) return lml_fail(error, LML_ERR_USAGE, "--soft-limit must be above 0 (eV/A)");
  status = check_followed(options, error);
  if (status == LML_OK) status = check_choice(options, error);
  return status == LML_OK ? check_leverage(options, error) : status;
}
