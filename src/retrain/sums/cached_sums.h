/** @file cached_sums.h
 *  Taking the constraints' rows and the sums from a cache, and putting them into it.
 *
 *  The key of the cache is what they depend on: the machine and the ranks (they decide the last digits), the
 *  descriptors, Θ₀ (the sums are of deviations from it), and the checksum and settings of every file whose rows are in
 *  the sums; frames of a log that is followed are not. Paths do not count.
 */
#ifndef LML_RETRAIN_SUMS_CACHED_SUMS_H
#define LML_RETRAIN_SUMS_CACHED_SUMS_H

#include "retrain/run.h"

/** What a cache has beside the sums that every run needs. */
typedef struct lml_cache_contents {
  bool there;
  size_t nfolds, ntests; /**< folds of the targets, and test sets, whose sums it has */
} lml_cache_contents;

/** Look at the cache at @p path. A run with given λs takes what is there rather than making all sums again. */
lml_status lml_cache_look(const char *path, lml_cache_contents *contents, lml_error *error);

/** Fill them from the cache, if there is one of these inputs; the two functions below then make none themselves. */
lml_status lml_run_restore(lml_run *run, lml_error *error);

/** Put into the cache what it did not have; that it can't be written is reported, and no error. */
lml_status lml_run_remember(lml_run *run, lml_error *error);

#endif
