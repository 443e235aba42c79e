#include "programs/config.h"

#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "calculator/result_names.h"
#include "ipi_address.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const lml_extras_names[] = {"none", "json", NULL};
const char *const lml_log_level_names[] = {"quiet", "error", "info", "debug", NULL};
const char *const lml_driver_user_names[] = {"own", "any", NULL};

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

/* ---- objects of the JSON file ---- */

static lml_status check_address(const lml_json *document, const lml_json_value *object, const lml_driver_config *driver,
                                lml_error *error) {
  /* With {index} in it, it is complete when the option is known. */
  if (driver->address == NULL || strchr(driver->address, '{') != NULL) return LML_OK;
  lml_ipi_address address;
  lml_error reason = {0};
  if (lml_ipi_address_parse(driver->address, driver->socket_prefix, &address, &reason) == LML_OK) return LML_OK;
  return lml_json_fail(document, object, "address", error, "%s", reason.message);
}

static lml_status read_driver(const lml_json *document, const lml_json_value *object, lml_driver_config *driver,
                              lml_error *error) {
  static const char *const keys[] = {"address", "socket_prefix", "wait", "user", "reconnect", "reinit"};
  lml_status status = lml_json_check_keys(document, object, keys, COUNT(keys), error);
  if (status == LML_OK)
    status = lml_config_read_text(document, object, "address", LML_JSON_OPTIONAL, &driver->address, error);
  if (status == LML_OK)
    status = lml_config_read_text(document, object, "socket_prefix", LML_JSON_OPTIONAL, &driver->socket_prefix, error);
  if (status == LML_OK) status = check_address(document, object, driver, error);
  if (status == LML_OK) status = lml_json_number(document, object, "wait", LML_JSON_OPTIONAL, &driver->wait, error);
  if (status == LML_OK && driver->wait < 0.0 && lml_json_has(object, "wait"))
    return lml_json_fail(document, object, "wait", error, "must not be negative; leave it out to wait without limit");
  size_t user = driver->user;
  if (status == LML_OK)
    status = lml_json_choice(document, object, "user", LML_JSON_OPTIONAL, lml_driver_user_names, 2, &user, error);
  driver->user = (lml_ipi_trust)user;
  if (status == LML_OK)
    status = lml_json_logical(document, object, "reconnect", LML_JSON_OPTIONAL, &driver->reconnect, error);
  if (status == LML_OK)
    status = lml_json_logical(document, object, "reinit", LML_JSON_OPTIONAL, &driver->reinit, error);
  return status;
}

static lml_status read_force_log(const lml_json *document, const lml_json_value *object, const char *json_path,
                                 lml_force_log_config *force_log, lml_error *error) {
  static const char *const keys[] = {"file", "full", "reuse"};
  bool full = force_log->atoms == LML_FORCE_LOG_FULL, reuse = false;
  lml_status status = lml_json_check_keys(document, object, keys, COUNT(keys), error);
  if (status == LML_OK)
    status = lml_config_read_path(document, object, "file", LML_JSON_REQUIRED, json_path, &force_log->file, error);
  if (status == LML_OK) status = lml_json_logical(document, object, "full", LML_JSON_OPTIONAL, &full, error);
  if (status == LML_OK) status = lml_json_logical(document, object, "reuse", LML_JSON_OPTIONAL, &reuse, error);
  force_log->atoms = full ? LML_FORCE_LOG_FULL : LML_FORCE_LOG_NEAR;
  if (lml_json_has(object, "reuse")) force_log->reuse = reuse ? LML_REUSE_ALL : LML_REUSE_NONE;
  return status;
}

static lml_status check_format(const lml_json *document, const lml_json_value *root, lml_error *error) {
  static const char *const formats[] = {"lmlink-serve"};
  size_t format;
  int version = 0;
  lml_status status = lml_json_choice(document, root, "format", LML_JSON_REQUIRED, formats, 1, &format, error);
  if (status == LML_OK) status = lml_json_integer(document, root, "version", LML_JSON_REQUIRED, &version, error);
  if (status != LML_OK || version == LML_CONFIG_VERSION) return status;
  return lml_json_fail(document, root, "version", error, "version %d is not known; this lmlink reads version %d",
                       version, LML_CONFIG_VERSION);
}

static lml_status read_root(const lml_json *document, const char *path, lml_serve_config *config, lml_error *error) {
  static const char *const keys[] = {"format", "version", "structure", "driver", "calculator",
                                     "log",    "extras",  "log_level", "results"};
  const lml_json_value *root = lml_json_root(document), *calculator = NULL, *driver = NULL, *force_log = NULL;
  /* The version first: another one may have other keys. */
  lml_status status = check_format(document, root, error);
  if (status == LML_OK) status = lml_json_check_keys(document, root, keys, COUNT(keys), error);
  if (status == LML_OK)
    status = lml_config_read_path(document, root, "structure", LML_JSON_OPTIONAL, path, &config->structure, error);
  if (status == LML_OK) status = lml_json_object(document, root, "driver", LML_JSON_OPTIONAL, &driver, error);
  if (status == LML_OK && driver != NULL) status = read_driver(document, driver, &config->driver, error);
  if (status == LML_OK) status = lml_json_object(document, root, "calculator", LML_JSON_REQUIRED, &calculator, error);
  if (status == LML_OK) status = lml_calculator_config_read(document, calculator, path, &config->calculator, error);
  if (status == LML_OK) status = lml_json_object(document, root, "log", LML_JSON_OPTIONAL, &force_log, error);
  if (status == LML_OK && force_log != NULL)
    status = read_force_log(document, force_log, path, &config->force_log, error);

  if (status == LML_OK) status = lml_result_names_read(document, root, &config->results, error);
  size_t extras = config->extras, level = config->log_level;
  if (status == LML_OK)
    status = lml_json_choice(document, root, "extras", LML_JSON_OPTIONAL, lml_extras_names, 2, &extras, error);
  if (status == LML_OK)
    status = lml_json_choice(document, root, "log_level", LML_JSON_OPTIONAL, lml_log_level_names, 4, &level, error);
  config->extras = (lml_session_extras)extras;
  config->log_level = (lml_log_level)level;
  return status;
}

lml_status lml_serve_config_read(const char *path, lml_serve_config *config, lml_error *error) {
  char *text;
  size_t length;
  lml_status status = lml_file_read(path, &text, &length, error);
  if (status != LML_OK) return status;
  lml_json *document = NULL;
  status = lml_json_parse(text, length, path, &document, error);
  lml_free(text);
  if (status == LML_OK) status = lml_config_set_text(&config->path, path, error);
  if (status == LML_OK) status = read_root(document, path, config, error);
  lml_json_free(document);
  return status;
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
