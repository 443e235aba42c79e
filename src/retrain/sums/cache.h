/** @file cache.h
 *  A file that keeps numbers which took long to compute, with a key that says what they were computed from.
 *
 *  The file: a line that says what it is; the length of the key (20 digits, newline) and its SHA-256 (newline); the
 * key; the numbers as they are in memory; their SHA-256 (newline). The key is text, a line "NAME: VALUE" for everything
 * that the numbers depend on.
 */
#ifndef LML_RETRAIN_SUMS_CACHE_H
#define LML_RETRAIN_SUMS_CACHE_H

#include <stddef.h>

#include "lmlink/error.h"

/** Some of the numbers. */
typedef struct lml_cache_part {
  double *values;
  size_t count;
} lml_cache_part;

typedef enum lml_cache_state {
  LML_CACHE_ABSENT = 0, /**< there is no such file */
  LML_CACHE_OTHER,      /**< its key is another one */
  LML_CACHE_DAMAGED,    /**< cut short, or a checksum is wrong */
  LML_CACHE_READ
} lml_cache_state;

enum { LML_CACHE_NAME_SIZE = 128 };

/** What was found. */
typedef struct lml_cache_finding {
  lml_cache_state state;
  char changed[LML_CACHE_NAME_SIZE]; /**< the name in the first line of the key that differs, where it is another one */
} lml_cache_finding;

/** Read the numbers into @p parts if the file at @p path has the key @p key and is whole; else the parts' numbers are
 * of no use. LML_ERR_INPUT where it is no cache at all, so that it is not to be replaced by one. */
lml_status lml_cache_read(const char *path, const char *key, const lml_cache_part *parts, size_t nparts,
                          lml_cache_finding *finding, lml_error *error);

/** The key of the file at @p path, to be freed with lml_free; NULL where there is no such file or its key is damaged.
 */
lml_status lml_cache_read_key(const char *path, char **key, lml_error *error);

/** Write the file whole, or leave the old one as it was. */
lml_status lml_cache_write(const char *path, const char *key, const lml_cache_part *parts, size_t nparts,
                           lml_error *error);

#endif
