/** @file cache_key.h
 *  What the sums of a retraining depend on, as the key of their cache. Private to this folder.
 */
#ifndef LML_RETRAIN_CACHE_KEY_H
#define LML_RETRAIN_CACHE_KEY_H

#include "retrain/run.h"

enum { LML_CACHE_VERSION = 1 /**< of what the cache holds */ };

/** A new text, to be freed with lml_free: the machine and the ranks (they decide the last digits), the descriptors, Θ₀
 *  (the sums are of deviations from it), and the checksum and settings of every file whose rows are in the sums; frames
 *  of a log that is followed are not. Paths do not count. */
lml_status lml_cache_key_make(const lml_run *run, char **key, lml_error *error);

#endif
