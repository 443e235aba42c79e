#include <stdio.h>

#include "base/memory.h"
#include "base/path.h"
#include "programs/config_values.h"
#include "programs/mixing_config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const policy_names[] = {"restart", "wait", "stop"};
static const char *const init_names[] = {"plain", "lmlink"};
static const char *const origin_names[] = {"corner", "centre"};
static const char *const peer_names[] = {"launched", "any"};

enum { MOST_RETRIES = 1000000 };

static lml_status read_limits(const lml_json *document, const lml_json_value *object, lml_engine_settings *settings,
                              lml_error *error) {
  static const char *const keys[] = {"connect", "answer", "prepare", "evaluate", "stop"};
  const lml_json_value *limits = NULL;
  lml_status status = lml_json_object(document, object, "limits", LML_JSON_OPTIONAL, &limits, error);
  if (status != LML_OK || limits == NULL) return status;
  status = lml_json_check_keys(document, limits, keys, COUNT(keys), error);
  if (status == LML_OK) status = lml_config_read_length(document, limits, "connect", &settings->connect_limit, error);
  if (status == LML_OK) status = lml_config_read_length(document, limits, "answer", &settings->answer_limit, error);
  if (status == LML_OK) status = lml_config_read_length(document, limits, "prepare", &settings->prepare_limit, error);
  if (status == LML_OK) status = lml_config_read_length(document, limits, "evaluate", &settings->evaluate_limit, error);
  return status == LML_OK ? lml_config_read_length(document, limits, "stop", &settings->stop_patience, error) : status;
}

static lml_status read_failure(const lml_json *document, const lml_json_value *object, lml_remote_config *remote,
                               lml_error *error) {
  lml_engine_settings *settings = &remote->settings;
  int retries = (int)settings->retries;
  settings->policy = remote->launch == NULL ? LML_ENGINE_WAIT : LML_ENGINE_RESTART;
  lml_status status = lml_config_read_choice(document, object, "on_failure", policy_names, COUNT(policy_names),
                                             &settings->policy, error);
  if (status == LML_OK && settings->policy == LML_ENGINE_RESTART && remote->launch == NULL)
    return lml_json_fail(
        document, object, "on_failure", error,
        "an engine that lmlink did not start cannot be started again; add launch, or use wait or stop");
  if (status == LML_OK) status = lml_json_integer(document, object, "retries", LML_JSON_OPTIONAL, &retries, error);
  if (status == LML_OK && (retries < 0 || retries > MOST_RETRIES))
    return lml_json_fail(document, object, "retries", error, "must be from 0 to %d", MOST_RETRIES);
  settings->retries = (unsigned)retries;
  return status == LML_OK ? lml_config_read_length(document, object, "back_off", &settings->back_off, error) : status;
}

static lml_status read_inputs(const lml_json *document, const lml_json_value *object, const char *json_path,
                              lml_remote_config *remote, lml_error *error) {
  const lml_json_value *array = NULL;
  size_t count = 0;
  lml_status status = lml_json_array(document, object, "inputs", LML_JSON_OPTIONAL, &array, &count, error);
  if (status != LML_OK || array == NULL) return status;
  if (count == 0) return lml_json_fail(document, object, "inputs", error, "must name at least one file");
  status = lml_alloc(&remote->inputs, count, sizeof *remote->inputs, "names of input files", error);
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    const char *name = NULL;
    status = lml_json_element_text(document, array, i, &name, error);
    if (status != LML_OK) break;
    remote->inputs[i] = lml_path_beside(json_path, name, error);
    if (remote->inputs[i] == NULL) status = LML_ERR_MEMORY;
    remote->ninputs = i + 1;
  }
  return status;
}

/** From where an engine may connect. */
static lml_status read_networks(const lml_json *document, const lml_json_value *object, lml_ipi_networks *allow,
                                lml_error *error) {
  const lml_json_value *array = NULL;
  size_t count = 0;
  lml_error local = {0};
  lml_status status = lml_json_array(document, object, "allow", LML_JSON_OPTIONAL, &array, &count, error);
  if (status == LML_OK && count > LML_IPI_MOST_NETWORKS)
    return lml_json_fail(document, object, "allow", error, "must have at most %d networks", LML_IPI_MOST_NETWORKS);
  for (; status == LML_OK && allow->count < count; allow->count++) {
    const char *text = NULL;
    status = lml_json_element_text(document, array, allow->count, &text, error);
    if (status == LML_OK && lml_ipi_network_parse(text, &allow->list[allow->count], &local) != LML_OK)
      return lml_json_fail(document, object, "allow", error, "%s", local.message);
  }
  return status;
}

static lml_status read_texts(const lml_json *document, const lml_json_value *object, const char *json_path,
                             lml_remote_config *remote, lml_error *error) {
  lml_status status = lml_config_read_text(document, object, "name", LML_JSON_OPTIONAL, &remote->name, error);
  if (status == LML_OK)
    status = lml_config_read_text(document, object, "address", LML_JSON_REQUIRED, &remote->address, error);
  if (status == LML_OK)
    status = lml_config_read_text(document, object, "socket_prefix", LML_JSON_OPTIONAL, &remote->socket_prefix, error);
  if (status == LML_OK)
    status = lml_config_read_text(document, object, "launch", LML_JSON_OPTIONAL, &remote->launch, error);
  if (status == LML_OK)
    status = lml_config_read_text(document, object, "prepare", LML_JSON_OPTIONAL, &remote->prepare, error);
  if (status == LML_OK && remote->prepare != NULL && remote->launch == NULL)
    return lml_json_fail(document, object, "prepare", error,
                         "makes the input of an engine that lmlink starts; add launch, a command that does");
  if (status == LML_OK)
    status = lml_config_read_path(document, object, "folder", LML_JSON_OPTIONAL, json_path, &remote->folder, error);
  if (status == LML_OK)
    status = lml_config_read_text(document, object, "output", LML_JSON_OPTIONAL, &remote->output, error);
  if (status == LML_OK) status = lml_config_read_text(document, object, "tag", LML_JSON_OPTIONAL, &remote->tag, error);
  return status == LML_OK ? read_inputs(document, object, json_path, remote, error) : status;
}

static lml_status read_remote(const lml_json *document, const lml_json_value *object, const char *json_path,
                              lml_remote_config *remote, lml_error *error) {
  static const char *const keys[] = {"type",   "name",   "address", "socket_prefix", "launch",  "prepare",
                                     "folder", "output", "limits",  "on_failure",    "retries", "back_off",
                                     "init",   "origin", "inputs",  "tag",           "allow",   "peer"};
  lml_engine_settings *settings = &remote->settings;
  *settings = lml_engine_defaults();
  lml_status status = lml_json_check_keys(document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = read_texts(document, object, json_path, remote, error);
  if (status == LML_OK) status = read_limits(document, object, settings, error);
  if (status == LML_OK) status = read_networks(document, object, &settings->allow, error);
  if (status == LML_OK)
    status = lml_config_read_choice(document, object, "peer", peer_names, COUNT(peer_names), &settings->peer, error);
  if (status == LML_OK) status = read_failure(document, object, remote, error);
  if (status == LML_OK)
    status = lml_config_read_choice(document, object, "init", init_names, COUNT(init_names), &settings->init, error);
  if (status == LML_OK)
    status =
        lml_config_read_choice(document, object, "origin", origin_names, COUNT(origin_names), &settings->origin, error);
  return status;
}

lml_status lml_remote_config_read(const lml_json *document, const lml_json_value *object, const char *json_path,
                                  lml_calculator_config *calculator, lml_error *error) {
  const lml_status status =
      lml_alloc(&calculator->remote, 1, sizeof *calculator->remote, "an engine's configuration", error);
  return status == LML_OK ? read_remote(document, object, json_path, calculator->remote, error) : status;
}

void lml_remote_config_free(lml_remote_config *remote) {
  if (remote == NULL) return;
  lml_free(remote->name);
  lml_free(remote->address);
  lml_free(remote->socket_prefix);
  lml_free(remote->launch);
  lml_free(remote->prepare);
  lml_free(remote->folder);
  lml_free(remote->output);
  for (size_t i = 0; i < remote->ninputs; i++) lml_free(remote->inputs[i]);
  lml_free(remote->inputs);
  lml_free(remote->tag);
  lml_free(remote);
}
