/** @file json_text.h
 *  What cJSON does not tell about a JSON text: comments, characters that have no place, and where its values are.
 */
#ifndef LML_BASE_JSON_TEXT_H
#define LML_BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

/** Line of @p position in @p text, from 1. */
size_t lml_json_text_line(const char *text, const char *position);

/** Refuse, with line and reason, what cJSON would let pass or report unclearly: comments, NUL characters (also
 *  escaped), line breaks within a string, and text that ends within a string, object or array. */
lml_status lml_json_text_check(const char *text, size_t bytes, const char *name, lml_error *error);

/** Position in the valid JSON @p text of value number @p index in the order of their first characters (0 is the
 *  outermost; keys are no values). */
const char *lml_json_text_value(const char *text, size_t index);

/** Whether @p text is one JSON value as Python's json.loads reads it, which takes NaN, Infinity and -Infinity too. */
bool lml_json_text_is_value(const char *text);

#endif
