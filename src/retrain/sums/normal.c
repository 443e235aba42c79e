#include "retrain/sums/normal.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "potential/potential.h"

static const char what[] = "normal equations";

lml_status lml_normal_make(lml_normal *normal, size_t width, lml_error *error) {
  *normal = (lml_normal){.width = width};
  const lml_status status = lml_alloc_untouched(&normal->gram, width * width, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&normal->rhs, width, sizeof(double), what, error) : status;
}

void lml_normal_free(lml_normal *normal) {
  lml_free(normal->gram);
  lml_free(normal->rhs);
  lml_thin_sums_free(&normal->thin);
  lml_offset_sums_free(&normal->offsets);
  *normal = (lml_normal){0};
}

lml_status lml_normal_allow_offsets(lml_normal *normal, size_t nelements, lml_error *error) {
  lml_offset_sums_free(&normal->offsets);
  return nelements == 0 ? LML_OK : lml_offset_sums_make(&normal->offsets, nelements, normal->width, error);
}

void lml_normal_clear(lml_normal *normal) {
  const size_t rank = normal->thin.rank;
  memset(normal->rhs, 0, normal->width * sizeof(double));
  if (rank > 0) memset(normal->thin.products, 0, rank * normal->width * sizeof(double));
  if (rank > 0) memset(normal->thin.inner, 0, rank * rank * sizeof(double));
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

lml_status lml_thin_sums_make(lml_thin_sums *thin, size_t rank, size_t width, lml_error *error) {
  *thin = (lml_thin_sums){.rank = rank};
  const lml_status status = lml_alloc(&thin->products, rank * width, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&thin->inner, rank * rank, sizeof(double), what, error) : status;
}

void lml_thin_sums_free(lml_thin_sums *thin) {
  lml_free(thin->products);
  lml_free(thin->inner);
  *thin = (lml_thin_sums){0};
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
  const size_t rank = to->thin.rank;
  if (rank > 0) cblas_daxpy((int)(n * rank), 1.0, from->thin.products, 1, to->thin.products, 1);
  if (rank > 0) cblas_daxpy((int)(rank * rank), 1.0, from->thin.inner, 1, to->thin.inner, 1);
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
