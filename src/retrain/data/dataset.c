#include "retrain/data/dataset.h"

#include "base/memory.h"

const char *const lml_value_names[] = {"energy", "forces", "virial", "stress", NULL};
const char *const lml_role_names[] = {"target", "hard", "soft", "test", NULL};
const char *const lml_selection_names[] = {"log", "all", "unfixed", "qm", NULL};
const char *const lml_hard_mode_names[] = {"keep", "set", NULL};
const char *const lml_energy_reference_names[] = {"auto", "offset", "absolute", NULL};
const char *const lml_test_kind_names[] = {"auto", "target", "soft", NULL};

void lml_dataset_free(lml_dataset *set) {
  lml_free(set->path);
  lml_free(set->weights);
  lml_free(set->row_weights);
  lml_free(set->values);
  for (size_t k = 0; k < LML_VALUE_COUNT; k++) lml_free(set->keys[k]);
  lml_group_names_free(&set->groups);
  lml_free(set->frames);
  lml_free(set->screened);
  lml_structure_free(&set->last);
  *set = (lml_dataset){0};
}

const lml_source_ops *lml_dataset_source(const lml_dataset *set) {
  return lml_sources[set->reading == LML_READ_FOLLOW ? LML_SOURCE_LOG : set->source];
}

const lml_quantity_ops *lml_dataset_quantity(const lml_dataset *set) { return lml_quantities[set->quantity]; }

bool lml_dataset_has_structures(const lml_dataset *set) {
  return lml_dataset_source(set)->content == LML_CONTENT_STRUCTURES;
}

bool lml_dataset_selects_atoms(const lml_dataset *set) { return lml_dataset_quantity(set)->extent == LML_EXTENT_ATOMS; }

bool lml_dataset_needs_values(const lml_dataset *set) {
  return set->role == LML_ROLE_TARGET || (set->role == LML_ROLE_HARD && set->mode == LML_HARD_SET);
}

bool lml_dataset_compares(const lml_dataset *set) { return set->role == LML_ROLE_TARGET || set->role == LML_ROLE_TEST; }

bool lml_dataset_is_evaluated(const lml_dataset *set) {
  return lml_dataset_has_structures(set) && (set->role != LML_ROLE_HARD || lml_dataset_selects_atoms(set));
}

const char *lml_dataset_key(const lml_dataset *set, lml_value value) {
  return set->keys[value] != NULL ? set->keys[value] : lml_value_names[value];
}

lml_status lml_dataset_scan(lml_dataset *set, const lml_potential *potential, lml_error *error) {
  return lml_dataset_source(set)->scan(set, potential, error);
}

lml_status lml_dataset_share(lml_dataset *set, size_t first, lml_comm *comm, lml_error *error) {
  size_t numbers[] = {set->nframes, set->nread, set->nskipped, set->nrows, set->largest, set->has_values};
  if (lml_comm_size(comm) == 1) return LML_OK;
  lml_status status = lml_comm_broadcast(comm, numbers, sizeof numbers, error);
  if (status == LML_OK)
    status = lml_grow(&set->frames, &set->frames_capacity, numbers[0], sizeof *set->frames, "the frames", error);
  status = lml_comm_agree(comm, status, error);
  if (status != LML_OK) return status;
  set->nframes = numbers[0];
  set->nread = numbers[1];
  set->nskipped = numbers[2];
  set->nrows = numbers[3];
  set->largest = numbers[4];
  set->has_values = numbers[5] != 0;
  return lml_comm_broadcast(comm, set->frames + first, (set->nframes - first) * sizeof *set->frames, error);
}
