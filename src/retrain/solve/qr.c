#include "retrain/solve/qr.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

enum { PANEL = 64 /**< columns that are factorised at a time */ };

lml_status lml_qr_make(lml_qr *qr, const lml_constraints *constraints, const double *scale, lml_error *error) {
  const size_t n = constraints->width, all = n + 1;
  *qr = (lml_qr){.width = n, .constraints = constraints};
  const struct {
    double **array;
    size_t count;
  } arrays[] = {{&qr->triangle, all * all},
                {&qr->scale, n},
                {&qr->rows, LML_BLOCK_ROWS * n},
                {&qr->block, LML_BLOCK_ROWS * all},
                {&qr->products, LML_BLOCK_ROWS * constraints->rank},
                {&qr->reflectors, PANEL * all},
                {&qr->work, PANEL * all > 3 * n ? PANEL * all : 3 * n}};
  lml_status status = LML_OK;
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && status == LML_OK; i++)
    status = lml_alloc(arrays[i].array, arrays[i].count, sizeof(double), "a QR factorisation", error);
  if (status == LML_OK) memcpy(qr->scale, scale, n * sizeof(double));
  return status;
}

void lml_qr_free(lml_qr *qr) {
  lml_free(qr->triangle);
  lml_free(qr->scale);
  lml_free(qr->rows);
  lml_free(qr->block);
  lml_free(qr->products);
  lml_free(qr->reflectors);
  lml_free(qr->work);
  *qr = (lml_qr){0};
}

/** Fold @p count rows, in @p block by columns, into the triangle. */
static lml_status fold(lml_qr *qr, double *block, size_t count, size_t stride, lml_error *error) {
  const lapack_int all = (lapack_int)(qr->width + 1), panel = all < PANEL ? all : PANEL;
  const lapack_int info = LAPACKE_dtpqrt_work(LAPACK_COL_MAJOR, (lapack_int)count, all, 0, panel, qr->triangle, all,
                                              block, (lapack_int)stride, qr->reflectors, panel, qr->work);
  if (info == 0) return LML_OK;
  return lml_fail(error, LML_ERR_INTERNAL, "the QR factorisation failed (dtpqrt: %d)", (int)info);
}

/** Project, scale, transpose and fold up to LML_BLOCK_ROWS rows, which are in qr->rows, with their deviations. */
static lml_status add_rows(lml_qr *qr, const double *deviations, size_t count, double factor, lml_error *error) {
  const size_t n = qr->width;
  lml_constraints_project_rows(qr->constraints, qr->rows, count, qr->products);
  for (size_t column = 0; column < n; column++)
    for (size_t k = 0; k < count; k++)
      qr->block[column * LML_BLOCK_ROWS + k] = factor * qr->scale[column] * qr->rows[k * n + column];
  for (size_t k = 0; k < count; k++) qr->block[n * LML_BLOCK_ROWS + k] = factor * deviations[k];
  return fold(qr, qr->block, count, LML_BLOCK_ROWS, error);
}

/** Rows and deviations of energies that are offset, less what the offsets account for. */
static void take_offsets_off(lml_qr_adder *adder, const lml_row_block *block) {
  const size_t n = adder->qr->width, count = adder->offsets->count;
  for (size_t k = 0; k < block->count; k++) {
    const double *fractions = block->fractions + k * count;
    lml_offset_sums_project(adder->offsets, adder->offset_rank, fractions, adder->qr->rows + k * n);
    adder->deviations[k] -= cblas_ddot((int)count, fractions, 1, adder->best, 1);
  }
}

lml_status lml_qr_accumulate(void *context, const lml_row_block *block, lml_error *error) {
  lml_qr_adder *adder = context;
  const int n = (int)adder->qr->width, count = (int)block->count;
  memset(adder->deviations, 0, sizeof adder->deviations);
  if (adder->has_values) memcpy(adder->deviations, block->targets, block->count * sizeof(double));
  if (adder->start != NULL)
    cblas_dgemv(CblasColMajor, CblasTrans, n, count, -1.0, block->rows, n, adder->start, 1, 1.0, adder->deviations, 1);
  memcpy(adder->qr->rows, block->rows, block->count * adder->qr->width * sizeof(double));
  if (block->fractions != NULL) take_offsets_off(adder, block);
  return add_rows(adder->qr, adder->deviations, block->count, sqrt(adder->weight * block->weight), error);
}

lml_status lml_qr_collect(lml_qr *qr, lml_comm *comm, lml_error *error) {
  const size_t all = qr->width + 1;
  double *other;
  if (lml_comm_size(comm) == 1) return LML_OK;
  lml_status status = lml_alloc(&other, all * all, sizeof(double), "another rank's triangle", error);
  status = lml_comm_agree(comm, status, error);
  for (int rank = 1; rank < lml_comm_size(comm) && status == LML_OK; rank++) {
    memset(other, 0, all * all * sizeof(double));
    if (lml_comm_rank(comm) == rank) memcpy(other, qr->triangle, all * all * sizeof(double));
    status = lml_comm_sum(comm, other, all * all, error);
    if (status == LML_OK && lml_comm_rank(comm) == 0) status = fold(qr, other, all, all, error);
    status = lml_comm_agree(comm, status, error);
  }
  lml_free(other);
  return status;
}

/* ---- the solution ---- */

/** Rows √(λ₀ ρᵢ) of the unit matrix, whose deviations are those of the shift. */
static lml_status add_ridge(lml_qr *qr, double lambda_ridge, const double *ridge, lml_error *error) {
  const size_t n = qr->width;
  const double *shift = qr->constraints->shift;
  double deviations[LML_BLOCK_ROWS];
  lml_status status = LML_OK;
  for (size_t first = 0; first < n && status == LML_OK; first += LML_BLOCK_ROWS) {
    const size_t count = n - first < LML_BLOCK_ROWS ? n - first : LML_BLOCK_ROWS;
    memset(qr->rows, 0, count * n * sizeof(double));
    for (size_t k = 0; k < count; k++) {
      const double factor = sqrt(lambda_ridge * ridge[first + k]);
      qr->rows[k * n + first + k] = factor;
      deviations[k] = shift == NULL ? 0.0 : -factor * shift[first + k];
    }
    status = add_rows(qr, deviations, count, 1.0, error);
  }
  return status;
}

/** Rows along the constrained directions, so that the triangle has full rank. */
static lml_status add_directions(lml_qr *qr, lml_error *error) {
  const size_t n = qr->width, r = qr->constraints->rank;
  double mean = 0.0; /* of the columns' squared lengths */
  for (size_t i = 0; i < n; i++) mean += 1.0 / (qr->scale[i] * qr->scale[i] * (double)n);
  lml_status status = LML_OK;
  for (size_t first = 0; first < r && status == LML_OK; first += LML_BLOCK_ROWS) {
    const size_t count = r - first < LML_BLOCK_ROWS ? r - first : LML_BLOCK_ROWS;
    memset(qr->block, 0, LML_BLOCK_ROWS * (n + 1) * sizeof(double));
    for (size_t k = 0; k < count; k++)
      for (size_t column = 0; column < n; column++)
        qr->block[column * LML_BLOCK_ROWS + k] =
            qr->constraints->vectors[(first + k) * n + column] * qr->scale[column] * sqrt(mean);
    status = fold(qr, qr->block, count, LML_BLOCK_ROWS, error);
  }
  return status;
}

/** A coefficient that no row depends on stays as it is. */
static void fill_empty_columns(lml_qr *qr) {
  const size_t all = qr->width + 1;
  for (size_t i = 0; i < qr->width; i++) {
    const double *column = qr->triangle + i * all;
    if (cblas_dasum((int)i + 1, column, 1) == 0.0) qr->triangle[i * (all + 1)] = 1.0;
  }
}

lml_status lml_qr_solve(lml_qr *qr, double lambda_ridge, const double *ridge, double *x, double *condition,
                        lml_error *error) {
  const size_t n = qr->width;
  const lapack_int all = (lapack_int)(n + 1), size = (lapack_int)n;
  double reciprocal = 0.0;
  int *integers;
  lml_status status = lambda_ridge > 0.0 ? add_ridge(qr, lambda_ridge, ridge, error) : LML_OK;
  if (status == LML_OK) status = add_directions(qr, error);
  if (status == LML_OK) status = lml_alloc(&integers, n, sizeof *integers, "a QR factorisation", error);
  if (status != LML_OK) return status;
  fill_empty_columns(qr);
  LAPACKE_dtrcon_work(LAPACK_COL_MAJOR, '1', 'U', 'N', size, qr->triangle, all, &reciprocal, qr->work, integers);
  lml_free(integers);
  *condition = reciprocal > 0.0 ? 1.0 / reciprocal : INFINITY;
  if (!(reciprocal > DBL_EPSILON))
    return lml_fail(error, LML_ERR_INPUT,
                    "the targets do not determine all %zu coefficients (condition number %.1e): give more of them, or "
                    "a larger --lambda-ridge",
                    n, *condition);
  memcpy(x, qr->triangle + n * (n + 1), n * sizeof(double));
  cblas_dtrsv(CblasColMajor, CblasUpper, CblasNoTrans, CblasNonUnit, (int)n, qr->triangle, (int)all, x, 1);
  for (size_t i = 0; i < n; i++) x[i] *= qr->scale[i];
  lml_constraints_project(qr->constraints, x);
  return LML_OK;
}
