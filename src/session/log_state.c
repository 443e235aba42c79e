#include "session/log_state.h"

#include <math.h>
#include <string.h>

#include "session/log_cluster.h"
#include "session/result_cache.h"
#include "structure/log_keys.h"

bool lml_log_frame_is_at(lml_frame *frame, const lml_structure *structure) {
  const lml_values *index = lml_log_column(frame, LML_LOG_INDEX, LML_INTEGER, 1);
  return index != NULL && lml_result_cache_same_places(&frame->structure, index->integers, structure);
}

bool lml_log_state_read(lml_frame *frame, size_t r, size_t nregions, lml_skipping_state *state) {
  const lml_values *mode = lml_log_value(frame, LML_LOG_SKIP_MODE, r, nregions, LML_TEXT);
  const lml_values *age = lml_log_value(frame, LML_LOG_SKIP_AGE, r, nregions, LML_INTEGER);
  const lml_values *part = lml_log_value(frame, LML_LOG_SKIP_PART, r, nregions, LML_REAL);
  if (mode == NULL || age == NULL || part == NULL || age->integers[0] < 0) return false;
  *state = (lml_skipping_state){.share = 1.0 - part->reals[0], .age = (size_t)age->integers[0]};
  for (size_t k = 0; lml_skipping_mode_names[k] != NULL; k++) {
    if (strcmp(lml_skipping_mode_names[k], mode->texts[0]) != 0) continue;
    state->mode = (lml_skipping_mode)k;
    return true;
  }
  return false;
}

/** What was subtracted from all forces, from an atom whose force is the ML calculator's alone: none is zero. */
static void find_shift(const lml_frame *frame, const lml_values *labels, const double *forces, const double *ml,
                       double shift[3]) {
  memset(shift, 0, 3 * sizeof *shift);
  for (size_t k = 0; k < frame->structure.natoms; k++) {
    if (!lml_region_column_is(labels, k, LML_REGION_MM) && !lml_region_column_is(labels, k, LML_REGION_BUFFER))
      continue;
    if (isnan(ml[3 * k])) continue;
    for (size_t x = 0; x < 3; x++) shift[x] = forces[3 * k + x] - ml[3 * k + x];
    return;
  }
}

void lml_log_state_differences(lml_frame *frame, const lml_region *region, double *differences) {
  const lml_values *index = lml_log_column(frame, LML_LOG_INDEX, LML_INTEGER, 1);
  const lml_values *labels = lml_log_column(frame, LML_LOG_REGION, LML_TEXT, 1);
  const lml_values *forces = lml_log_column(frame, "forces", LML_REAL, 3),
                   *ml = lml_log_column(frame, "forces_ml", LML_REAL, 3);
  double shift[3];
  if (index == NULL || labels == NULL || forces == NULL || ml == NULL) return;
  find_shift(frame, labels, forces->reals, ml->reals, shift);
  for (size_t k = 0; k < frame->structure.natoms; k++) {
    const size_t parent = (size_t)index->integers[k];
    if (region->weights[parent] <= 0.0) continue;
    for (size_t x = 0; x < 3; x++)
      differences[3 * parent + x] =
          (forces->reals[3 * k + x] - ml->reals[3 * k + x] - shift[x]) / region->weights[parent];
  }
}
