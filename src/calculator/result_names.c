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
