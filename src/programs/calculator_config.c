#include "programs/calculator_config.h"

#include "base/memory.h"
#include "programs/config_values.h"
#include "programs/mixing_config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const lml_fixed_terms_names[] = {"none", "snap", NULL};
const char *const lml_calculator_type_names[] = {"linear", "remote", "mixing", NULL};

static lml_status read_potential(const lml_json *document, const lml_json_value *object, const char *json_path,
                                 lml_calculator_config *calculator, lml_error *error) {
  static const char *const keys[] = {"file", "parameters", "fixed_terms", "reload"};
  bool reload = false;
  lml_status status = lml_json_check_keys(document, object, keys, COUNT(keys), error);
  if (status == LML_OK)
    status =
        lml_config_read_path(document, object, "file", LML_JSON_REQUIRED, json_path, &calculator->potential, error);
  if (status == LML_OK)
    status = lml_config_read_path(document, object, "parameters", LML_JSON_OPTIONAL, json_path, &calculator->parameters,
                                  error);
  if (status == LML_OK) status = lml_json_logical(document, object, "reload", LML_JSON_OPTIONAL, &reload, error);
  calculator->reload = reload ? LML_RELOAD_CHANGED : LML_RELOAD_ASKED;
  if (status != LML_OK || !lml_json_has(object, "fixed_terms")) return status;
  size_t choice = 0;
  status =
      lml_json_choice(document, object, "fixed_terms", LML_JSON_REQUIRED, lml_fixed_terms_names, 2, &choice, error);
  calculator->fixed_terms = choice == 0 ? LML_FIXED_TERMS_NONE : LML_FIXED_TERMS_SNAP;
  return status;
}

static lml_status read_linear(const lml_json *document, const lml_json_value *object, const char *json_path,
                              lml_calculator_config *calculator, lml_error *error) {
  static const char *const keys[] = {"type", "potential"};
  const lml_json_value *potential = NULL;
  lml_status status = lml_json_check_keys(document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = lml_json_object(document, object, "potential", LML_JSON_REQUIRED, &potential, error);
  return status == LML_OK ? read_potential(document, potential, json_path, calculator, error) : status;
}

lml_status lml_calculator_config_read(const lml_json *document, const lml_json_value *object, const char *json_path,
                                      lml_calculator_config *calculator, lml_error *error) {
  static lml_status (*const readers[])(const lml_json *, const lml_json_value *, const char *, lml_calculator_config *,
                                       lml_error *) = {read_linear, lml_remote_config_read, lml_mixing_config_read};
  size_t type = 0;
  const lml_status status = lml_json_choice(document, object, "type", LML_JSON_REQUIRED, lml_calculator_type_names,
                                            COUNT(readers), &type, error);
  if (status != LML_OK) return status;
  calculator->type = (lml_calculator_type)type;
  return readers[type](document, object, json_path, calculator, error);
}

void lml_calculator_config_free(lml_calculator_config *calculator) {
  if (calculator == NULL) return;
  lml_free(calculator->potential);
  lml_free(calculator->parameters);
  lml_remote_config_free(calculator->remote);
  lml_mixing_config_free(calculator->mixing);
  *calculator = (lml_calculator_config){0};
}
