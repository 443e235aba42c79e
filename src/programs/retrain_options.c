#include "programs/retrain_options.h"

#include <math.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "programs/config.h"
#include "programs/retrain_config.h"

static const char *const methods[] = {"auto", "cholesky", "qr", NULL};
static const char *const forms[] = {"quadratic", "linear", NULL};

static const lml_option table[] = {
    {.name = "start",
     .value = "FILE",
     .help = "The starting potential: a LAMMPS .snap file with its pair_style and pair_coeff lines, or a .snapcoeff "
             "file."},
    {.name = "parameters",
     .value = "FILE",
     .help = "The .snapparam file of a .snapcoeff file; by default the one of the same name beside it."},
    {.name = "fixed-terms",
     .value = "TERMS",
     .choices = lml_fixed_terms_names,
     .help = "For a .snapcoeff file whose neighbour .snap file adds ZBL: none leaves it away, snap adds it."},
    {.name = "form",
     .value = "FORM",
     .choices = forms,
     .help = "What is trained: quadratic (the default; a linear start is extended by coefficients that are zero at "
             "first), or linear."},
    {.name = "from-scratch",
     .help = "Begin from zero coefficients: of the starting potential, the descriptors and the fixed terms count "
             "alone."},
    {.name = "targets",
     .value = "FILE",
     .times = LML_OPTION_MANY,
     .help =
         "Frames whose forces are to be met: force logs, or any extended XYZ with forces; or rows of a design matrix, "
         "a .npy file whose values are in the .targets.npy file beside it. May be repeated, as --hard, --hard-set, "
         "--soft and --test."},
    {.name = "select",
     .value = "ATOMS",
     .choices = lml_selection_names,
     .help = "Which atoms of the targets count: log (the default; the forces_qm of QM atoms where a frame has them, "
             "else as unfixed), all, unfixed (fix_mask is F), qm (region is QM)."},
    {.name = "follow",
     .value = "FILE",
     .help = "A force log that is being written: the quantum forces of its frames, those there are and those that are "
             "appended, are targets, and the output is written anew as they come, until SIGTERM or Ctrl-C."},
    {.name = "every", .value = "N", .help = "With --follow: write the output after each N frames, 1 by default."},
    {.name = "energy-weight",
     .value = "WEIGHT",
     .help = "Take the energies per atom of the target frames for targets too, with this weight."},
    {.name = "min-displacement",
     .value = "LENGTH",
     .help = "Leave out target frames in which no selected atom has moved this far (in A) since the last one used."},
    {.name = "leverage",
     .value = "NUMBER",
     .help =
         "Leave out target frames of which no row has more leverage than this, relative to the frames before it; 1 is "
         "where a row tells as much as all before it."},
    {.name = "hard",
     .value = "FILE",
     .times = LML_OPTION_MANY,
     .help = "Structures whose energy per atom must stay exactly as it is."},
    {.name = "hard-set",
     .value = "FILE",
     .times = LML_OPTION_MANY,
     .help = "Structures whose energy must become exactly that of the file."},
    {.name = "soft", .value = "FILE", .times = LML_OPTION_MANY, .help = "Structures whose forces shall change little."},
    {.name = "test",
     .value = "FILE",
     .times = LML_OPTION_MANY,
     .help = "Structures that are not trained on; errors on them are reported and choose among several lambdas."},
    {.name = "lambda-soft",
     .value = "LIST",
     .help = "Weight of the soft constraints, 1 by default, or several with commas between them."},
    {.name = "lambda-ridge",
     .value = "LIST",
     .help = "Weight of the ridge penalty, 0 by default, or several. Of all pairs, the one with the smallest error on "
             "the test files, or on folds, is taken."},
    {.name = "lambda-ridge-scale",
     .value = "FILE",
     .help = "A .npy vector of factors by which the ridge penalty of each coefficient is multiplied."},
    {.name = "folds",
     .value = "K",
     .help = "Choose lambdas by leaving out each K-th part of the target frames in turn, not by test files."},
    {.name = "search",
     .help = "Search for the pair of lambdas beyond a grid of values. A lambda that is given as one value is fixed; "
             "several "
             "values are the grid; without any, a grid fits the data."},
    {.name = "search-trials", .value = "N", .help = "With --search: try at most N pairs, 80 by default."},
    {.name = "hard-tolerance",
     .value = "NUMBER",
     .help = "Singular values of the hard constraints below this, relative to the largest, count as zero; by default "
             "max(m, n) times the rounding error, as NumPy's matrix_rank."},
    {.name = "method",
     .value = "METHOD",
     .choices = methods,
     .help = "cholesky: normal equations; qr: a QR factorisation of all rows, twice the time, for ill-conditioned "
             "data; auto (the default): qr where it is needed."},
    {.name = "sums",
     .value = "KIND",
     .choices = lml_sums_names,
     .help = "How target rows are summed up: auto (the default; where many of them lie nearly in a space of few "
             "dimensions, there, with a part left out that makes no difference to the result), exact (never so)."},
    {.name = "threads",
     .value = "N",
     .help = "Threads that share the frames, of each rank; by default as many as BLAS would use (the cores, or "
             "OPENBLAS_NUM_THREADS)."},
    {.name = "output",
     .value = "FILE",
     .help = "The new potential's .snapcoeff file; its .snapparam file goes beside it."},
    {.name = "report", .value = "FILE", .help = "Write a JSON report: errors, ranks, constraints, times, checksums."},
    {.name = "cache",
     .value = "FILE",
     .help = "Keep the sums over all rows in this file, and take them from it when inputs and settings are the same "
             "again."},
    {.name = "overwrite", .help = "Replace outputs that exist."},
    {.name = "log-level",
     .value = "LEVEL",
     .choices = lml_log_level_names,
     .help = "How much is told on stderr: quiet, error (warnings), info (the default; progress too), debug."},
};

const lml_command lml_retrain_command = {
    .program = "lmlink-retrain",
    .usage =
        "CONFIG.json [OPTION ...]\n--start FILE --targets FILE --output FILE [OPTION ...]\n--start FILE "
        "--follow LOG --output FILE [OPTION ...]",
    .summary =
        "Retrains a linear machine-learning potential on forces, keeping chosen properties exactly (hard "
        "constraints) or nearly (soft ones). An option counts more than the same key of the configuration "
        "file; structure files of both are used.",
    .notes =
        "Prints a table of errors before and after.\n"
        "\n"
        "Exit code: 0, 1 after an error, 2 for wrong usage.\n",
    .options = table,
    .noptions = sizeof table / sizeof table[0],
    .positional_min = 0,
    .positional_max = 1,
    .positional = "the configuration file",
};

/* ---- values ---- */

static lml_status apply_texts(const lml_arguments *arguments, lml_retrain_options *options, lml_error *error) {
  const struct {
    const char *name;
    char **text;
  } texts[] = {{"start", &options->start},   {"parameters", &options->parameters},
               {"output", &options->output}, {"report", &options->report},
               {"cache", &options->cache},   {"lambda-ridge-scale", &options->ridge_scale.path}};
  lml_status status = LML_OK;
  for (size_t i = 0; status == LML_OK && i < sizeof texts / sizeof texts[0]; i++) {
    const char *value = lml_arguments_text(arguments, texts[i].name, 0);
    if (value != NULL) status = lml_config_set_text(texts[i].text, value, error);
  }
  return status;
}

static lml_status fail_list(const char *name, const char *text, lml_error *error) {
  return lml_fail(error, LML_ERR_USAGE, "--%s '%s' must be numbers from 0 on, with commas between them", name, text);
}

/** Numbers with commas between them into a new array. */
static lml_status apply_list(const lml_arguments *arguments, const char *name, double **values, size_t *count,
                             lml_error *error) {
  const char *text = lml_arguments_text(arguments, name, 0);
  if (text == NULL) return LML_OK;
  size_t n = 1, k = 0;
  double *array;
  for (const char *c = text; *c != '\0'; c++) n += *c == ',';
  lml_status status = lml_alloc(&array, n, sizeof *array, "a list of numbers", error);
  for (const char *c = text; status == LML_OK && k < n; k++) {
    const char *begin = c;
    while (*c != ',' && *c != '\0') c++;
    const lml_token word = {begin, (size_t)(c - begin)};
    if (!lml_parse_real(lml_trim(word), &array[k]) || !(array[k] >= 0.0)) status = fail_list(name, text, error);
    if (*c == ',') c++;
  }
  if (status != LML_OK) {
    lml_free(array);
    return status;
  }
  lml_free(*values);
  *values = array;
  *count = n;
  return LML_OK;
}

static lml_status positive(const lml_arguments *arguments, const char *name, double *value, lml_error *error) {
  const lml_status status = lml_arguments_real(arguments, name, value, error);
  if (status != LML_OK || *value >= 0.0) return status;
  return lml_fail(error, LML_ERR_USAGE, "--%s '%s' is negative", name, lml_arguments_text(arguments, name, 0));
}

static lml_status apply_search(const lml_arguments *arguments, lml_search_options *search, lml_error *error) {
  long trials = search->trials > 0 ? (long)search->trials : LML_SEARCH_TRIALS;
  const lml_status status = lml_arguments_integer(arguments, "search-trials", 1, 1000000, &trials, error);
  if (lml_arguments_count(arguments, "search") > 0 || search->trials > 0)
    search->trials = (size_t)trials;
  else if (status == LML_OK && lml_arguments_count(arguments, "search-trials") > 0)
    return lml_fail(error, LML_ERR_USAGE, "--search-trials is of use with --search alone");
  return status;
}

/* ---- structure files ---- */

static lml_status add_files(const lml_arguments *arguments, const char *name, lml_role role, lml_hard_mode mode,
                            lml_retrain_options *options, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t i = 0; i < lml_arguments_count(arguments, name) && status == LML_OK; i++) {
    lml_dataset *set;
    status = lml_retrain_options_add(options, role, lml_arguments_text(arguments, name, i), &set, error);
    if (status == LML_OK) set->mode = mode;
  }
  return status;
}

/** Selection and spacing act on all targets of the command line; energies are sets of their own. */
static lml_status add_targets(const lml_arguments *arguments, lml_retrain_options *options, lml_error *error) {
  double spacing = 0.0, leverage = 0.0, energy_weight = 0.0;
  const size_t selection = lml_arguments_choice(arguments, "select", LML_SELECT_LOG), first = options->nsets;
  lml_status status = positive(arguments, "min-displacement", &spacing, error);
  if (status == LML_OK) status = positive(arguments, "leverage", &leverage, error);
  if (status == LML_OK) status = positive(arguments, "energy-weight", &energy_weight, error);
  if (status == LML_OK) status = add_files(arguments, "targets", LML_ROLE_TARGET, LML_HARD_KEEP, options, error);
  const size_t end = options->nsets;
  for (size_t s = first; s < end && status == LML_OK; s++) {
    options->sets[s].selection = (lml_selection)selection;
    options->sets[s].min_displacement = spacing;
    options->sets[s].leverage = leverage;
    if (energy_weight == 0.0 || options->sets[s].source == LML_SOURCE_MATRIX) continue;
    lml_dataset *energies;
    status = lml_retrain_options_add(options, LML_ROLE_TARGET, options->sets[s].path, &energies, error);
    if (status != LML_OK) break;
    energies->quantity = LML_QUANTITY_ENERGY;
    energies->weight = energy_weight;
    energies->min_displacement = spacing;
    energies->leverage = leverage;
  }
  return status;
}

static lml_status add_followed(const lml_arguments *arguments, lml_retrain_options *options, lml_error *error) {
  const char *path = lml_arguments_text(arguments, "follow", 0);
  lml_dataset *set;
  long every = (long)options->every;
  lml_status status = lml_arguments_integer(arguments, "every", 1, 1000000000, &every, error);
  options->every = (size_t)every;
  if (status != LML_OK || path == NULL) return status;
  status = lml_retrain_options_add(options, LML_ROLE_TARGET, path, &set, error);
  if (status != LML_OK) return status;
  set->reading = LML_READ_FOLLOW;
  set->selection = (lml_selection)lml_arguments_choice(arguments, "select", LML_SELECT_LOG);
  status = positive(arguments, "leverage", &set->leverage, error);
  return status == LML_OK ? positive(arguments, "min-displacement", &set->min_displacement, error) : status;
}

static lml_status add_all(const lml_arguments *arguments, lml_retrain_options *options, lml_error *error) {
  lml_status status = add_targets(arguments, options, error);
  if (status == LML_OK) status = add_followed(arguments, options, error);
  if (status == LML_OK) status = add_files(arguments, "hard", LML_ROLE_HARD, LML_HARD_KEEP, options, error);
  if (status == LML_OK) status = add_files(arguments, "hard-set", LML_ROLE_HARD, LML_HARD_SET, options, error);
  if (status == LML_OK) status = add_files(arguments, "soft", LML_ROLE_SOFT, LML_HARD_KEEP, options, error);
  if (status == LML_OK) status = add_files(arguments, "test", LML_ROLE_TEST, LML_HARD_KEEP, options, error);
  return status;
}

lml_status lml_retrain_options_read(const lml_arguments *arguments, lml_retrain_options *options, lml_log_level *level,
                                    lml_error *error) {
  long folds = (long)options->folds;
  lml_status status = LML_OK;
  if (arguments->npositional > 0) status = lml_retrain_config_read(arguments->positional[0], options, error);
  if (status == LML_OK) status = apply_texts(arguments, options, error);
  if (status == LML_OK)
    status = apply_list(arguments, "lambda-soft", &options->lambda_soft, &options->nlambda_soft, error);
  if (status == LML_OK)
    status = apply_list(arguments, "lambda-ridge", &options->lambda_ridge, &options->nlambda_ridge, error);
  if (status == LML_OK) folds = (long)options->folds;
  if (status == LML_OK) status = lml_arguments_integer(arguments, "folds", 2, 1000, &folds, error);
  long threads = (long)options->threads;
  if (status == LML_OK) status = lml_arguments_integer(arguments, "threads", 1, 1024, &threads, error);
  if (status == LML_OK) status = apply_search(arguments, &options->search, error);
  if (status == LML_OK) status = positive(arguments, "hard-tolerance", &options->constraints.keep_tolerance, error);
  if (status == LML_OK) status = add_all(arguments, options, error);
  if (status != LML_OK) return status;

  const size_t terms = lml_arguments_choice(arguments, "fixed-terms", 2);
  if (terms < 2) options->fixed_terms = terms == 0 ? LML_FIXED_TERMS_NONE : LML_FIXED_TERMS_SNAP;
  options->folds = (size_t)folds;
  options->threads = (size_t)threads;
  options->form = (lml_retrain_form)lml_arguments_choice(arguments, "form", options->form);
  options->method = (lml_retrain_method)lml_arguments_choice(arguments, "method", options->method);
  options->sums = (lml_sums)lml_arguments_choice(arguments, "sums", options->sums);
  if (lml_arguments_count(arguments, "from-scratch") > 0) options->origin = LML_ORIGIN_ZERO;
  if (lml_arguments_count(arguments, "overwrite") > 0) options->existing = LML_EXISTING_OVERWRITE;
  *level = (lml_log_level)lml_arguments_choice(arguments, "log-level", LML_LOG_INFO);
  return LML_OK;
}
