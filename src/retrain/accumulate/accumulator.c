#include "retrain/accumulate/accumulator.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "retrain/accumulate/subspace.h"

static const char waiting_rows[] = "rows of the design matrix";

/** Numbers that are not read before they are written. */
static lml_status make_untouched(double **numbers, size_t count, lml_error *error) {
  return lml_alloc_untouched(numbers, count, sizeof **numbers, waiting_rows, error);
}

lml_status lml_accumulator_make(lml_accumulator *accumulator, size_t width, const lml_accumulation *accumulation,
                                size_t noffsets, lml_error *error) {
  const lml_subspace *subspace = accumulation == NULL ? NULL : accumulation->subspace;
  *accumulator = (lml_accumulator){.subspace = subspace};
  lml_status status = lml_normal_make(&accumulator->sums, width, error);
  if (status == LML_OK) status = lml_normal_allow_offsets(&accumulator->sums, noffsets, error);
  if (status != LML_OK || subspace == NULL) return status;
  const size_t along = LML_BLOCK_ROWS * subspace->rank;
  status = lml_thin_sums_make(&accumulator->sums.thin, subspace->rank, width, error);
  if (status == LML_OK) status = make_untouched(&accumulator->outside.rows, LML_BLOCK_ROWS * width, error);
  if (status == LML_OK) status = make_untouched(&accumulator->inside.rows, LML_BLOCK_ROWS * width, error);
  if (status == LML_OK) status = make_untouched(&accumulator->inside.along, along, error);
  if (status == LML_OK) status = make_untouched(&accumulator->along, along, error);
  if (status != LML_OK) return status;
  return make_untouched(&accumulator->sketches, LML_BLOCK_ROWS * LML_SUBSPACE_SKETCH, error);
}

void lml_accumulator_free(lml_accumulator *accumulator) {
  lml_normal_free(&accumulator->sums);
  lml_free(accumulator->outside.rows);
  lml_free(accumulator->inside.rows);
  lml_free(accumulator->inside.along);
  lml_free(accumulator->along);
  lml_free(accumulator->sketches);
  *accumulator = (lml_accumulator){.sums.width = 0};
}

/** gram += w Σ a aᵀ */
static void add_squares(lml_accumulator *accumulator, const double *rows, size_t count, double weight) {
  const int n = (int)accumulator->sums.width;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, (int)count, weight, rows, n,
              accumulator->sums.has_gram ? 1.0 : 0.0, accumulator->sums.gram, n);
  accumulator->sums.has_gram = true;
}

/** K += w Σ a cᵀ and M += w Σ c cᵀ, with the first @p rank of the numbers that each row has in @p along. */
static void add_products(lml_normal *sums, const double *rows, const double *along, size_t rank, size_t count,
                         double weight) {
  const int n = (int)sums->width, stride = (int)sums->thin.rank;
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, (int)rank, (int)count, weight, rows, n, along, stride, 1.0,
              sums->thin.products, n);
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)rank, (int)count, weight, along, stride, 1.0,
              sums->thin.inner, stride);
}

/** M −= w Σ c cᵀ, with the numbers after the first @p rank ones. */
static void add_beyond(lml_normal *sums, const double *along, size_t rank, size_t count, double weight) {
  const size_t stride = sums->thin.rank;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)(stride - rank), (int)count, -weight, along + rank,
              (int)stride, 1.0, sums->thin.inner + rank * (stride + 1), (int)stride);
}

static void add_outside(lml_accumulator *accumulator) {
  if (accumulator->outside.count > 0)
    add_squares(accumulator, accumulator->outside.rows, accumulator->outside.count, 1.0);
  accumulator->outside.count = 0;
}

static void add_inside(lml_accumulator *accumulator) {
  const lml_row_queue *inside = &accumulator->inside;
  if (inside->count > 0)
    add_products(&accumulator->sums, inside->rows, inside->along, accumulator->sums.thin.rank, inside->count, 1.0);
  accumulator->inside.count = 0;
}

void lml_accumulator_flush(lml_accumulator *accumulator) {
  add_outside(accumulator);
  add_inside(accumulator);
}

void lml_accumulator_clear(lml_accumulator *accumulator) {
  accumulator->outside.count = accumulator->inside.count = 0;
  lml_normal_clear(&accumulator->sums);
}

/** Put @p factor times a row where it waits. */
static void enqueue(lml_row_queue *waiting, const double *row, size_t width, double factor) {
  double *to = waiting->rows + waiting->count++ * width;
  for (size_t i = 0; i < width; i++) to[i] = factor * row[i];
}

static void enqueue_outside(lml_accumulator *accumulator, const double *row, double weight) {
  enqueue(&accumulator->outside, row, accumulator->sums.width, sqrt(weight));
  if (accumulator->outside.count == LML_BLOCK_ROWS) add_outside(accumulator);
}

/** Its c go with it. */
static void enqueue_inside(lml_accumulator *accumulator, const double *row, double *c, double weight) {
  const size_t rank = accumulator->sums.thin.rank;
  memcpy(accumulator->inside.along + accumulator->inside.count * rank, c, rank * sizeof *c);
  memset(c, 0, rank * sizeof *c);
  enqueue(&accumulator->inside, row, accumulator->sums.width, weight);
  if (accumulator->inside.count == LML_BLOCK_ROWS) add_inside(accumulator);
}

static void add_block(lml_accumulator *accumulator, const lml_row_block *block, double weight) {
  lml_normal *sums = &accumulator->sums;
  const lml_subspace *subspace = accumulator->subspace;
  const size_t n = sums->width, rank = subspace->rank;
  lml_row_place places[LML_BLOCK_ROWS];
  lml_subspace_project(subspace, block->rows, block->count, accumulator->along, places, &sums->neglected,
                       accumulator->sketches);
  for (size_t k = 0; k < block->count; k++) {
    sums->ninside += places[k] != LML_ROW_OUTSIDE;
    if (places[k] == LML_ROW_OUTSIDE) enqueue_outside(accumulator, block->rows + k * n, weight);
    if (places[k] == LML_ROW_INSIDE)
      enqueue_inside(accumulator, block->rows + k * n, accumulator->along + k * rank, weight);
  }
  add_products(sums, block->rows, accumulator->along, subspace->nleading, block->count, weight);
  add_beyond(sums, accumulator->along, subspace->nleading, block->count, weight);
}

lml_status lml_accumulate_rows(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  const lml_row_adder *adder = context;
  lml_accumulator *accumulator = &adder->accumulators[block->slot];
  lml_normal *sums = &accumulator->sums;
  const double weight = adder->weight * block->weight;
  if (adder->how == LML_ROWS_AS_THEY_ARE || accumulator->subspace == NULL)
    add_squares(accumulator, block->rows, block->count, weight);
  else
    add_block(accumulator, block, weight);
  sums->nrows += (double)block->count;
  if (!adder->has_values) return LML_OK;
  double deviations[LML_BLOCK_ROWS];
  const int n = (int)sums->width, count = (int)block->count;
  for (size_t k = 0; k < block->count; k++) deviations[k] = block->targets[k] - block->predicted[k];
  for (size_t k = 0; k < block->count && block->fractions != NULL; k++)
    lml_offset_sums_accumulate(&sums->offsets, block->fractions + k * sums->offsets.count,
                               block->rows + k * sums->width, deviations[k], weight);
  cblas_dgemv(CblasColMajor, CblasNoTrans, n, count, weight, block->rows, n, deviations, 1, 1.0, sums->rhs, 1);
  sums->ssr += weight * cblas_ddot(count, deviations, 1, deviations, 1);
  return LML_OK;
}
