#include "retrain/sums/energy_offset.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "potential/potential.h"

/** Eigenvalues of Σ w c cᵀ below this times the largest are rounding: offsets along their vectors stay zero. */
static const double smallest_eigenvalue = 1e-12;

lml_status lml_offset_sums_make(lml_offset_sums *sums, size_t count, size_t width, lml_error *error) {
  *sums = (lml_offset_sums){.count = count, .width = width, .nnumbers = count * (count + width + 1)};
  const lml_status status = lml_alloc(&sums->numbers, sums->nnumbers + count * (count + width), sizeof *sums->numbers,
                                      "offsets of energies", error);
  if (status != LML_OK) return status;
  sums->gram = sums->numbers;
  sums->rows = sums->gram + count * count;
  sums->rhs = sums->rows + count * width;
  sums->factor = sums->rhs + count;
  sums->reduced = sums->factor + count * count;
  return LML_OK;
}

void lml_offset_sums_free(lml_offset_sums *sums) {
  lml_free(sums->numbers);
  *sums = (lml_offset_sums){0};
}

void lml_offset_sums_clear(lml_offset_sums *sums) {
  if (sums->count > 0) memset(sums->numbers, 0, sums->nnumbers * sizeof *sums->numbers);
}

void lml_offset_sums_add(lml_offset_sums *to, const lml_offset_sums *from) {
  if (to->count > 0 && from->count > 0) cblas_daxpy((int)to->nnumbers, 1.0, from->numbers, 1, to->numbers, 1);
}

lml_status lml_offset_sums_collect(lml_offset_sums *sums, lml_comm *comm, lml_error *error) {
  return sums->count == 0 ? LML_OK : lml_comm_sum(comm, sums->numbers, sums->nnumbers, error);
}

lml_status lml_offset_sums_share(lml_offset_sums *sums, lml_comm *comm, lml_error *error) {
  if (sums->count == 0) return LML_OK;
  return lml_comm_broadcast(comm, sums->numbers, sums->nnumbers * sizeof *sums->numbers, error);
}

void lml_offset_sums_accumulate(lml_offset_sums *sums, const double *fractions, const double *row, double deviation,
                                double weight) {
  for (size_t e = 0; e < sums->count; e++) {
    const double part = weight * fractions[e];
    if (part == 0.0) continue;
    for (size_t k = 0; k < sums->count; k++) sums->gram[e * sums->count + k] += part * fractions[k];
    cblas_daxpy((int)sums->width, part, row, 1, sums->rows + e * sums->width, 1);
    sums->rhs[e] += part * deviation;
  }
}

size_t lml_offset_sums_reduce(const lml_offset_sums *sums) {
  const size_t n = sums->count;
  double values[LML_ELEMENTS_LIMIT], work[3 * LML_ELEMENTS_LIMIT];
  size_t rank = 0;
  if (n == 0) return 0;
  memcpy(sums->factor, sums->gram, n * n * sizeof(double));
  const lapack_int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', (lapack_int)n, sums->factor, (lapack_int)n,
                                             values, work, (lapack_int)(sizeof work / sizeof *work));
  for (size_t k = 0; info == 0 && k < n; k++) { /* ascending */
    if (!(values[k] > smallest_eigenvalue * values[n - 1])) continue;
    for (size_t e = 0; e < n; e++) sums->factor[rank * n + e] = sums->factor[k * n + e] / sqrt(values[k]);
    double *reduced = sums->reduced + rank * sums->width;
    cblas_dgemv(CblasColMajor, CblasNoTrans, (int)sums->width, (int)n, 1.0, sums->rows, (int)sums->width,
                sums->factor + rank * n, 1, 0.0, reduced, 1);
    rank++;
  }
  return rank;
}

void lml_offset_sums_find(const lml_offset_sums *sums, size_t rank, const double *delta, double *offsets) {
  const int n = (int)sums->count;
  memset(offsets, 0, sums->count * sizeof *offsets);
  for (size_t k = 0; k < rank; k++) {
    const double *z = sums->factor + k * sums->count;
    double part = cblas_ddot(n, z, 1, sums->rhs, 1);
    if (delta != NULL) part -= cblas_ddot((int)sums->width, sums->reduced + k * sums->width, 1, delta, 1);
    cblas_daxpy(n, part, z, 1, offsets, 1);
  }
}

double lml_offset_sums_project(const lml_offset_sums *sums, size_t rank, const double *fractions, double *row) {
  double square = 0.0;
  for (size_t k = 0; k < rank; k++) {
    const double part = cblas_ddot((int)sums->count, sums->factor + k * sums->count, 1, fractions, 1);
    cblas_daxpy((int)sums->width, -part, sums->reduced + k * sums->width, 1, row, 1);
    square += part * part;
  }
  return square;
}
