/* Energies per atom, and their differences from the first frame's. */
#include <string.h>

#include "base/fail.h"
#include "retrain/data/frame_walk.h"
#include "retrain/rows/design.h"
#include "retrain/rows/energy_row.h"
#include "structure/log_keys.h"

static size_t count_rows(const lml_dataset_walk *walk) {
  (void)walk;
  return 1;
}

static bool is_there(lml_dataset_walk *walk) {
  return lml_frame_info(&walk->frame, lml_dataset_key(walk->set, LML_VALUE_ENERGY)) != NULL;
}

static lml_status read_energy(lml_dataset_walk *walk, double *values, lml_error *error) {
  const char *key = lml_dataset_key(walk->set, LML_VALUE_ENERGY);
  const double *value;
  const lml_status status = lml_frame_numbers(walk, key, 1, &value, error);
  if (status != LML_OK) return status;
  const lml_values *kind =
      walk->set->keys[LML_VALUE_ENERGY] == NULL ? lml_frame_info(&walk->frame, LML_LOG_ENERGY_KIND) : NULL;
  if (kind != NULL && kind->type == LML_TEXT && strcmp(kind->texts[0], lml_origin_name(LML_ORIGIN_EXACT)) != 0)
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT "energy_kind=%.40s: that is no energy that can be fitted; omit energies",
                    LML_FRAME(walk), kind->texts[0]);
  if (value == NULL) {
    char similar[LML_ERROR_MESSAGE_SIZE];
    lml_frame_similar_names(&walk->frame, LML_VALUE_ENERGY, similar);
    return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "no energy: add the key %.40s (eV) to its comment line%s",
                    LML_FRAME(walk), key, similar);
  }
  if (values != NULL) *values = *value / (double)walk->frame.structure.natoms;
  return LML_OK;
}

static void give_energy(const lml_dataset_walk *walk, const lml_results *results, double *values) {
  *values = *results->energy / (double)walk->frame.structure.natoms;
}

static size_t scratch_for(const lml_design *design) { return lml_energy_row_room(&design->descriptors); }

static size_t memory_for(const lml_design *design, const lml_dataset *set) {
  (void)set;
  return scratch_for(design);
}

static lml_status next_row(lml_design *design, size_t *count, lml_error *error) {
  *count = 1;
  return lml_energy_row(&design->descriptors, &design->walk.frame.structure, &design->environments, design->scratch,
                        design->block, error);
}

#define ENERGY_OPERATIONS                                                                                       \
  .unit = "eV/atom", .extent = LML_EXTENT_FRAME, .value = LML_VALUE_ENERGY, .count_rows = count_rows,           \
  .is_there = is_there, .read = read_energy, .give = give_energy, .scratch = scratch_for, .memory = memory_for, \
  .next = next_row

const lml_quantity_ops lml_energy_quantity = {ENERGY_OPERATIONS, .has_offsets = true};
const lml_quantity_ops lml_difference_quantity = {ENERGY_OPERATIONS, .from_first = true};
