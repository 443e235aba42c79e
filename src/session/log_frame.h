/** @file log_frame.h
 *  The frame of the force log that an evaluation leaves. docs/force-log.md describes its keys and columns.
 */
#ifndef LML_SESSION_LOG_FRAME_H
#define LML_SESSION_LOG_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/extxyz.h"
#include "lmlink/results.h"
#include "mixing/mixing_calculator.h"

/** What a region that moves is, beyond its atoms. */
typedef struct lml_region_state {
  size_t age; /**< evaluations since it followed last: 0 where it did for this one */
  const unsigned short
      *looks;      /**< of each atom of the structure, as in uncertain_atoms.h; NULL: they are not counted */
  bool uncertain;  /**< the region is one of uncertain atoms: */
  size_t foremost; /**< the one that is most so */
} lml_region_state;

/** An evaluation that was finished. */
typedef struct lml_evaluation {
  const lml_structure *structure;
  const lml_results *results;
  lml_request request;                    /**< results that were asked for: they go into the log too */
  const lml_mixture *mixture;             /**< whose parts go into the log too; NULL: there is none */
  const lml_region_state *states;         /**< of each region; NULL: no region moves */
  const struct lml_skipping_state *skips; /**< of each region, as far as it may be skipped; NULL: none may */
  size_t number;                          /**< from 1 */
  int replica;
} lml_evaluation;

/** Make the frame of @p evaluation. Of a mixture it keeps the atoms nearer than @p distance (Å) to a QM atom (where a
 * region has none: to the most uncertain one), those of all clusters, and those that ask to enter or leave a region;
 * all atoms where the distance is not positive, and of other calculators. Keys that are not the evaluation's own, as
 * checksums and times, are the caller's to add. @p frame is freed first. */
lml_status lml_log_frame_make(const lml_evaluation *evaluation, double distance, lml_frame *frame, lml_error *error);

#endif
