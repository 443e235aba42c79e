#include "retrain/normal.h"

#include <cblas.h>
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
  *normal = (lml_normal){0};
}

void lml_normal_clear(lml_normal *normal) {
  memset(normal->gram, 0, normal->width * normal->width * sizeof(double));
  memset(normal->moment, 0, normal->width * sizeof(double));
  normal->square = normal->nrows = 0.0;
}

lml_status lml_normal_take(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  lml_normal_adder *adder = context;
  lml_normal *normal = &adder->normals[(adder->first + block->position) % adder->nnormals];
  const int n = (int)normal->width, count = (int)block->count;
  const double weight = adder->weight * block->weight;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, count, weight, block->rows, n, 1.0, normal->gram, n);
  normal->nrows += (double)count;
  if (!adder->has_values) return LML_OK;
  memcpy(adder->deviations, block->targets, block->count * sizeof(double));
  cblas_dgemv(CblasColMajor, CblasTrans, n, count, -1.0, block->rows, n, adder->start, 1, 1.0, adder->deviations, 1);
  cblas_dgemv(CblasColMajor, CblasNoTrans, n, count, weight, block->rows, n, adder->deviations, 1, 1.0, normal->moment,
              1);
  normal->square += weight * cblas_ddot(count, adder->deviations, 1, adder->deviations, 1);
  return LML_OK;
}

lml_status lml_normal_collect(lml_normal *normal, lml_comm *comm, lml_error *error) {
  double numbers[2] = {normal->square, normal->nrows};
  lml_status status = lml_comm_sum(comm, normal->gram, normal->width * normal->width, error);
  if (status == LML_OK) status = lml_comm_sum(comm, normal->moment, normal->width, error);
  if (status == LML_OK) status = lml_comm_sum(comm, numbers, 2, error);
  normal->square = numbers[0];
  normal->nrows = numbers[1];
  return status;
}

void lml_normal_add(lml_normal *to, const lml_normal *from, double factor) {
  const size_t n = to->width;
  for (size_t column = 0; column < n; column++)
    cblas_daxpy((int)(n - column), factor, from->gram + column * (n + 1), 1, to->gram + column * (n + 1), 1);
  cblas_daxpy((int)n, factor, from->moment, 1, to->moment, 1);
  to->square += factor * from->square;
  to->nrows += from->nrows;
}

double lml_normal_square(const lml_normal *normal, const double *delta, double *scratch) {
  const int n = (int)normal->width;
  cblas_dsymv(CblasColMajor, CblasLower, n, 1.0, normal->gram, n, delta, 1, 0.0, scratch, 1);
  const double square =
      normal->square - 2.0 * cblas_ddot(n, normal->moment, 1, delta, 1) + cblas_ddot(n, scratch, 1, delta, 1);
  return square > 0.0 ? square : 0.0;
}
