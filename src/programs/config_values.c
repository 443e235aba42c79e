#include "programs/config_values.h"

#include <string.h>

#include "base/memory.h"
#include "base/path.h"

lml_status lml_config_set_text(char **text, const char *value, lml_error *error) {
  char *copy = lml_strdup(value, error);
  if (copy == NULL) return LML_ERR_MEMORY;
  lml_free(*text);
  *text = copy;
  return LML_OK;
}

lml_status lml_config_read_text(const lml_json *document, const lml_json_value *object, const char *key,
                                lml_json_presence presence, char **text, lml_error *error) {
  const char *value = NULL;
  const lml_status status = lml_json_text(document, object, key, presence, &value, error);
  if (status != LML_OK || value == NULL) return status;
  if (value[0] == '\0') return lml_json_fail(document, object, key, error, "must not be empty");
  return lml_config_set_text(text, value, error);
}

lml_status lml_config_read_path(const lml_json *document, const lml_json_value *object, const char *key,
                                lml_json_presence presence, const char *json_path, char **path, lml_error *error) {
  char *value = NULL;
  const lml_status status = lml_config_read_text(document, object, key, presence, &value, error);
  if (status != LML_OK || value == NULL) return status;
  char *beside = lml_path_beside(json_path, value, error);
  lml_free(value);
  if (beside == NULL) return LML_ERR_MEMORY;
  lml_free(*path);
  *path = beside;
  return LML_OK;
}

lml_status lml_config_read_length(const lml_json *document, const lml_json_value *object, const char *key,
                                  double *value, lml_error *error) {
  if (!lml_json_has(object, key)) return LML_OK;
  const lml_status status = lml_json_number(document, object, key, LML_JSON_REQUIRED, value, error);
  if (status != LML_OK || *value >= 0.0) return status;
  return lml_json_fail(document, object, key, error, "must not be negative");
}

lml_status lml_config_read_choice(const lml_json *document, const lml_json_value *object, const char *key,
                                  const char *const *names, size_t count, void *value, lml_error *error) {
  int *choice = value;
  size_t index = (size_t)*choice;
  const lml_status status = lml_json_choice(document, object, key, LML_JSON_OPTIONAL, names, count, &index, error);
  *choice = (int)index;
  return status;
}

lml_status lml_config_read_vector(const lml_json *document, const lml_json_value *object, const char *key,
                                  double vector[3], lml_error *error) {
  double *values = NULL;
  size_t count = 0;
  lml_status status = lml_json_numbers(document, object, key, LML_JSON_REQUIRED, &values, &count, error);
  if (status == LML_OK && count != 3)
    status = lml_json_fail(document, object, key, error, "must be an array of three numbers, Å");
  if (status == LML_OK) memcpy(vector, values, 3 * sizeof *vector);
  lml_free(values);
  return status;
}
