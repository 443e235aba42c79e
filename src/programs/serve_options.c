#include "programs/serve_options.h"

#include "base/fail.h"
#include "base/memory.h"
#include "calculator/result_names.h"

static const lml_option options[] = {
    {.name = "results",
     .value = "NAMES",
     .help = "Results of each evaluation beside energy, forces and virial, for the extras and the force log: names "
             "with commas between them, such as energies."},
    {.name = "index",
     .value = "N",
     .help = "What {index} stands for in the addresses, in the force log's name and in an engine's launch, folder and "
             "output, so that several servers can use one configuration; by default 0."},
    {.name = "check",
     .help = "Read everything, print what would be served, and exit. For a mixture, also write the structure with its "
             "regions, and each cluster, to extended XYZ files in the working directory."},
    {.name = "compare",
     .value = "FILE",
     .help = "With --check of a mixture: compare lattice and elastic constants of the cubic crystal cell in this "
             "extended XYZ file on both sides, and warn where they differ by more than 1 %."},
};

const lml_command lml_serve_command = {
    .program = "lmlink-serve",
    .usage = "CONFIG.json [OPTION ...]\n--potential FILE --driver ADDRESS [OPTION ...]",
    .summary =
        "Serves energy, forces and virial of a potential to a driver such as ASE or i-PI, over the i-PI socket "
        "protocol. An option counts more than the same key of the configuration file.",
    .notes =
        "Exit code: 0 when the driver has ended the conversation, 1 after an error, 2 for\n"
        "wrong usage, 128 + N when stopped by signal N (130 for Ctrl-C, 143 for kill).\n",
    .keys = &lml_serve_keys,
    .options = options,
    .noptions = sizeof options / sizeof options[0],
    .positional_min = 0,
    .positional_max = 1,
    .positional = "the configuration file",
};

static lml_status apply_results(const lml_arguments *arguments, lml_text_list *results, lml_error *error) {
  const char *names = lml_arguments_text(arguments, "results", 0);
  if (names == NULL) return LML_OK;
  lml_text_list_free(results);
  return lml_result_names_split(names, results, error);
}

/** Another potential than the file's brings its own parameters and terms. */
static void forget_potential(lml_calculator_config *calculator) {
  lml_free(calculator->parameters);
  calculator->parameters = NULL;
  calculator->fixed_terms = LML_FIXED_TERMS_UNSTATED;
}

lml_status lml_serve_options_read(const lml_arguments *arguments, lml_serve_config *config, lml_error *error) {
  lml_status status = LML_OK;
  if (arguments->npositional > 0) status = lml_serve_config_read(arguments->positional[0], config, error);
  if (status == LML_OK && config->calculator.type != LML_CALCULATOR_LINEAR &&
      (lml_arguments_count(arguments, "potential") > 0 || lml_arguments_count(arguments, "parameters") > 0 ||
       lml_arguments_count(arguments, "fixed-terms") > 0 || lml_arguments_count(arguments, "threads") > 0))
    return lml_fail(
        error, LML_ERR_USAGE,
        "--potential, --parameters, --fixed-terms and --threads are for the linear calculator; the one configured is "
        "%s",
        lml_calculator_type_names[config->calculator.type]);
  if (lml_arguments_count(arguments, "potential") > 0) forget_potential(&config->calculator);
  if (status == LML_OK) status = lml_arguments_apply(arguments, config, error);
  long index = config->index;
  if (status == LML_OK) status = lml_arguments_integer(arguments, "index", 0, 1000000, &index, error);
  if (status == LML_OK) status = apply_results(arguments, &config->results, error);
  if (status != LML_OK) return status;
  config->index = (unsigned)index;
  if (lml_arguments_count(arguments, "check") > 0) config->force_log.reading = LML_RECORDER_READS_ALL;
  return lml_serve_config_check(config, error);
}
