/** @file log_state.h
 *  How things stood with a mixture's regions that may be skipped, in a frame of the force log, as log_frame.h writes
 * it.
 */
#ifndef LML_SESSION_LOG_STATE_H
#define LML_SESSION_LOG_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/extxyz.h"
#include "mixing/region.h"
#include "session/skipping.h"

/** Whether the atoms of @p frame, which is one of the structure's log, are where they are in @p structure, but for
 *  periodic images and the tolerance of result_cache.h, in the same cell. */
bool lml_log_frame_is_at(lml_frame *frame, const lml_structure *structure);

/** The state of region @p r of @p nregions; false where the frame has none. */
bool lml_log_state_read(lml_frame *frame, size_t r, size_t nregions, lml_skipping_state *state);

/** The difference w d of lml_skipping_memory on the atoms of @p region, of a frame in which it was skipped: what their
 *  forces were beside the ML calculator's, without what was subtracted from all of them. */
void lml_log_state_differences(lml_frame *frame, const lml_region *region, double *differences);

#endif
