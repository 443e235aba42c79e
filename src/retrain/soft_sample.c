#include "retrain/soft_sample.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

static const char what[] = "a sample of soft constraints";

void lml_soft_sample_free(lml_soft_sample *sample) {
  lml_free(sample->units);
  lml_free(sample->first);
  lml_free(sample->rows);
  lml_free(sample->weights);
  *sample = (lml_soft_sample){0};
}

/* ---- which rows ---- */

static size_t rows_of_unit(const lml_dataset *set) { return set->source == LML_SOURCE_MATRIX ? 1 : LML_SOFT_ROWS; }

static bool is_sampled(const lml_dataset *set) {
  return set->role == LML_ROLE_SOFT && set->quantity == LML_QUANTITY_FORCES;
}

/** The unit among all that unit @p k of the sample is. */
static size_t place_of(const lml_soft_sample *sample, size_t k) {
  return (2 * k + 1) * sample->total / (2 * sample->count);
}

/** Whether unit @p place among all is in the sample, and as which. */
static bool find_unit(const lml_soft_sample *sample, size_t place, size_t *k) {
  *k = place * sample->count / sample->total;
  if (place_of(sample, *k) != place) ++*k; /* rounding */
  return *k < sample->count && place_of(sample, *k) == place;
}

/** The frame that row number @p row of the set is in. */
static const lml_dataset_frame *frame_of(const lml_dataset *set, size_t row) {
  size_t low = 0, high = set->nframes;
  while (low + 1 < high) {
    const size_t middle = (low + high) / 2;
    if (set->frames[middle].first <= row)
      low = middle;
    else
      high = middle;
  }
  return &set->frames[low];
}

static void describe_units(lml_soft_sample *sample, const lml_dataset *sets, size_t nsets) {
  for (size_t k = 0, s = 0; k < sample->count; k++) {
    const size_t place = place_of(sample, k);
    while (s + 1 < nsets && (!is_sampled(&sets[s]) || place >= sample->first[s + 1])) s++;
    const size_t count = rows_of_unit(&sets[s]), row = (place - sample->first[s]) * count;
    sample->units[k] = (lml_soft_unit){count, frame_of(&sets[s], row)->row_weight};
  }
}

lml_status lml_soft_sample_make(lml_soft_sample *sample, const lml_dataset *sets, size_t nsets, size_t width,
                                lml_error *error) {
  *sample = (lml_soft_sample){.width = width};
  lml_status status = lml_alloc(&sample->first, nsets + 1, sizeof *sample->first, what, error);
  if (status != LML_OK) return status;
  for (size_t s = 0; s < nsets; s++) {
    sample->first[s] = sample->total;
    if (is_sampled(&sets[s])) sample->total += sets[s].nrows / rows_of_unit(&sets[s]);
  }
  sample->first[nsets] = sample->total;
  sample->count = sample->total < LML_SOFT_ATOMS ? sample->total : LML_SOFT_ATOMS;
  status = lml_alloc(&sample->units, sample->count, sizeof *sample->units, what, error);
  if (status == LML_OK)
    status = lml_alloc(&sample->rows, LML_SOFT_ROWS * sample->count * width, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_alloc(&sample->weights, LML_SOFT_ROWS * sample->count, sizeof(double), what, error);
  if (status == LML_OK) describe_units(sample, sets, nsets);
  return status;
}

void lml_soft_sample_take(lml_soft_sample *sample, size_t index, const lml_dataset *set, const lml_row_block *block) {
  const size_t per_unit = rows_of_unit(set), n = sample->width;
  if (sample->count == 0 || !is_sampled(set)) return;
  for (size_t i = 0; i < block->count; i++) {
    const size_t row = block->first + i;
    size_t k;
    if (!find_unit(sample, sample->first[index] + row / per_unit, &k)) continue;
    const size_t to = LML_SOFT_ROWS * k + row % per_unit;
    memcpy(sample->rows + to * n, block->rows + i * n, n * sizeof *block->rows);
    sample->weights[to] = set->weight * block->weight;
  }
}

lml_status lml_soft_sample_finish(lml_soft_sample *sample, const lml_centre *centre, lml_comm *comm, lml_error *error) {
  const size_t count = LML_SOFT_ROWS * sample->count;
  lml_status status = lml_comm_sum(comm, sample->rows, count * sample->width, error);
  if (status == LML_OK) status = lml_comm_sum(comm, sample->weights, count, error);
  for (size_t k = 0; k < count && status == LML_OK && centre != NULL; k++)
    lml_centre_restore(centre, sample->rows + k * sample->width);
  return status;
}

/* ---- the change ---- */

/** @p change (count) becomes (1 − λ w Z Zᵀ)⁻¹ times it, where the rows of Z are @p z. Whether that has a solution. */
static bool leave_out(const double *z, size_t width, size_t count, double weight, double *change) {
  const int n = (int)width;
  double matrix[LML_SOFT_ROWS * LML_SOFT_ROWS];
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < count; k++)
      matrix[i * count + k] = (i == k) - weight * cblas_ddot(n, z + i * width, 1, z + k * width, 1);
  return LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'L', (lapack_int)count, 1, matrix, (lapack_int)count, change,
                            (lapack_int)count) == 0;
}

/** The rows as the factor sees them: L⁻¹ S Q A, so that A C⁻¹ Aᵀ is their products with each other. */
static void reduce(const lml_soft_sample *sample, const lml_solver *solver, const lml_constraints *constraints,
                   double *rows, double *scratch) {
  const size_t n = sample->width, count = LML_SOFT_ROWS * sample->count;
  memcpy(rows, sample->rows, count * n * sizeof *rows);
  lml_constraints_project_rows(constraints, rows, count, scratch);
  for (size_t k = 0; k < count; k++)
    for (size_t i = 0; i < n; i++) rows[k * n + i] *= solver->scale[i];
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, (int)count, 1.0, solver->matrix,
              (int)n, rows, (int)n);
}

lml_status lml_soft_sample_change(const lml_soft_sample *sample, const lml_solver *solver, const lml_problem *problem,
                                  const double *delta, double *change, lml_error *error) {
  const size_t n = sample->width, count = LML_SOFT_ROWS * sample->count;
  double *rows, *changes = NULL, *scratch = NULL, square = 0.0, weights = 0.0;
  lml_status status = lml_alloc_untouched(&rows, count * n, sizeof *rows, what, error);
  if (status == LML_OK) status = lml_alloc(&changes, count, sizeof *changes, what, error);
  if (status == LML_OK) status = lml_alloc(&scratch, problem->constraints->rank * count, sizeof *scratch, what, error);
  if (status == LML_OK) {
    reduce(sample, solver, problem->constraints, rows, scratch);
    cblas_dgemv(CblasColMajor, CblasTrans, (int)n, (int)count, 1.0, sample->rows, (int)n, delta, 1, 0.0, changes, 1);
  }
  for (size_t k = 0; k < sample->count && status == LML_OK; k++) {
    const lml_soft_unit *unit = &sample->units[k];
    double *own = changes + LML_SOFT_ROWS * k;
    if (!leave_out(rows + LML_SOFT_ROWS * k * n, n, unit->count,
                   problem->lambda_soft * sample->weights[LML_SOFT_ROWS * k], own))
      square = INFINITY;
    square += cblas_ddot((int)unit->count, own, 1, own, 1);
    weights += (double)unit->count * unit->weight;
  }
  *change = weights > 0.0 ? sqrt(square / weights) : 0.0;
  lml_free(rows);
  lml_free(changes);
  lml_free(scratch);
  return status;
}
