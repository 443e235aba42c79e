#include "retrain/uncertainty/eigen.h"

#include <cblas.h>
#include <lapacke.h>

#include "base/fail.h"
#include "base/memory.h"

static const char what[] = "eigenvectors";

/** LAPACK's order is ascending. */
static void reverse(size_t n, size_t count, double *values, double *vectors) {
  for (size_t i = 0, k = count - 1; i < k; i++, k--) {
    const double value = values[i];
    values[i] = values[k];
    values[k] = value;
    cblas_dswap((int)n, vectors + i * n, 1, vectors + k * n, 1);
  }
}

lml_status lml_eigen_leading(double *matrix, size_t n, size_t count, double *values, double *vectors,
                             lml_error *error) {
  const int size = (int)n, lowest = (int)(n - count + 1);
  double *all = NULL, *work = NULL, wanted = 0.0;
  int *support = NULL, *integers = NULL, found = 0, wanted_integers = 0;
  if (count == 0) return LML_OK;
  lml_status status = lml_alloc(&all, n, sizeof *all, what, error); /* dsyevr uses all of it */
  if (status == LML_OK) status = lml_alloc(&support, 2 * n, sizeof *support, what, error);
  int info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'I', 'L', size, matrix, size, 0.0, 0.0, lowest, size, 0.0,
                                 &found, all, vectors, size, support, &wanted, -1, &wanted_integers, -1);
  const size_t nwork = info == 0 ? (size_t)wanted : 0, nintegers = info == 0 ? (size_t)wanted_integers : 0;
  if (status == LML_OK) status = lml_alloc(&work, nwork, sizeof *work, what, error);
  if (status == LML_OK) status = lml_alloc(&integers, nintegers, sizeof *integers, what, error);
  if (status == LML_OK && info == 0)
    info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'I', 'L', size, matrix, size, 0.0, 0.0, lowest, size, 0.0, &found,
                               all, vectors, size, support, work, (int)nwork, integers, (int)nintegers);
  if (status == LML_OK && (info != 0 || found != (int)count))
    status = lml_fail(error, LML_ERR_INTERNAL, "eigenvectors were not found (dsyevr: %d)", info);
  for (size_t k = 0; k < count && status == LML_OK; k++) values[k] = all[k];
  if (status == LML_OK) reverse(n, count, values, vectors);
  lml_free(all);
  lml_free(support);
  lml_free(work);
  lml_free(integers);
  return status;
}
