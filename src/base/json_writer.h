/** @file json_writer.h
 *  Writing one JSON object, fast enough for arrays of 100,000 numbers.
 */
#ifndef LML_BASE_JSON_WRITER_H
#define LML_BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

/** Initialise with `lml_json_writer w = {0};`, use for any number of objects, release with lml_json_writer_free. */
typedef struct lml_json_writer {
  char *text; /**< length bytes, and a NUL behind them once the object has ended */
  size_t length;
  size_t capacity;
  bool first;        /**< nothing stands in the innermost object or array yet */
  size_t indent;     /**< spaces by which the keys of an object stand further in, each on a line; 0: all on one line */
  size_t depth;      /**< of objects that have begun within the outermost */
  lml_status status; /**< the first failure since begin; what follows it does nothing */
} lml_json_writer;

/** Begin an object, over the memory of the last. */
void lml_json_writer_begin(lml_json_writer *writer);

/** Add a key. Numbers are written so that they read back to the same double; NaN and infinity, which JSON has not, are
 *  written as null. Keys and texts are escaped where needed. */
void lml_json_writer_number(lml_json_writer *writer, const char *key, double value);
void lml_json_writer_integer(lml_json_writer *writer, const char *key, long long value);
void lml_json_writer_logical(lml_json_writer *writer, const char *key, bool value);
void lml_json_writer_text(lml_json_writer *writer, const char *key, const char *value);
void lml_json_writer_numbers(lml_json_writer *writer, const char *key, const double *values, size_t count);

/** Begin an object or an array within what was begun last; each is ended with the function below. In an array, these
 *  and the functions above take NULL as key. */
void lml_json_writer_object(lml_json_writer *writer, const char *key);
void lml_json_writer_array(lml_json_writer *writer, const char *key);
void lml_json_writer_end_object(lml_json_writer *writer);
void lml_json_writer_end_array(lml_json_writer *writer);

/** End the outermost object. Fails with LML_ERR_MEMORY where it did not fit into memory. */
lml_status lml_json_writer_end(lml_json_writer *writer, lml_error *error);

void lml_json_writer_free(lml_json_writer *writer);

#endif
