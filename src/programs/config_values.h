/** @file config_values.h
 *  Values that JSON configurations share: texts, paths, names of enumerations, numbers with a range.
 */
#ifndef LML_PROGRAMS_CONFIG_VALUES_H
#define LML_PROGRAMS_CONFIG_VALUES_H

#include <stddef.h>

#include "base/json.h"
#include "lmlink/error.h"

/** Replace *@p text by a copy of @p value. */
lml_status lml_config_set_text(char **text, const char *value, lml_error *error);

/** A text that may not be empty, in place of *@p text. */
lml_status lml_config_read_text(const lml_json *document, const lml_json_value *object, const char *key,
                                lml_json_presence presence, char **text, lml_error *error);

/** A path, which counts from the folder of the JSON file @p json_path, in place of *@p path. */
lml_status lml_config_read_path(const lml_json *document, const lml_json_value *object, const char *key,
                                lml_json_presence presence, const char *json_path, char **path, lml_error *error);

/** An optional number that is not negative. */
lml_status lml_config_read_length(const lml_json *document, const lml_json_value *object, const char *key,
                                  double *value, lml_error *error);

/** An optional one of @p count names; @p value is an enumeration that begins at 0 with the first. */
lml_status lml_config_read_choice(const lml_json *document, const lml_json_value *object, const char *key,
                                  const char *const *names, size_t count, void *value, lml_error *error);

/** Three numbers. */
lml_status lml_config_read_vector(const lml_json *document, const lml_json_value *object, const char *key,
                                  double vector[3], lml_error *error);

#endif
