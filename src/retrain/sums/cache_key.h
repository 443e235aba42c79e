/** @file cache_key.h
 *  What the sums of a retraining depend on, as the key of their cache. Private to this folder.
 */
#ifndef LML_RETRAIN_SUMS_CACHE_KEY_H
#define LML_RETRAIN_SUMS_CACHE_KEY_H

#include "retrain/run.h"

enum { LML_CACHE_VERSION = 2 /**< of what the cache holds */ };

/** A new text, to be freed with lml_free: the machine and the ranks (they decide the last digits), the descriptors, Θ₀
 *  (the sums are of deviations from it), and the checksum and settings of every file whose rows are in the sums; frames
 *  of a log that is followed are not. Paths do not count. */
lml_status lml_cache_key_make(const lml_run *run, char **key, lml_error *error);

/** What a cache has beside the sums that every run needs. */
typedef struct lml_cache_contents {
  bool there;
  size_t nfolds, ntests; /**< folds of the targets, and test sets, whose sums it has */
} lml_cache_contents;

/** Look at the cache at @p path. A run with given λs takes what is there rather than making all sums anew. */
lml_status lml_cache_look(const char *path, lml_cache_contents *contents, lml_error *error);

#endif
