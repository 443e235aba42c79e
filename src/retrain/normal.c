#include "retrain/normal.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

lml_status lml_normal_make(lml_normal *normal, size_t width, lml_error *error) {
  *normal = (lml_normal){.width = width};
  lml_status status = lml_alloc(&normal->gram, width * width, sizeof(double), "normal equations", error);
  if (status == LML_OK) status = lml_alloc(&normal->moment, width, sizeof(double), "normal equations", error);
  return status;
}

void lml_normal_free(lml_normal *normal) {
  lml_free(normal->gram);
  lml_free(normal->moment);
  lml_free(normal->products);
  *normal = (lml_normal){0};
}

void lml_normal_clear(lml_normal *normal) {
  memset(normal->gram, 0, normal->width * normal->width * sizeof(double));
  memset(normal->moment, 0, normal->width * sizeof(double));
  if (normal->subspace != NULL) memset(normal->products, 0, normal->subspace->rank * normal->width * sizeof(double));
  normal->square = normal->nrows = normal->dimension = normal->ninside = normal->left_out = 0.0;
}

lml_status lml_normal_set_subspace(lml_normal *normal, const lml_subspace *subspace, lml_error *error) {
  lml_free(normal->products);
  normal->products = NULL;
  normal->subspace = subspace;
  if (subspace == NULL) return LML_OK;
  normal->dimension = (double)subspace->rank;
  return lml_alloc(&normal->products, subspace->rank * normal->width, sizeof(double), "normal equations", error);
}

lml_status lml_normal_expand(lml_normal *normal, lml_error *error) {
  if (normal->subspace == NULL) return LML_OK;
  const size_t rank = normal->subspace->rank;
  double *scratch;
  const lml_status status =
      lml_alloc(&scratch, rank * (rank + normal->width), sizeof *scratch, "normal equations", error);
  if (status != LML_OK) return status;
  lml_subspace_expand(normal->subspace, normal->products, normal->gram, scratch);
  lml_free(scratch);
  return lml_normal_set_subspace(normal, NULL, error);
}

lml_status lml_normal_collect(lml_normal *normal, lml_comm *comm, lml_error *error) {
  double *const numbers[] = {&normal->square, &normal->nrows, &normal->ninside, &normal->left_out};
  lml_status status = lml_comm_sum(comm, normal->gram, normal->width * normal->width, error);
  if (status == LML_OK) status = lml_comm_sum(comm, normal->moment, normal->width, error);
  for (size_t k = 0; k < sizeof numbers / sizeof numbers[0] && status == LML_OK; k++)
    status = lml_comm_sum(comm, numbers[k], 1, error);
  return status;
}

void lml_normal_add(lml_normal *to, const lml_normal *from, double factor) {
  const size_t n = to->width;
  for (size_t column = 0; column < n; column++)
    cblas_daxpy((int)(n - column), factor, from->gram + column * (n + 1), 1, to->gram + column * (n + 1), 1);
  cblas_daxpy((int)n, factor, from->moment, 1, to->moment, 1);
  if (from->subspace != NULL) cblas_daxpy((int)(n * from->subspace->rank), factor, from->products, 1, to->products, 1);
  to->square += factor * from->square;
  to->nrows += from->nrows;
  to->dimension = fmax(to->dimension, from->dimension);
  to->ninside += from->ninside;
  to->left_out += from->left_out;
}

double lml_normal_square(const lml_normal *normal, const double *delta, double *scratch) {
  const int n = (int)normal->width;
  cblas_dsymv(CblasColMajor, CblasLower, n, 1.0, normal->gram, n, delta, 1, 0.0, scratch, 1);
  const double square =
      normal->square - 2.0 * cblas_ddot(n, normal->moment, 1, delta, 1) + cblas_ddot(n, scratch, 1, delta, 1);
  return square > 0.0 ? square : 0.0;
}

/* ---- adding rows ---- */

lml_status lml_normal_part_make(lml_normal_part *part, size_t width, const lml_subspace *subspace, lml_error *error) {
  *part = (lml_normal_part){.nwaiting = 0};
  lml_status status = lml_normal_make(&part->sums, width, error);
  if (status == LML_OK) status = lml_normal_set_subspace(&part->sums, subspace, error);
  if (status != LML_OK || subspace == NULL) return status;
  status = lml_alloc(&part->waiting, LML_BLOCK_ROWS * width, sizeof(double), "rows of the design matrix", error);
  if (status == LML_OK)
    status = lml_alloc(&part->along, LML_BLOCK_ROWS * subspace->rank, sizeof(double), "normal equations", error);
  return status;
}

void lml_normal_part_free(lml_normal_part *part) {
  lml_normal_free(&part->sums);
  lml_free(part->waiting);
  lml_free(part->along);
  *part = (lml_normal_part){.nwaiting = 0};
}

static void add_products(lml_normal *sums, const double *rows, size_t count, double weight) {
  const int n = (int)sums->width;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, (int)count, weight, rows, n, 1.0, sums->gram, n);
}

void lml_normal_part_end(lml_normal_part *part) {
  if (part->nwaiting > 0) add_products(&part->sums, part->waiting, part->nwaiting, 1.0);
  part->nwaiting = 0;
}

/** A row that does not lie in the subspace waits until there are enough of its kind. */
static void let_wait(lml_normal_part *part, const double *row, double weight) {
  const size_t n = part->sums.width;
  double *to = part->waiting + part->nwaiting * n;
  for (size_t i = 0; i < n; i++) to[i] = weight * row[i];
  if (++part->nwaiting == LML_BLOCK_ROWS) lml_normal_part_end(part);
}

static void add_block(lml_normal_part *part, const lml_row_block *block, double weight) {
  lml_normal *sums = &part->sums;
  const int n = (int)sums->width, rank = (int)sums->subspace->rank;
  unsigned char inside[LML_BLOCK_ROWS];
  lml_subspace_project(sums->subspace, block->rows, block->count, part->along, inside, &sums->left_out);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, rank, (int)block->count, weight, block->rows, n, part->along,
              rank, 1.0, sums->products, n);
  for (size_t k = 0; k < block->count; k++) {
    sums->ninside += inside[k];
    if (!inside[k]) let_wait(part, block->rows + k * sums->width, sqrt(weight));
  }
}

lml_status lml_normal_take(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  const lml_normal_adder *adder = context;
  lml_normal_part *part = &adder->parts[block->worker];
  lml_normal *sums = &part->sums;
  const double weight = adder->weight * block->weight;
  if (sums->subspace == NULL)
    add_products(sums, block->rows, block->count, weight);
  else
    add_block(part, block, weight);
  sums->nrows += (double)block->count;
  if (!adder->has_values) return LML_OK;
  double deviations[LML_BLOCK_ROWS];
  const int n = (int)sums->width, count = (int)block->count;
  for (size_t k = 0; k < block->count; k++) deviations[k] = block->targets[k] - block->predicted[k];
  cblas_dgemv(CblasColMajor, CblasNoTrans, n, count, weight, block->rows, n, deviations, 1, 1.0, sums->moment, 1);
  sums->square += weight * cblas_ddot(count, deviations, 1, deviations, 1);
  return LML_OK;
}
