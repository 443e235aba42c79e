/** @file frame_groups.h
 *  Which target frames are left out together when λs are chosen by folds.
 *
 *  A frame whose equivalent stays among those trained on tells nothing about frames that are not: the path of a gliding
 *  dislocation is its own mirror image. Equivalent frames form a *group*, found by their fingerprints or named in the
 *  files, and so do the sets of one file for the same frame. A fold is a run of consecutive groups.
 */
#ifndef LML_RETRAIN_CHOOSE_FRAME_GROUPS_H
#define LML_RETRAIN_CHOOSE_FRAME_GROUPS_H

#include "retrain/options.h"
#include "retrain/rows/workers.h"

/** How to find groups and folds. */
typedef struct lml_folding {
  const char *key; /**< info key that names each frame's group; NULL: by fingerprints */
  size_t nfolds;   /**< wanted; 0: LML_FOLDS, or as many as there are groups */
} lml_folding;

/** Find the groups of the target frames of @p sets and put the number of its fold into each frame. *@p nfolds folds
 * come of it, never more than the groups. Collective. */
lml_status lml_frame_groups_find(lml_dataset *sets, size_t nsets, const lml_folding *folding,
                                 const lml_workers *workers, size_t *ngroups, size_t *nfolds, lml_error *error);

#endif
