#include "programs/config.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "calculator/result_names.h"
#include "ipi_address.h"
#include "programs/config_tables.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const lml_extras_names[] = {"none", "json", "ipi-committee", NULL};
static const char *const driver_user_names[] = {"own", "any", NULL};
static const char *const format[] = {"lmlink-serve", NULL};

void lml_serve_config_init(lml_serve_config *config) {
  *config = (lml_serve_config){.driver = {.wait = -1.0}, .log_level = LML_LOG_ERROR};
}

void lml_serve_config_free(lml_serve_config *config) {
  lml_free(config->path);
  lml_free(config->structure);
  lml_calculator_config_free(&config->calculator);
  lml_free(config->driver.address);
  lml_free(config->driver.socket_prefix);
  lml_free(config->force_log.file);
  lml_text_list_free(&config->results);
  lml_serve_config_init(config);
}

/* ---- the driver ---- */

static lml_status check_address(const lml_keys_reading *reading, const lml_json_value *object, void *target,
                                lml_error *error) {
  /* With {index} in it, it is complete when the option is known. */
  const lml_driver_config *driver = &((lml_serve_config *)target)->driver;
  if (driver->address == NULL || strchr(driver->address, '{') != NULL) return LML_OK;
  lml_ipi_address address;
  lml_error reason = {0};
  if (lml_ipi_address_parse(driver->address, driver->socket_prefix, &address, &reason) == LML_OK) return LML_OK;
  return lml_json_fail(reading->document, object, "address", error, "%s", reason.message);
}

static const lml_key driver_keys[] = {
    {.name = "address",
     LML_KEY_AT(lml_serve_config, driver.address),
     .help = "where the driver listens: `unix:NAME`, `unix:/PATH`, or `HOST:PORT` (an IPv6 number in brackets); with "
             "`{index}` in it",
     .otherwise = "none: give it here, or the option",
     .option = "driver",
     .argument = "ADDRESS"},
    {.name = "socket_prefix",
     LML_KEY_AT(lml_serve_config, driver.socket_prefix),
     .help = "what stands in front of `NAME` in a unix socket's path",
     .otherwise = "`/tmp/ipi_`",
     .option = "socket-prefix",
     .argument = "TEXT"},
    {.name = "wait",
     LML_KEY_AT(lml_serve_config, driver.wait),
     .type = LML_KEY_REAL,
     .range = LML_RANGE_NOT_NEGATIVE,
     .advice = "omit it to wait without limit",
     .unit = "s",
     .help = "how long to wait for a driver that is not up yet; 0 tries once",
     .otherwise = "no limit",
     .option = "wait",
     .argument = "SECONDS"},
    {.name = "user",
     LML_KEY_AT(lml_serve_config, driver.user),
     .type = LML_KEY_CHOICE,
     .choices = driver_user_names,
     .help = "whose driver is served at a unix socket, whose name any user of the machine can take: the user's who "
             "starts the server (or root's), or anybody's",
     .option = "driver-user",
     .argument = "WHOSE"},
    {.name = "reconnect",
     LML_KEY_AT(lml_serve_config, driver.reconnect),
     .type = LML_KEY_LOGICAL,
     .help = "wait for the next driver when one has gone",
     .option = "reconnect"},
    {.name = "reinit",
     LML_KEY_AT(lml_serve_config, driver.reinit),
     .type = LML_KEY_LOGICAL,
     .help = "ask for an `INIT` before each evaluation, so that its replica (bead) is always known; mixtures always do",
     .option = "reinit"},
};

static const lml_key_table driver_table = {LML_KEYS(driver_keys), .check = check_address};

/* ---- the force log ---- */

static const lml_key force_log_keys[] = {
    {.name = "file",
     LML_KEY_AT(lml_force_log_config, file),
     .type = LML_KEY_PATH,
     .presence = LML_JSON_REQUIRED,
     .help = "append each evaluation, with its forces, to this extended XYZ file; `{index}` stands for the server's "
             "number, as each server needs a log of its own",
     .option = "log",
     .argument = "FILE"},
    {.name = "full",
     LML_KEY_AT(lml_force_log_config, atoms),
     .type = LML_KEY_SWITCH,
     .off = LML_FORCE_LOG_NEAR,
     .on = LML_FORCE_LOG_FULL,
     .help = "keep all atoms of a mixture (below)"},
    {.name = "reuse",
     LML_KEY_AT(lml_force_log_config, reuse),
     .type = LML_KEY_SWITCH,
     .off = LML_REUSE_NONE,
     .on = LML_REUSE_ALL,
     .help = "take forces from the log instead of computing them again (below); `true` is an error where that cannot "
             "be done safely",
     .otherwise = "where it is safe"},
};

const lml_key_table lml_force_log_keys = {
    .name = "log", .size = sizeof(lml_force_log_config), LML_KEYS(force_log_keys)};

/* ---- the file ---- */

static lml_status read_results(const lml_keys_reading *reading, const lml_json_value *object, const lml_key *key,
                               void *target, lml_error *error) {
  (void)key;
  return lml_result_names_read(reading->document, object, &((lml_serve_config *)target)->results, error);
}

static const lml_key keys[] = {
    LML_FORMAT_KEYS(format, LML_CONFIG_VERSION),
    {.name = "structure",
     LML_KEY_AT(lml_serve_config, structure),
     .type = LML_KEY_PATH,
     .help = "extended XYZ file whose first frame says species and periodicity, which the protocol does not send; its "
             "cell and positions are not used, but by a mixture",
     .otherwise = "none ([see below](configuration.md#species-and-periodicity))",
     .option = "structure",
     .argument = "FILE"},
    {.name = "driver", .type = LML_KEY_OBJECT, .object = &driver_table, .help = "who asks for forces"},
    {.name = "calculator",
     LML_KEY_AT(lml_serve_config, calculator),
     .type = LML_KEY_VARIANT,
     .presence = LML_JSON_REQUIRED,
     .help = "what computes them: `linear`, [`remote`](#engines) or [`mixing`](#mixtures), as its key `type` says"},
    {.name = "log",
     LML_KEY_AT(lml_serve_config, force_log),
     .type = LML_KEY_OBJECT,
     .object = &lml_force_log_keys,
     .options = "`--log FILE`",
     .help = "write each evaluation into a [force log](force-log.md), whose keys are there",
     .otherwise = "none"},
    {.name = "results",
     .type = LML_KEY_TEXTS,
     .read = read_results,
     .options = "`--results NAMES`",
     .help = "[results](#results) beyond energy, forces and virial, for the extras and the force log; the option has "
             "commas between the names",
     .otherwise = "none"},
    {.name = "extras",
     LML_KEY_AT(lml_serve_config, extras),
     .type = LML_KEY_CHOICE,
     .choices = lml_extras_names,
     .help = "what is sent beside energy, forces and virial: `none`; `json`, one object in every reply; or "
             "`ipi-committee`, the same with a [committee](#committee) for i-PI",
     .option = "extras",
     .argument = "WHAT"},
    {.name = "log_level",
     LML_KEY_AT(lml_serve_config, log_level),
     .type = LML_KEY_CHOICE,
     .choices = lml_log_level_names,
     .help = "how much is told on stderr: `quiet`, `error` (what is served, and what went wrong), `info` (a line per "
             "evaluation), `debug`",
     .option = "log-level",
     .argument = "LEVEL"},
};

static const lml_key_table table = {.name = "lmlink-serve", LML_KEYS(keys)};

static lml_status choose(void *target, lml_calculator_type type, lml_error *error) {
  return lml_calculator_config_choose(target, type, error);
}

static lml_status choose_linear(void *target, void **structure, lml_error *error) {
  *structure = target;
  return choose(target, LML_CALCULATOR_LINEAR, error);
}

static lml_status choose_remote(void *target, void **structure, lml_error *error) {
  const lml_status status = choose(target, LML_CALCULATOR_REMOTE, error);
  *structure = ((lml_calculator_config *)target)->remote;
  return status;
}

static lml_status choose_mixing(void *target, void **structure, lml_error *error) {
  const lml_status status = choose(target, LML_CALCULATOR_MIXING, error);
  *structure = ((lml_calculator_config *)target)->mixing;
  return status;
}

static const lml_key_variant variants[] = {{"linear", &lml_linear_keys, choose_linear},
                                           {"remote", &lml_remote_keys, choose_remote},
                                           {"mixing", &lml_mixing_keys, choose_mixing}};

static void init(void *target) { lml_serve_config_init(target); }

static void release(void *target) { lml_serve_config_free(target); }

const lml_key_root lml_serve_keys = {.title = "Configuration of lmlink-serve",
                                     .table = &table,
                                     .size = sizeof(lml_serve_config),
                                     .init = init,
                                     .free = release,
                                     .variants = variants,
                                     .nvariants = COUNT(variants)};

lml_status lml_serve_config_read(const char *path, lml_serve_config *config, lml_error *error) {
  const lml_status status = lml_set_text(&config->path, path, error);
  return status == LML_OK ? lml_keys_read_file(&lml_serve_keys, path, config, error) : status;
}

bool lml_serve_config_reinit(const lml_serve_config *config) {
  return config->driver.reinit || config->calculator.type == LML_CALCULATOR_MIXING;
}

lml_status lml_serve_config_check(const lml_serve_config *config, lml_error *error) {
  if (config->calculator.type == LML_CALCULATOR_MIXING && config->structure == NULL)
    return lml_fail(error, LML_ERR_USAGE,
                    "a mixture needs the structure that its regions are those of: add structure, or give --structure "
                    "FILE");
  if (config->calculator.type == LML_CALCULATOR_LINEAR && config->calculator.potential == NULL)
    return lml_fail(error, LML_ERR_USAGE, "no potential: give a configuration file, or --potential FILE");
  if (config->results.count > 0 && config->extras == LML_SESSION_EXTRAS_NONE && config->force_log.file == NULL)
    return lml_fail(error, LML_ERR_USAGE,
                    "results are asked for (%s), but nothing shows them: let extras be json, or give a log",
                    config->results.texts[0]);
  if (config->driver.address != NULL) return LML_OK;
  if (config->path == NULL)
    return lml_fail(error, LML_ERR_USAGE, "no driver: give --driver unix:NAME or --driver HOST:PORT");
  return lml_fail(error, LML_ERR_USAGE, "%s: no driver: add driver.address, or give --driver unix:NAME or HOST:PORT",
                  config->path);
}
