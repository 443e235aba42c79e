#include "retrain/compression.h"

#include <string.h>

#include "base/memory.h"
#include "potential/snap_model.h"

/** Rows for each coefficient from which finding the space pays. */
enum { ROWS_PER_COEFFICIENT = 4 };

void lml_compression_free(lml_compression *compression) {
  lml_centre_free(&compression->centre);
  lml_subspace_free(&compression->subspace);
}

static bool has_ridge(const lml_retrain_options *options, double smallest_ridge) {
  for (size_t k = 0; k < options->nlambda_ridge; k++)
    if (!(options->lambda_ridge[k] * smallest_ridge > 0.0)) return false;
  return options->nlambda_ridge > 0;
}

const lml_dataset *lml_compression_set(const lml_retrain_options *options, const lml_design *design,
                                       double smallest_ridge) {
  const lml_dataset *found = NULL;
  size_t nrows = 0;
  if (options->sums == LML_SUMS_EXACT || design->width < LML_SUBSPACE_LEAST_WIDTH) return NULL;
  if (!design->potential->snap.parameters.quadraticflag || !has_ridge(options, smallest_ridge)) return NULL;
  for (size_t s = 0; s < options->nsets; s++) {
    const lml_dataset *set = &options->sets[s];
    if (set->role != LML_ROLE_TARGET || set->leverage > 0.0 || set->reading == LML_READ_FOLLOW) continue;
    nrows += set->nrows;
    if (found == NULL && set->source == LML_SOURCE_STRUCTURES && set->quantity == LML_QUANTITY_FORCES) found = set;
  }
  return nrows < ROWS_PER_COEFFICIENT * design->width ? NULL : found;
}

/* ---- the centre ---- */

/** Add up B of the atoms of @p structure, element by element. */
static lml_status add_descriptors(lml_design *design, const lml_structure *structure, double *sums, size_t *counts,
                                  lml_error *error) {
  lml_descriptors *descriptors = &design->descriptors;
  const lml_atom_batch *batch = &descriptors->evaluation.batch;
  const size_t lanes = (size_t)descriptors->model.kernel->lanes, n = (size_t)descriptors->model.plan.ncomponents;
  const lml_status status = lml_descriptors_begin(descriptors, structure, error);
  for (size_t first = 0; first < structure->natoms && status == LML_OK; first += batch->natoms) {
    lml_descriptors_batch(descriptors, first);
    for (size_t lane = 0; lane < batch->natoms; lane++) {
      const size_t e = (size_t)batch->element[lane];
      counts[e]++;
      for (size_t c = 0; c < n; c++) sums[e * n + c] += descriptors->components[c * lanes + lane];
    }
  }
  return status;
}

static lml_status find_centre(lml_centre *centre, lml_design *design, const lml_dataset *set, lml_error *error) {
  lml_dataset_walk walk;
  size_t counts[LML_ELEMENTS_LIMIT] = {0};
  const size_t n = (size_t)design->descriptors.model.plan.ncomponents;
  lml_status status = lml_centre_make(centre, design->nelements, n, error);
  if (status != LML_OK) return status;
  status = lml_dataset_walk_begin(&walk, set, error);
  if (status == LML_OK) status = lml_dataset_walk_to(&walk, 0, error);
  if (status == LML_OK) status = add_descriptors(design, &walk.frame.structure, centre->values, counts, error);
  lml_dataset_walk_end(&walk);
  for (size_t k = 0; k < design->nelements * n; k++) {
    const size_t count = counts[k / n];
    if (count > 0) centre->values[k] /= (double)count;
  }
  return status;
}

lml_status lml_compression_begin(lml_compression *compression, const lml_crew *crew, const lml_dataset *set,
                                 lml_error *error) {
  const lml_status status = find_centre(&compression->centre, &crew->designs[0], set, error);
  for (size_t k = 0; k < crew->nworkers && status == LML_OK; k++)
    lml_design_set_centre(&crew->designs[k], &compression->centre);
  return status;
}

lml_status lml_compression_end(lml_compression *compression, const lml_crew *crew, lml_normal *normals, size_t nnormals,
                               lml_error *error) {
  lml_status status = LML_OK;
  if (compression->centre.values == NULL) return LML_OK;
  for (size_t k = 0; k < crew->nworkers; k++) lml_design_set_centre(&crew->designs[k], NULL);
  for (size_t k = 0; k < nnormals && status == LML_OK; k++) {
    status = lml_normal_expand(&normals[k], error);
    lml_centre_restore(&compression->centre, normals[k].moment);
    lml_centre_restore_matrix(&compression->centre, normals[k].gram);
  }
  return status;
}

/* ---- the first rows ---- */

static const char what[] = "the first rows";

lml_status lml_kept_rows_make(lml_kept_rows *kept, size_t width, size_t nrows, lml_error *error) {
  *kept = (lml_kept_rows){.width = width, .stride = 1 + nrows / (LML_KEPT_ROWS - LML_BLOCK_ROWS)};
  kept->capacity = nrows / kept->stride + LML_BLOCK_ROWS;
  lml_status status = lml_alloc(&kept->rows, kept->capacity * width, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&kept->targets, kept->capacity, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&kept->predicted, kept->capacity, sizeof(double), what, error);
  return status;
}

void lml_kept_rows_free(lml_kept_rows *kept) {
  lml_free(kept->rows);
  lml_free(kept->targets);
  lml_free(kept->predicted);
  lml_free(kept->blocks);
  *kept = (lml_kept_rows){0};
}

lml_status lml_kept_rows_take(lml_kept_rows *kept, const lml_row_block *block, bool *is_kept, lml_error *error) {
  const size_t first = kept->count, count = block->count;
  *is_kept = kept->nseen++ % kept->stride == 0 && first + count <= kept->capacity;
  if (!*is_kept) return LML_OK;
  const lml_status status =
      lml_grow(&kept->blocks, &kept->blocks_capacity, kept->nblocks + 1, sizeof *kept->blocks, what, error);
  if (status != LML_OK) return status;
  lml_row_block *copy = &kept->blocks[kept->nblocks++];
  *copy = *block;
  copy->before = NULL; /* that is noted already */
  copy->worker = 0;    /* one adds them all */
  copy->rows = memcpy(kept->rows + first * kept->width, block->rows, count * kept->width * sizeof(double));
  copy->targets = memcpy(kept->targets + first, block->targets, count * sizeof(double));
  copy->predicted = memcpy(kept->predicted + first, block->predicted, count * sizeof(double));
  kept->count += count;
  return LML_OK;
}

lml_status lml_kept_rows_space(const lml_kept_rows *kept, lml_subspace *subspace, lml_error *error) {
  const size_t n = kept->width, natoms = kept->count / 3, stride = 1 + kept->count / LML_SUBSPACE_SAMPLE;
  double *sample;
  lml_status status = lml_alloc(&sample, (3 * (natoms / stride) + 3) * n, sizeof(double), "a sample of rows", error);
  if (status != LML_OK) return status;
  size_t count = 0;
  for (size_t atom = 0; atom < natoms; atom += stride, count += 3)
    memcpy(sample + count * n, kept->rows + 3 * atom * n, 3 * n * sizeof(double));
  status = lml_subspace_find(subspace, sample, count, n, error);
  lml_free(sample);
  return status;
}
