#include "calculator/result_names.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

lml_status lml_result_names_read(const lml_json *document, const lml_json_value *object, lml_text_list *names,
                                 lml_error *error) {
  const size_t had = names->count;
  const lml_status status = lml_json_texts(document, object, "results", LML_JSON_OPTIONAL, names, error);
  for (size_t i = had; status == LML_OK && i < names->count; i++)
    if (!lml_result_is_name(names->texts[i]))
      return lml_json_fail(document, object, "results", error,
                           "element %zu is no name of a result: letters, digits and _, at most %d", i - had,
                           LML_RESULT_NAME_SIZE - 1);
  return status;
}

lml_status lml_result_names_split(const char *text, lml_text_list *names, lml_error *error) {
  for (const char *rest = text;; rest++) {
    char name[LML_RESULT_NAME_SIZE] = "";
    const size_t length = strcspn(rest, ",");
    if (length < sizeof name) memcpy(name, rest, length);
    if (!lml_result_is_name(name))
      return lml_fail(error, LML_ERR_USAGE,
                      "--results '%.200s': '%.*s' is no name of a result: letters, digits and _, with commas between "
                      "names",
                      text, (int)(length < 60 ? length : 60), rest);
    const lml_status status = lml_text_list_take(names, lml_strdup(name, error), error);
    rest += length;
    if (status != LML_OK || *rest == '\0') return status;
  }
}

lml_request lml_result_names_request(const lml_text_list *names) {
  return (lml_request){.names = (const char *const *)names->texts, .count = names->count};
}

lml_request lml_name_set_request(const lml_name_set *set) {
  return (lml_request){.names = set->names, .count = set->count};
}

lml_status lml_name_set_add(lml_name_set *set, const char *name, lml_error *error) {
  const lml_request there = lml_name_set_request(set);
  if (lml_request_names(&there, name)) return LML_OK;
  const lml_status status =
      lml_grow(&set->names, &set->capacity, set->count + 1, sizeof *set->names, "names of results", error);
  if (status == LML_OK) set->names[set->count++] = name;
  return status;
}

lml_status lml_name_set_add_all(lml_name_set *set, const lml_request *names, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; k < names->count && status == LML_OK; k++) status = lml_name_set_add(set, names->names[k], error);
  return status;
}

void lml_name_set_free(lml_name_set *set) {
  lml_free(set->names);
  *set = (lml_name_set){0};
}
