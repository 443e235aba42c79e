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

#endif
