#include "retrain/report/energy_errors.h"

#include "base/memory.h"
#include "retrain/sums/energy_offset.h"

static bool may_have_offsets(const lml_dataset *set) {
  return lml_dataset_quantity(set)->has_offsets && lml_dataset_compares(set);
}

void lml_energy_offsets_decide(lml_dataset *sets, size_t nsets, size_t nelements, lml_energy_reference usual) {
  for (size_t s = 0; s < nsets; s++) {
    if (sets[s].reference == LML_REFERENCE_AUTO) sets[s].reference = usual;
    const bool wanted = may_have_offsets(&sets[s]) && sets[s].reference == LML_REFERENCE_OFFSET;
    sets[s].noffsets = wanted ? nelements : 0;
  }
}

void lml_energy_offsets_set_zero(lml_dataset *sets, size_t nsets) {
  double zero[] = {0.0, 0.0}; /* of the first tests that have one, and of targets, which a cache knows of */
  for (size_t s = nsets; s-- > 0;)
    if (sets[s].noffsets > 0 && sets[s].first_energy != 0.0)
      zero[sets[s].role == LML_ROLE_TARGET] = sets[s].first_energy;
  for (size_t s = 0; s < nsets; s++)
    if (sets[s].noffsets > 0) sets[s].energy_zero = zero[1] != 0.0 ? zero[1] : zero[0];
}

void lml_energy_offsets_free(lml_energy_offsets *offsets) {
  lml_free(offsets->baseline);
  lml_free(offsets->after);
  *offsets = (lml_energy_offsets){0};
}

/** Add the deviations of a set's file from one of its potentials, number @p part of a row's values. */
static void add_deviations(lml_offset_sums *sums, const lml_validation *validation, size_t part) {
  const lml_dataset *set = validation->set;
  static const double nothing = 0.0;
  for (size_t f = 0; f < set->nframes; f++)
    for (size_t k = 0; k < set->frames[f].nrows; k++) {
      const double *row = validation->energies + (set->frames[f].first + k) * (3 + set->noffsets);
      lml_offset_sums_accumulate(sums, row + 3, &nothing, row[0] - row[part], set->weight * set->frames[f].weight);
    }
}

static lml_status find(lml_energy_offsets *offsets, const lml_validation *validations, size_t nsets, size_t part,
                       double **values, lml_error *error) {
  lml_offset_sums sums = {0};
  lml_status status = lml_alloc(values, offsets->count, sizeof **values, "offsets of energies", error);
  if (status == LML_OK) status = lml_offset_sums_make(&sums, offsets->count, 1, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    if (validations[s].energies != NULL && validations[s].set->has_values && validations[s].set->role == offsets->from)
      add_deviations(&sums, &validations[s], part);
  if (status == LML_OK) {
    offsets->rank = lml_offset_sums_reduce(&sums);
    lml_offset_sums_find(&sums, offsets->rank, NULL, *values);
  }
  lml_offset_sums_free(&sums);
  return status;
}

/** Count the rows in the errors. */
static void add_rows(lml_validation *validation, const lml_energy_offsets *offsets) {
  const lml_dataset *set = validation->set;
  for (size_t f = 0; f < set->nframes; f++)
    for (size_t k = 0; k < set->frames[f].nrows; k++) {
      const double *kept = validation->energies + (set->frames[f].first + k) * (3 + set->noffsets);
      double row[3] = {kept[0], kept[1], kept[2]};
      for (size_t e = 0; e < offsets->count && set->has_values; e++) {
        row[1] += kept[3 + e] * offsets->baseline[e];
        row[2] += kept[3 + e] * offsets->after[e];
      }
      lml_validation_add_row(validation, f, k, row);
    }
}

lml_status lml_energy_offsets_find(lml_energy_offsets *offsets, lml_validation *validations, size_t nsets,
                                   lml_error *error) {
  lml_energy_offsets_free(offsets);
  offsets->from = LML_ROLE_TEST;
  for (size_t s = 0; s < nsets; s++) {
    if (validations[s].energies == NULL) continue;
    offsets->count = validations[s].set->noffsets;
    if (validations[s].set->role == LML_ROLE_TARGET) offsets->from = LML_ROLE_TARGET;
  }
  if (offsets->count == 0) return LML_OK;
  lml_status status = find(offsets, validations, nsets, 1, &offsets->baseline, error);
  if (status == LML_OK) status = find(offsets, validations, nsets, 2, &offsets->after, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    if (validations[s].energies != NULL) add_rows(&validations[s], offsets);
  return status;
}
