#include "programs/retrain_options.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "programs/retrain_config.h"

static const lml_option table[] = {
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
             "else as unfixed), all, unfixed (those that fix_mask or move_mask leaves free), qm (region is QM)."},
    {.name = "test-select",
     .value = "ATOMS",
     .choices = lml_selection_names,
     .help = "The same for --test: log by default."},
    {.name = "soft-select",
     .value = "ATOMS",
     .choices = lml_selection_names,
     .help = "The same for --soft: all by default."},
    {.name = "move-mask",
     .value = "MEANING",
     .choices = lml_move_mask_names,
     .help =
         "What T in a column move_mask stands for: auto (the default; an atom or component that is free, unless the "
         "forces contradict), free, held, ase-3.23 (free, and F F F is an atom without constraint)."},
    {.name = "energy-key",
     .value = "KEY",
     .help = "The comment line's key of energies (eV), energy by default, as the next three for files of options."},
    {.name = "forces-key", .value = "COLUMN", .help = "The column of forces (eV/A), forces_qm or forces by default."},
    {.name = "virial-key", .value = "KEY", .help = "The key of virials (eV), virial by default."},
    {.name = "stress-key", .value = "KEY", .help = "The key of stresses (eV/A^3), stress by default."},
    {.name = "follow",
     .value = "FILE",
     .help = "A force log that is being written: the quantum forces of its frames, those there are and those that are "
             "appended, are targets, and the output is rewritten as they come, until SIGTERM or Ctrl-C."},
    {.name = "forces-weight", .value = "WEIGHT", .help = "Weight of the targets' forces, 1 by default."},
    {.name = "energy-weight",
     .value = "WEIGHT",
     .help = "Take the energies per atom of the target frames for targets too, with this weight."},
    {.name = "energy-reference",
     .value = "KIND",
     .choices = lml_energy_reference_names,
     .help = "What these energies are compared with: offset (the default; the potential's and an offset of each "
             "element, which is fitted too and no part of the potential), absolute (the potential's; the default with "
             "--from-scratch)."},
    {.name = "difference-weight",
     .value = "WEIGHT",
     .help = "Take the differences of energies per atom to each target file's first frame for targets too."},
    {.name = "virial-weight",
     .value = "WEIGHT",
     .help = "Take the virials per atom of the target frames (or -volume times stress) for targets too."},
    {.name = "group-weight",
     .value = "NAME=WEIGHT",
     .times = LML_OPTION_MANY,
     .help = "A further weight of the frames of a group. May be repeated."},
    {.name = "min-displacement",
     .value = "LENGTH",
     .help = "Omit target frames in which no selected atom has moved this far (in A) since the last one used."},
    {.name = "leverage",
     .value = "NUMBER",
     .help = "Omit target frames of which no row has more leverage than this, relative to the frames before it; 1 is "
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
     .help = "Structures that are not trained on; errors on them are reported, and lambdas chosen by them. A file with "
             "the starting potential's own forces, or none, watches how much forces change instead."},
    {.name = "soft-test",
     .value = "FILE",
     .times = LML_OPTION_MANY,
     .help = "The same, whatever its forces are: it watches how much forces change."},
    {.name = "search",
     .help = "Search for the pair of lambdas beyond a grid of values. A lambda that is given as one value is fixed; "
             "several "
             "values are the grid; without any, a grid fits the data."},
    {.name = "search-trials", .value = "N", .help = "With --search: try at most N pairs, 80 by default."},
    {.name = "threads",
     .value = "N",
     .help = "Threads that share the frames, of each rank; by default as many as BLAS would use (the cores, or "
             "OPENBLAS_NUM_THREADS)."},
    {.name = "uncertainty-rank", .value = "K", .help = "Columns of the factor, 15 by default."},
    {.name = "uncertainty-from",
     .value = "FILE",
     .times = LML_OPTION_MANY,
     .help = "Structures that an atom's distance counts from, in place of those that are trained on. Without targets, "
             "nothing is retrained, and NAME.uncertainty.json of the start's distance is all that is written."},
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
    .keys = &lml_retrain_keys,
    .options = table,
    .noptions = sizeof table / sizeof table[0],
    .positional_min = 0,
    .positional_max = 1,
    .positional = "the configuration file",
};

/* ---- values ---- */

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

/** What all files of the command line share. */
static lml_status apply_to_set(const lml_arguments *arguments, lml_dataset *set, lml_error *error) {
  static const char *const names[LML_VALUE_COUNT] = {"energy-key", "forces-key", "virial-key", "stress-key"};
  lml_status status = LML_OK;
  if (set->source == LML_SOURCE_MATRIX) return LML_OK;
  set->move_mask = (lml_move_mask)lml_arguments_choice(arguments, "move-mask", set->move_mask);
  set->reference = (lml_energy_reference)lml_arguments_choice(arguments, "energy-reference", set->reference);
  for (size_t k = 0; k < LML_VALUE_COUNT && status == LML_OK; k++) {
    const char *key = lml_arguments_text(arguments, names[k], 0);
    if (key != NULL) status = lml_set_text(&set->keys[k], key, error);
  }
  return status;
}

static lml_status add_files(const lml_arguments *arguments, const char *name, lml_role role, lml_hard_mode mode,
                            lml_retrain_options *options, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t i = 0; i < lml_arguments_count(arguments, name) && status == LML_OK; i++) {
    lml_dataset *set;
    status = lml_retrain_options_add(options, role, lml_arguments_text(arguments, name, i), &set, error);
    if (status != LML_OK) break;
    set->mode = mode;
    status = apply_to_set(arguments, set, error);
  }
  return status;
}

/** Files whose atoms are chosen by an option of their own. */
static lml_status add_selected(const lml_arguments *arguments, const char *name, const char *select, lml_role role,
                               lml_retrain_options *options, lml_error *error) {
  const size_t first = options->nsets;
  const lml_status status = add_files(arguments, name, role, LML_HARD_KEEP, options, error);
  for (size_t s = first; s < options->nsets; s++)
    options->sets[s].selection = (lml_selection)lml_arguments_choice(arguments, select, options->sets[s].selection);
  return status;
}

/** Spacing and leverage, which act on all targets of the command line. */
static lml_status apply_thinning(const lml_arguments *arguments, lml_dataset *set, lml_error *error) {
  const lml_status status = positive(arguments, "min-displacement", &set->min_displacement, error);
  return status == LML_OK ? positive(arguments, "leverage", &set->leverage, error) : status;
}

/** Another quantity of the targets that were added from position @p first on, as sets of their own. */
static lml_status add_quantity(const lml_arguments *arguments, const char *name, lml_quantity quantity, size_t first,
                               size_t end, lml_retrain_options *options, lml_error *error) {
  double weight = 0.0;
  lml_status status = positive(arguments, name, &weight, error);
  for (size_t s = first; s < end && status == LML_OK && weight > 0.0; s++) {
    lml_dataset *set;
    if (options->sets[s].source == LML_SOURCE_MATRIX) continue;
    status = lml_retrain_options_add(options, LML_ROLE_TARGET, options->sets[s].path, &set, error);
    if (status != LML_OK) break;
    set->quantity = quantity;
    set->weight = weight;
    status = apply_to_set(arguments, set, error);
    if (status == LML_OK) status = apply_thinning(arguments, set, error);
  }
  return status;
}

static lml_status add_targets(const lml_arguments *arguments, lml_retrain_options *options, lml_error *error) {
  static const struct {
    const char *weight;
    lml_quantity quantity;
  } others[] = {{"energy-weight", LML_QUANTITY_ENERGY},
                {"difference-weight", LML_QUANTITY_DIFFERENCE},
                {"virial-weight", LML_QUANTITY_VIRIAL}};
  const size_t first = options->nsets;
  lml_status status = add_selected(arguments, "targets", "select", LML_ROLE_TARGET, options, error);
  const size_t end = options->nsets;
  for (size_t s = first; s < end && status == LML_OK; s++) {
    status = apply_thinning(arguments, &options->sets[s], error);
    if (status == LML_OK) status = positive(arguments, "forces-weight", &options->sets[s].weight, error);
  }
  for (size_t k = 0; k < sizeof others / sizeof *others && status == LML_OK; k++)
    status = add_quantity(arguments, others[k].weight, others[k].quantity, first, end, options, error);
  return status;
}

static lml_status add_followed(const lml_arguments *arguments, lml_retrain_options *options, lml_error *error) {
  const char *path = lml_arguments_text(arguments, "follow", 0);
  lml_dataset *set;
  if (path == NULL) return LML_OK;
  lml_status status = lml_retrain_options_add(options, LML_ROLE_TARGET, path, &set, error);
  if (status != LML_OK) return status;
  set->reading = LML_READ_FOLLOW;
  set->selection = (lml_selection)lml_arguments_choice(arguments, "select", LML_SELECT_LOG);
  status = apply_to_set(arguments, set, error);
  if (status == LML_OK) status = positive(arguments, "forces-weight", &set->weight, error);
  return status == LML_OK ? apply_thinning(arguments, set, error) : status;
}

static lml_status apply_groups(const lml_arguments *arguments, lml_config_groups *groups, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t i = 0; i < lml_arguments_count(arguments, "group-weight") && status == LML_OK; i++) {
    const char *text = lml_arguments_text(arguments, "group-weight", i), *sign = strrchr(text, '=');
    double weight = -1.0;
    char *name;
    if (sign == NULL || sign == text || !lml_parse_real(lml_token_of(sign + 1), &weight) || !(weight >= 0.0))
      return lml_fail(error, LML_ERR_USAGE, "--group-weight '%s' must be NAME=WEIGHT, the weight 0 or more", text);
    if ((name = lml_strdup(text, error)) == NULL) return LML_ERR_MEMORY;
    name[sign - text] = '\0';
    status = lml_config_groups_weigh(groups, name, weight, error);
    lml_free(name);
  }
  return status;
}

static lml_status apply_uncertainty(const lml_arguments *arguments, lml_retrain_options *options, lml_error *error) {
  static const char name[] = "uncertainty-from";
  lml_uncertainty_options *to = &options->uncertainty;
  long rank = (long)to->rank;
  lml_status status = lml_arguments_integer(arguments, "uncertainty-rank", 1, 1000, &rank, error);
  to->rank = (size_t)rank;
  for (size_t i = 0; i < lml_arguments_count(arguments, name) && status == LML_OK; i++)
    status = lml_retrain_options_add_from(options, lml_arguments_text(arguments, name, i), error);
  return status;
}

static lml_status add_all(const lml_arguments *arguments, lml_retrain_options *options, lml_error *error) {
  lml_status status = add_targets(arguments, options, error);
  if (status == LML_OK) status = add_followed(arguments, options, error);
  if (status == LML_OK) status = add_files(arguments, "hard", LML_ROLE_HARD, LML_HARD_KEEP, options, error);
  if (status == LML_OK) status = add_files(arguments, "hard-set", LML_ROLE_HARD, LML_HARD_SET, options, error);
  if (status == LML_OK) status = add_selected(arguments, "soft", "soft-select", LML_ROLE_SOFT, options, error);
  if (status == LML_OK) status = add_selected(arguments, "test", "test-select", LML_ROLE_TEST, options, error);
  const size_t first = options->nsets;
  if (status == LML_OK) status = add_selected(arguments, "soft-test", "soft-select", LML_ROLE_TEST, options, error);
  for (size_t s = first; s < options->nsets; s++) options->sets[s].kind = LML_TEST_SOFT;
  return status == LML_OK ? apply_groups(arguments, &options->groups, error) : status;
}

lml_status lml_retrain_options_read(const lml_arguments *arguments, lml_retrain_options *options, lml_log_level *level,
                                    lml_error *error) {
  lml_status status = LML_OK;
  if (arguments->npositional > 0) status = lml_retrain_config_read(arguments->positional[0], options, error);
  if (status == LML_OK) status = lml_arguments_apply(arguments, options, error);
  long threads = (long)options->threads;
  if (status == LML_OK) status = lml_arguments_integer(arguments, "threads", 1, 1024, &threads, error);
  options->threads = (size_t)threads;
  if (status == LML_OK) status = apply_search(arguments, &options->search, error);
  if (status == LML_OK) status = apply_uncertainty(arguments, options, error);
  if (status == LML_OK) status = add_all(arguments, options, error);
  *level = (lml_log_level)lml_arguments_choice(arguments, "log-level", LML_LOG_INFO);
  return status;
}
