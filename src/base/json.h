/** @file json.h
 *  Strict reading of JSON, over cJSON.
 *
 *  A document keeps its text, so that every message names file, line and the full key, as in
 *  "serve.json:7: driver.wait: must be a number, not a string". Comments, text behind the last brace, keys that are
 *  unknown or given twice, numbers beyond double precision's range and NUL characters are refused. Memory comes from
 *  the seam.
 */
#ifndef LML_BASE_JSON_H
#define LML_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text_list.h"
#include "lmlink/error.h"

typedef struct lml_json lml_json;    /**< a document */
typedef struct cJSON lml_json_value; /**< a value in it: an object, an array, … */
typedef enum lml_json_presence { LML_JSON_OPTIONAL, LML_JSON_REQUIRED } lml_json_presence;

/** Parse @p bytes bytes of @p text, which is copied. @p name is what messages call the document: a path, or what a
 *  text from a peer is. The outermost value must be an object. Free with lml_json_free. */
lml_status lml_json_parse(const char *text, size_t bytes, const char *name, lml_json **document, lml_error *error);

/** NULL is fine. */
void lml_json_free(lml_json *document);

/** The outermost object. */
const lml_json_value *lml_json_root(const lml_json *document);

/** Check that @p object has no key but the @p count @p known ones, and none twice. To be called for every object that
 *  is read: the functions below look for the keys that they are told, no more. */
lml_status lml_json_check_keys(const lml_json *document, const lml_json_value *object, const char *const *known,
                               size_t count, lml_error *error);

/** True where @p object has the key @p key. */
bool lml_json_has(const lml_json_value *object, const char *key);

/** True where the key @p key of @p object holds an object. */
bool lml_json_is_object(const lml_json_value *object, const char *key);

/** The name of member @p index of @p object, NULL where it has fewer: for objects whose keys are the user's. */
const char *lml_json_member(const lml_json_value *object, size_t index);

/** The functions below read what @p key of @p object holds. Where an optional key is missing, *value is left as it is;
 *  a key that is there must have the type (null is no value of any type). Texts are owned by the document. */
lml_status lml_json_object(const lml_json *document, const lml_json_value *object, const char *key,
                           lml_json_presence presence, const lml_json_value **value, lml_error *error);
lml_status lml_json_text(const lml_json *document, const lml_json_value *object, const char *key,
                         lml_json_presence presence, const char **value, lml_error *error);
lml_status lml_json_number(const lml_json *document, const lml_json_value *object, const char *key,
                           lml_json_presence presence, double *value, lml_error *error);
lml_status lml_json_integer(const lml_json *document, const lml_json_value *object, const char *key,
                            lml_json_presence presence, int *value, lml_error *error);
lml_status lml_json_logical(const lml_json *document, const lml_json_value *object, const char *key,
                            lml_json_presence presence, bool *value, lml_error *error);

/** One of @p count names; *@p value is its index. */
lml_status lml_json_choice(const lml_json *document, const lml_json_value *object, const char *key,
                           lml_json_presence presence, const char *const *names, size_t count, size_t *value,
                           lml_error *error);

/** An array of texts, none of them empty, which are appended to @p texts. */
lml_status lml_json_texts(const lml_json *document, const lml_json_value *object, const char *key,
                          lml_json_presence presence, lml_text_list *texts, lml_error *error);

/** An array of exactly @p count logicals. */
lml_status lml_json_logicals(const lml_json *document, const lml_json_value *object, const char *key,
                             lml_json_presence presence, size_t count, bool *values, lml_error *error);

/** An array of integers of any length into a new array, to be freed with lml_free. */
lml_status lml_json_integers(const lml_json *document, const lml_json_value *object, const char *key,
                             lml_json_presence presence, int **values, size_t *count, lml_error *error);

/** One number, or an array of at least one, into a new array to be freed with lml_free, in place of *@p values. */
lml_status lml_json_numbers(const lml_json *document, const lml_json_value *object, const char *key,
                            lml_json_presence presence, double **values, size_t *count, lml_error *error);

/** An array of @p count values of any type, and the object that is its element @p index. */
lml_status lml_json_array(const lml_json *document, const lml_json_value *object, const char *key,
                          lml_json_presence presence, const lml_json_value **array, size_t *count, lml_error *error);
lml_status lml_json_element(const lml_json *document, const lml_json_value *array, size_t index,
                            const lml_json_value **object, lml_error *error);

/** The element @p index of an array, which must be a text that is not empty. */
lml_status lml_json_element_text(const lml_json *document, const lml_json_value *array, size_t index,
                                 const char **value, lml_error *error);

/** The element @p index of an array, which must be one of @p count names; *@p value is the name's index. */
lml_status lml_json_element_choice(const lml_json *document, const lml_json_value *array, size_t index,
                                   const char *const *names, size_t count, size_t *value, lml_error *error);

/** Fail with LML_ERR_INPUT: "NAME:LINE: KEY.PATH: <printf-style reason>", for checks beyond the type. @p value is the
 *  one that @p key of @p object holds, or the object itself where @p key is NULL or missing. */
lml_status lml_json_fail(const lml_json *document, const lml_json_value *object, const char *key, lml_error *error,
                         const char *format, ...) LML_PRINTF(5, 6);

#endif
