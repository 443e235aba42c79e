#include "programs/serve_options.h"

#include "base/fail.h"
#include "base/memory.h"
#include "calculator/result_names.h"

static const lml_option options[] = {
    {.name = "potential",
     .value = "FILE",
     .help = "The potential: a LAMMPS .snap, .mod or .mliap file with its pair_style and pair_coeff lines, a "
             ".snapcoeff or a "
             ".uf3 file."},
    {.name = "parameters",
     .value = "FILE",
     .help = "The .snapparam file of a .snapcoeff file; by default the one of the same name beside it."},
    {.name = "fixed-terms",
     .value = "TERMS",
     .choices = lml_fixed_terms_names,
     .help = "For a .snapcoeff file whose neighbour .snap or .mod file adds ZBL: none leaves it away, snap adds it."},
    {.name = "structure",
     .value = "FILE",
     .help = "Extended XYZ file whose first frame says species and periodicity, which the protocol does not send. Not "
             "needed where the potential has one element."},
    {.name = "driver", .value = "ADDRESS", .help = "Where the driver listens: unix:NAME, or HOST:PORT."},
    {.name = "socket-prefix",
     .value = "TEXT",
     .help = "What stands in front of NAME in a unix socket's path; by default /tmp/ipi_, as i-PI and ASE have it."},
    {.name = "wait",
     .value = "SECONDS",
     .help = "How long to wait for a driver that is not up yet; 0 tries once. By default there is no limit."},
    {.name = "driver-user",
     .value = "WHOSE",
     .choices = lml_driver_user_names,
     .help = "Whose driver is served at a unix socket: own (the default), that of the user who starts the server, or "
             "root's; or any."},
    {.name = "reconnect", .help = "Wait for the next driver when one has gone."},
    {.name = "reinit",
     .help = "Ask for an INIT before each evaluation, so that its replica is always known. i-PI names it in INIT "
             "alone."},
    {.name = "extras",
     .value = "WHAT",
     .choices = lml_extras_names,
     .help = "What is sent beside energy, forces and virial: none, or json, one object in every reply."},
    {.name = "results",
     .value = "NAMES",
     .help = "Results of each evaluation beside energy, forces and virial, for the extras and the force log: names "
             "with commas between them, such as energies."},
    {.name = "log", .value = "FILE", .help = "Append each evaluation, with its forces, to this extended XYZ file."},
    {.name = "log-level",
     .value = "LEVEL",
     .choices = lml_log_level_names,
     .help = "How much is told on stderr: quiet, error (the default; what is served, and what went wrong), info (a "
             "line per evaluation), debug."},
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
    .options = options,
    .noptions = sizeof options / sizeof options[0],
    .positional_min = 0,
    .positional_max = 1,
    .positional = "the configuration file",
};

static lml_status apply_text(const lml_arguments *arguments, const char *name, char **text, lml_error *error) {
  const char *value = lml_arguments_text(arguments, name, 0);
  return value == NULL ? LML_OK : lml_config_set_text(text, value, error);
}

static lml_status apply_texts(const lml_arguments *arguments, lml_serve_config *config, lml_error *error) {
  const struct {
    const char *name;
    char **text;
  } texts[] = {
      {"potential", &config->calculator.potential},
      {"parameters", &config->calculator.parameters},
      {"structure", &config->structure},
      {"driver", &config->driver.address},
      {"socket-prefix", &config->driver.socket_prefix},
      {"log", &config->force_log.file},
  };
  lml_status status = LML_OK;
  for (size_t i = 0; status == LML_OK && i < sizeof texts / sizeof texts[0]; i++)
    status = apply_text(arguments, texts[i].name, texts[i].text, error);
  return status;
}

static lml_status apply_wait(const lml_arguments *arguments, double *wait, lml_error *error) {
  if (lml_arguments_count(arguments, "wait") == 0) return LML_OK;
  double seconds = 0.0;
  const lml_status status = lml_arguments_real(arguments, "wait", &seconds, error);
  if (status != LML_OK) return status;
  if (seconds < 0.0)
    return lml_fail(error, LML_ERR_USAGE, "--wait '%s' is negative: leave it out to wait without limit",
                    lml_arguments_text(arguments, "wait", 0));
  *wait = seconds;
  return LML_OK;
}

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
       lml_arguments_count(arguments, "fixed-terms") > 0))
    return lml_fail(error, LML_ERR_USAGE,
                    "--potential, --parameters and --fixed-terms are for the linear calculator; the one configured is "
                    "%s",
                    lml_calculator_type_names[config->calculator.type]);
  if (lml_arguments_count(arguments, "potential") > 0) forget_potential(&config->calculator);
  if (status == LML_OK) status = apply_texts(arguments, config, error);
  if (status == LML_OK) status = apply_wait(arguments, &config->driver.wait, error);
  long index = config->index;
  if (status == LML_OK) status = lml_arguments_integer(arguments, "index", 0, 1000000, &index, error);
  if (status == LML_OK) status = apply_results(arguments, &config->results, error);
  if (status != LML_OK) return status;
  config->index = (unsigned)index;

  const size_t terms = lml_arguments_choice(arguments, "fixed-terms", 2);
  if (terms < 2) config->calculator.fixed_terms = terms == 0 ? LML_FIXED_TERMS_NONE : LML_FIXED_TERMS_SNAP;
  config->extras = (lml_session_extras)lml_arguments_choice(arguments, "extras", config->extras);
  config->log_level = (lml_log_level)lml_arguments_choice(arguments, "log-level", config->log_level);
  config->driver.user = (lml_ipi_trust)lml_arguments_choice(arguments, "driver-user", config->driver.user);
  if (lml_arguments_count(arguments, "reconnect") > 0) config->driver.reconnect = true;
  if (lml_arguments_count(arguments, "reinit") > 0) config->driver.reinit = true;
  if (lml_arguments_count(arguments, "check") > 0) config->force_log.reading = LML_RECORDER_READS_ALL;
  return lml_serve_config_check(config, error);
}
