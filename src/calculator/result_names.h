/** @file result_names.h
 *  Names of results that are asked for, as users and drivers write them.
 */
#ifndef LML_CALCULATOR_RESULT_NAMES_H
#define LML_CALCULATOR_RESULT_NAMES_H

#include "base/json.h"
#include "base/text_list.h"
#include "lmlink/results.h"

/** Append the names in the array that the optional key `results` of @p object holds. */
lml_status lml_result_names_read(const lml_json *document, const lml_json_value *object, lml_text_list *names,
                                 lml_error *error);

/** Append the names of @p text, with commas between them; LML_ERR_USAGE where one is none. */
lml_status lml_result_names_split(const char *text, lml_text_list *names, lml_error *error);

/** As a request, which is valid until the list changes. */
lml_request lml_result_names_request(const lml_text_list *names);

/** Names that a calculator is asked for, borrowed, each once and in the order in which they came. Initialise with
 *  `lml_name_set n = {0};`, release with lml_name_set_free. */
typedef struct lml_name_set {
  const char **names;
  size_t count, capacity;
} lml_name_set;

/** Add what is not there yet. */
lml_status lml_name_set_add(lml_name_set *set, const char *name, lml_error *error);
lml_status lml_name_set_add_all(lml_name_set *set, const lml_request *names, lml_error *error);

/** As a request, which is valid until the set changes. */
lml_request lml_name_set_request(const lml_name_set *set);

void lml_name_set_free(lml_name_set *set);

#endif
