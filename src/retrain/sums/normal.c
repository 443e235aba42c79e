#include "retrain/sums/normal.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "potential/potential.h"

static const char what[] = "normal equations", waiting_rows[] = "rows of the design matrix";

lml_status lml_normal_make(lml_normal *normal, size_t width, lml_error *error) {
  *normal = (lml_normal){.width = width};
  const lml_status status = lml_alloc_untouched(&normal->gram, width * width, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&normal->rhs, width, sizeof(double), what, error) : status;
}

void lml_normal_free(lml_normal *normal) {
  lml_free(normal->gram);
  lml_free(normal->rhs);
  lml_free(normal->products);
  lml_free(normal->inner);
  lml_offset_sums_free(&normal->offsets);
  *normal = (lml_normal){0};
}

lml_status lml_normal_allow_offsets(lml_normal *normal, size_t nelements, lml_error *error) {
  lml_offset_sums_free(&normal->offsets);
  return nelements == 0 ? LML_OK : lml_offset_sums_make(&normal->offsets, nelements, normal->width, error);
}

void lml_normal_clear(lml_normal *normal) {
  const size_t rank = normal->subspace == NULL ? 0 : normal->subspace->rank;
  memset(normal->rhs, 0, normal->width * sizeof(double));
  if (rank > 0) memset(normal->products, 0, rank * normal->width * sizeof(double));
  if (rank > 0) memset(normal->inner, 0, rank * rank * sizeof(double));
  normal->ssr = normal->nrows = normal->dimension = normal->ninside = normal->neglected = 0.0;
  normal->has_gram = false;
  lml_offset_sums_clear(&normal->offsets);
}

void lml_normal_finalise(lml_normal *normal) {
  const size_t n = normal->width;
  if (normal->has_gram) return;
  for (size_t column = 0; column < n; column++)
    memset(normal->gram + column * (n + 1), 0, (n - column) * sizeof(double));
  normal->has_gram = true;
}

lml_status lml_normal_set_subspace(lml_normal *normal, const lml_subspace *subspace, lml_error *error) {
  lml_free(normal->products);
  lml_free(normal->inner);
  normal->products = normal->inner = NULL;
  normal->subspace = subspace;
  if (subspace == NULL) return LML_OK;
  const size_t rank = subspace->rank;
  const lml_status status = lml_alloc(&normal->products, rank * normal->width, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&normal->inner, rank * rank, sizeof(double), what, error) : status;
}

lml_status lml_normal_expand(lml_normal *normal, lml_error *error) {
  lml_normal_finalise(normal);
  if (normal->subspace == NULL) return LML_OK;
  double *scratch;
  const lml_status status = lml_alloc(&scratch, normal->subspace->rank * normal->width, sizeof *scratch, what, error);
  if (status != LML_OK) return status;
  lml_subspace_expand(normal->subspace, normal->products, normal->inner, normal->gram, scratch);
  lml_free(scratch);
  normal->dimension = (double)normal->subspace->rank;
  return lml_normal_set_subspace(normal, NULL, error);
}

lml_status lml_normal_collect(lml_normal *normal, lml_comm *comm, lml_error *error) {
  double *const numbers[] = {&normal->ssr, &normal->nrows, &normal->ninside, &normal->neglected};
  const size_t n = normal->width;
  lml_normal_finalise(normal);
  for (size_t column = 0; column < n && lml_comm_size(comm) > 1; column++) /* the matrix is summed as a whole */
    memset(normal->gram + column * n, 0, column * sizeof(double));
  lml_status status = lml_comm_sum(comm, normal->gram, n * n, error);
  if (status == LML_OK) status = lml_comm_sum(comm, normal->rhs, normal->width, error);
  for (size_t k = 0; k < sizeof numbers / sizeof numbers[0] && status == LML_OK; k++)
    status = lml_comm_sum(comm, numbers[k], 1, error);
  return status == LML_OK ? lml_offset_sums_collect(&normal->offsets, comm, error) : status;
}

static void add_gram(lml_normal *to, const lml_normal *from) {
  const size_t n = to->width;
  if (!from->has_gram) return;
  for (size_t column = 0; column < n; column++) {
    const size_t diagonal = column * (n + 1);
    if (to->has_gram)
      cblas_daxpy((int)(n - column), 1.0, from->gram + diagonal, 1, to->gram + diagonal, 1);
    else
      memcpy(to->gram + diagonal, from->gram + diagonal, (n - column) * sizeof(double));
  }
  to->has_gram = true;
}

void lml_normal_add(lml_normal *to, const lml_normal *from) {
  const size_t n = to->width;
  add_gram(to, from);
  cblas_daxpy((int)n, 1.0, from->rhs, 1, to->rhs, 1);
  const size_t rank = to->subspace == NULL ? 0 : to->subspace->rank;
  if (rank > 0) cblas_daxpy((int)(n * rank), 1.0, from->products, 1, to->products, 1);
  if (rank > 0) cblas_daxpy((int)(rank * rank), 1.0, from->inner, 1, to->inner, 1);
  to->ssr += from->ssr;
  to->nrows += from->nrows;
  to->dimension = fmax(to->dimension, from->dimension);
  to->ninside += from->ninside;
  to->neglected += from->neglected;
  lml_offset_sums_add(&to->offsets, &from->offsets);
}

/* ---- the problem in δ alone ---- */

void lml_normal_copy_gram(const lml_normal *normal, double *matrix) {
  const size_t n = normal->width, rank = lml_offset_sums_reduce(&normal->offsets);
  for (size_t column = 0; column < n; column++) {
    const size_t diagonal = column * (n + 1);
    memcpy(matrix + diagonal, normal->gram + diagonal, (n - column) * sizeof *matrix);
  }
  if (rank > 0)
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)n, (int)rank, -1.0, normal->offsets.reduced, (int)n, 1.0,
                matrix, (int)n);
}

void lml_normal_multiply(const lml_normal *normal, double alpha, const double *vector, double beta, double *product) {
  const int n = (int)normal->width;
  const size_t rank = lml_offset_sums_reduce(&normal->offsets);
  cblas_dsymv(CblasColMajor, CblasLower, n, alpha, normal->gram, n, vector, 1, beta, product, 1);
  for (size_t k = 0; k < rank; k++) {
    const double *reduced = normal->offsets.reduced + k * normal->width;
    cblas_daxpy(n, -alpha * cblas_ddot(n, reduced, 1, vector, 1), reduced, 1, product, 1);
  }
}

void lml_normal_copy_rhs(const lml_normal *normal, double *rhs) {
  const lml_offset_sums *offsets = &normal->offsets;
  const size_t rank = lml_offset_sums_reduce(offsets);
  memcpy(rhs, normal->rhs, normal->width * sizeof *rhs);
  for (size_t k = 0; k < rank; k++) {
    const double part = cblas_ddot((int)offsets->count, offsets->factor + k * offsets->count, 1, offsets->rhs, 1);
    cblas_daxpy((int)normal->width, -part, offsets->reduced + k * normal->width, 1, rhs, 1);
  }
}

double lml_normal_ssr_unseen(const lml_normal *normal, const lml_normal *trained, const double *delta,
                             double *scratch) {
  const int n = (int)normal->width, count = (int)normal->offsets.count;
  const lml_offset_sums *own = &normal->offsets;
  double offsets[LML_ELEMENTS_LIMIT];
  double square = normal->ssr;
  if (count > 0) {
    size_t rank = trained->offsets.count == 0 ? 0 : lml_offset_sums_reduce(&trained->offsets);
    const lml_offset_sums *from = rank > 0 ? &trained->offsets : own;
    if (rank == 0) rank = lml_offset_sums_reduce(own);
    lml_offset_sums_find(from, rank, delta, offsets);
    for (int e = 0; e < count; e++) {
      const double along = delta == NULL ? 0.0 : cblas_ddot(n, own->rows + e * n, 1, delta, 1);
      square +=
          offsets[e] * (cblas_ddot(count, own->gram + e * count, 1, offsets, 1) - 2.0 * own->rhs[e] + 2.0 * along);
    }
  }
  if (delta != NULL) {
    cblas_dsymv(CblasColMajor, CblasLower, n, 1.0, normal->gram, n, delta, 1, 0.0, scratch, 1);
    square += cblas_ddot(n, scratch, 1, delta, 1) - 2.0 * cblas_ddot(n, normal->rhs, 1, delta, 1);
  }
  return square > 0.0 ? square : 0.0;
}

double lml_normal_change(const lml_normal *normal, const double *delta, double *scratch) {
  const int n = (int)normal->width;
  cblas_dsymv(CblasColMajor, CblasLower, n, 1.0, normal->gram, n, delta, 1, 0.0, scratch, 1);
  const double square = cblas_ddot(n, scratch, 1, delta, 1);
  return square > 0.0 ? square : 0.0;
}

double lml_normal_ssr(const lml_normal *normal, const double *delta, double *scratch) {
  return lml_normal_ssr_unseen(normal, normal, delta, scratch);
}

/* ---- adding rows ---- */

/** Numbers that are not read before they are written. */
static lml_status make_untouched(double **numbers, size_t count, lml_error *error) {
  return lml_alloc_untouched(numbers, count, sizeof **numbers, waiting_rows, error);
}

lml_status lml_accumulator_make(lml_accumulator *part, size_t width, const lml_subspace *subspace, lml_error *error) {
  *part = (lml_accumulator){.sums.width = 0};
  lml_status status = lml_normal_make(&part->sums, width, error);
  if (status == LML_OK) status = lml_normal_set_subspace(&part->sums, subspace, error);
  if (status != LML_OK || subspace == NULL) return status;
  const size_t along = LML_BLOCK_ROWS * subspace->rank;
  status = make_untouched(&part->outside.rows, LML_BLOCK_ROWS * width, error);
  if (status == LML_OK) status = make_untouched(&part->inside.rows, LML_BLOCK_ROWS * width, error);
  if (status == LML_OK) status = make_untouched(&part->inside.along, along, error);
  if (status == LML_OK) status = make_untouched(&part->along, along, error);
  return status == LML_OK ? make_untouched(&part->sketches, LML_BLOCK_ROWS * LML_SUBSPACE_SKETCH, error) : status;
}

void lml_accumulator_free(lml_accumulator *part) {
  lml_normal_free(&part->sums);
  lml_free(part->outside.rows);
  lml_free(part->inside.rows);
  lml_free(part->inside.along);
  lml_free(part->along);
  lml_free(part->sketches);
  *part = (lml_accumulator){.sums.width = 0};
}

/** gram += w Σ a aᵀ */
static void add_squares(lml_accumulator *part, const double *rows, size_t count, double weight) {
  const int n = (int)part->sums.width;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, (int)count, weight, rows, n, part->sums.has_gram ? 1.0 : 0.0,
              part->sums.gram, n);
  part->sums.has_gram = true;
}

/** K += w Σ a cᵀ and M += w Σ c cᵀ, with the first @p rank of the numbers that each row has in @p along. */
static void add_products(lml_normal *sums, const double *rows, const double *along, size_t rank, size_t count,
                         double weight) {
  const int n = (int)sums->width, stride = (int)sums->subspace->rank;
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, (int)rank, (int)count, weight, rows, n, along, stride, 1.0,
              sums->products, n);
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)rank, (int)count, weight, along, stride, 1.0, sums->inner,
              stride);
}

/** M −= w Σ c cᵀ, with the numbers behind the first @p rank ones. */
static void add_beyond(lml_normal *sums, const double *along, size_t rank, size_t count, double weight) {
  const size_t stride = sums->subspace->rank;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)(stride - rank), (int)count, -weight, along + rank,
              (int)stride, 1.0, sums->inner + rank * (stride + 1), (int)stride);
}

static void add_outside(lml_accumulator *part) {
  if (part->outside.count > 0) add_squares(part, part->outside.rows, part->outside.count, 1.0);
  part->outside.count = 0;
}

static void add_inside(lml_accumulator *part) {
  const lml_row_queue *inside = &part->inside;
  if (inside->count > 0)
    add_products(&part->sums, inside->rows, inside->along, part->sums.subspace->rank, inside->count, 1.0);
  part->inside.count = 0;
}

void lml_accumulator_flush(lml_accumulator *part) {
  add_outside(part);
  add_inside(part);
}

void lml_accumulator_clear(lml_accumulator *part) {
  part->outside.count = part->inside.count = 0;
  lml_normal_clear(&part->sums);
}

/** Put @p factor times a row where it waits. */
static void enqueue(lml_row_queue *waiting, const double *row, size_t width, double factor) {
  double *to = waiting->rows + waiting->count++ * width;
  for (size_t i = 0; i < width; i++) to[i] = factor * row[i];
}

static void enqueue_outside(lml_accumulator *part, const double *row, double weight) {
  enqueue(&part->outside, row, part->sums.width, sqrt(weight));
  if (part->outside.count == LML_BLOCK_ROWS) add_outside(part);
}

/** Its c go with it. */
static void enqueue_inside(lml_accumulator *part, const double *row, double *c, double weight) {
  const size_t rank = part->sums.subspace->rank;
  memcpy(part->inside.along + part->inside.count * rank, c, rank * sizeof *c);
  memset(c, 0, rank * sizeof *c);
  enqueue(&part->inside, row, part->sums.width, weight);
  if (part->inside.count == LML_BLOCK_ROWS) add_inside(part);
}

static void add_block(lml_accumulator *part, const lml_row_block *block, double weight) {
  lml_normal *sums = &part->sums;
  const size_t n = sums->width, rank = sums->subspace->rank;
  lml_row_place places[LML_BLOCK_ROWS];
  lml_subspace_project(sums->subspace, block->rows, block->count, part->along, places, &sums->neglected,
                       part->sketches);
  for (size_t k = 0; k < block->count; k++) {
    sums->ninside += places[k] != LML_ROW_OUTSIDE;
    if (places[k] == LML_ROW_OUTSIDE) enqueue_outside(part, block->rows + k * n, weight);
    if (places[k] == LML_ROW_INSIDE) enqueue_inside(part, block->rows + k * n, part->along + k * rank, weight);
  }
  add_products(sums, block->rows, part->along, sums->subspace->nleading, block->count, weight);
  add_beyond(sums, part->along, sums->subspace->nleading, block->count, weight);
}

lml_status lml_accumulate_rows(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  const lml_accumulation *adder = context;
  lml_accumulator *part = &adder->parts[block->slot];
  lml_normal *sums = &part->sums;
  const double weight = adder->weight * block->weight;
  if (adder->subspace == NULL)
    add_squares(part, block->rows, block->count, weight);
  else
    add_block(part, block, weight);
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
