#include "retrain/accumulate/accumulator.h"

#include <stdbool.h>

#include "base/memory.h"
#include "potential/potential.h"
#include "retrain/accumulate/row_sample.h"
#include "retrain/accumulate/subspace.h"

/** Rows for each coefficient from which finding the space pays. */
enum { ROWS_PER_COEFFICIENT = 4 };

/** Free the rows that the space is found from. */
static void free_sample(lml_accumulation *accumulation) {
  if (accumulation->sample != NULL) lml_row_sample_free(accumulation->sample);
  lml_free(accumulation->sample);
  accumulation->sample = NULL;
}

static void free_subspace(lml_accumulation *accumulation) {
  if (accumulation->subspace != NULL) lml_subspace_free(accumulation->subspace);
  lml_free(accumulation->subspace);
  accumulation->subspace = NULL;
}

void lml_accumulation_free(lml_accumulation *accumulation) {
  lml_shift_free(&accumulation->shift);
  free_subspace(accumulation);
  free_sample(accumulation);
}

static bool has_ridge(const lml_retrain_options *options, double smallest_ridge) {
  for (size_t k = 0; k < options->nlambda_ridge; k++)
    if (!(options->lambda_ridge[k] * smallest_ridge > 0.0)) return false;
  return smallest_ridge > 0.0; /* where it is chosen, it is above 0 */
}

const lml_dataset *lml_accumulation_set(const lml_retrain_options *options, const lml_design *design,
                                        double smallest_ridge) {
  const lml_dataset *found = NULL;
  size_t nrows = 0;
  if (options->sums == LML_SUMS_EXACT || design->width < LML_SUBSPACE_LEAST_WIDTH) return NULL;
  if (!design->potential->quadratic || !has_ridge(options, smallest_ridge)) return NULL;
  for (size_t s = 0; s < options->nsets; s++) {
    const lml_dataset *set = &options->sets[s];
    if (set->role != LML_ROLE_TARGET || set->leverage > 0.0 || set->reading == LML_READ_FOLLOW) continue;
    nrows += set->nrows;
    if (found == NULL && lml_dataset_has_structures(set) && lml_dataset_selects_atoms(set)) found = set;
  }
  return nrows < ROWS_PER_COEFFICIENT * design->width ? NULL : found;
}

/* ---- the centre ---- */

/** Atoms whose mean is taken, besides the first of each element. */
enum { SHIFT_ATOMS = 256 };

/** Add up B of a run of atoms, element by element. */
static void add_run(lml_design *design, size_t first, double *sums, size_t *counts) {
  lml_descriptors *descriptors = &design->descriptors;
  const size_t width = lml_descriptors_width(descriptors), n = lml_descriptors_ncomponents(descriptors);
  lml_descriptors_run(descriptors, first);
  for (size_t lane = 0; lane < descriptors->count; lane++) {
    const size_t e = (size_t)descriptors->element[lane];
    counts[e]++;
    for (size_t c = 0; c < n; c++) sums[e * n + c] += descriptors->components[c * width + lane];
  }
}

/** Add up B of atoms here and there in the structure. */
static lml_status add_descriptors(lml_design *design, const lml_structure *structure, double *sums, size_t *counts,
                                  lml_error *error) {
  lml_descriptors *descriptors = &design->descriptors;
  const size_t natoms = structure->natoms, width = lml_descriptors_width(descriptors);
  const size_t stride = (1 + natoms / SHIFT_ATOMS) * width;
  const lml_status status = lml_descriptors_begin(descriptors, structure, error);
  for (size_t first = 0; first < natoms && status == LML_OK; first += width) {
    bool wanted = first % stride == 0;
    for (size_t s = first; s < first + width && s < natoms && !wanted; s++)
      wanted = counts[descriptors->atoms.elements[s]] == 0;
    if (wanted) add_run(design, first, sums, counts);
  }
  return status;
}

static lml_status find_shift(lml_shift *shift, lml_design *design, const lml_dataset *set, lml_error *error) {
  lml_dataset_walk walk;
  size_t counts[LML_ELEMENTS_LIMIT] = {0};
  const size_t n = lml_descriptors_ncomponents(&design->descriptors);
  lml_status status = lml_shift_make(shift, design->nelements, n, error);
  if (status != LML_OK) return status;
  status = lml_dataset_walk_begin(&walk, set, error);
  if (status == LML_OK) status = lml_dataset_walk_to(&walk, 0, error);
  if (status == LML_OK) status = add_descriptors(design, &walk.frame.structure, shift->values, counts, error);
  lml_dataset_walk_end(&walk);
  for (size_t k = 0; k < design->nelements * n; k++) {
    const size_t count = counts[k / n];
    if (count > 0) shift->values[k] /= (double)count;
  }
  return status;
}

/* ---- the space ---- */

lml_status lml_accumulation_begin(lml_accumulation *accumulation, const lml_workers *workers, const lml_dataset *set,
                                  lml_error *error) {
  lml_status status =
      lml_alloc(&accumulation->sample, 1, sizeof *accumulation->sample, "a sample of the rows to be summed", error);
  if (status == LML_OK) status = find_shift(&accumulation->shift, &workers->designs[0], set, error);
  if (status != LML_OK) return status;
  lml_workers_set_shift(workers, &accumulation->shift);
  status = lml_row_sample_draw(accumulation->sample, workers, set, error);
  lml_workers_set_shift(workers, NULL);
  return status;
}

lml_status lml_accumulation_find(lml_accumulation *accumulation, lml_error *error) {
  const lml_row_sample *sample = accumulation->sample;
  lml_status status = lml_alloc(&accumulation->subspace, 1, sizeof *accumulation->subspace, "a space of rows", error);
  if (status == LML_OK)
    status =
        lml_subspace_find(accumulation->subspace, sample->rows, sample->shares, sample->count, sample->width, error);
  free_sample(accumulation);
  if (status == LML_OK && accumulation->subspace->rank == 0) free_subspace(accumulation); /* it is not worth it */
  return status;
}

const lml_shift *lml_accumulation_shift(const lml_accumulation *accumulation) {
  return accumulation->subspace == NULL ? NULL : &accumulation->shift;
}

/* ---- sums ---- */

lml_status lml_accumulation_open(const lml_accumulation *accumulation, lml_normal *normal, lml_error *error) {
  lml_thin_sums_free(&normal->thin);
  if (accumulation->subspace == NULL) return LML_OK;
  return lml_thin_sums_make(&normal->thin, accumulation->subspace->rank, normal->width, error);
}

/** Bring the thin sums into the gram matrix. */
static lml_status expand(const lml_subspace *subspace, lml_normal *normal, lml_error *error) {
  double *scratch;
  const lml_status status =
      lml_alloc(&scratch, subspace->rank * normal->width, sizeof *scratch, "normal equations", error);
  if (status != LML_OK) return status;
  lml_subspace_expand(subspace, normal->thin.products, normal->thin.inner, normal->gram, scratch);
  lml_free(scratch);
  normal->dimension = (double)subspace->rank;
  lml_thin_sums_free(&normal->thin);
  return LML_OK;
}

lml_status lml_accumulation_close(const lml_accumulation *accumulation, lml_normal *normal, lml_error *error) {
  lml_status status = LML_OK;
  lml_normal_finalise(normal);
  if (normal->thin.rank > 0) status = expand(accumulation->subspace, normal, error);
  if (status != LML_OK || accumulation->subspace == NULL) return status;
  lml_shift_restore(&accumulation->shift, normal->rhs);
  lml_shift_restore_matrix(&accumulation->shift, normal->gram);
  return LML_OK;
}
