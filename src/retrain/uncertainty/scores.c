#include "retrain/uncertainty/scores.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "retrain/uncertainty/eigen.h"

static const char what[] = "scores of rows";

lml_status lml_vectors_reserve(lml_vectors *vectors, size_t count, lml_error *error) {
  return lml_grow(&vectors->values, &vectors->capacity, count * vectors->width, sizeof(double), what, error);
}

void lml_vectors_free(lml_vectors *vectors) {
  lml_free(vectors->values);
  vectors->values = NULL;
  vectors->count = vectors->capacity = 0;
}

/* ---- sandwich ---- */

/** A leverage is below 1 but for rounding, where a row is met whatever its value. */
static const double smallest_rest = 1e-6;

lml_status lml_scores_append(lml_vectors *scores, const lml_scored_rows *rows, lml_error *error) {
  const size_t n = scores->width;
  const lml_status status = lml_vectors_reserve(scores, scores->count + rows->count, error);
  for (size_t k = 0; k < rows->count && status == LML_OK; k++) {
    const double *y = rows->whitened + k * n;
    const double leverage = rows->weights[k] * cblas_ddot((int)n, y, 1, y, 1);
    const double factor = rows->weights[k] * rows->errors[k] / fmax(1.0 - leverage, smallest_rest);
    if (k == 0 || rows->clusters[k] != rows->clusters[k - 1])
      memset(scores->values + scores->count++ * n, 0, n * sizeof(double));
    cblas_daxpy((int)n, factor, y, 1, scores->values + (scores->count - 1) * n, 1);
  }
  return status;
}

lml_status lml_vectors_from_squares(lml_vectors *vectors, double *squares, lml_error *error) {
  const size_t n = vectors->width;
  lapack_int *pivots = NULL, rank = 0;
  double *work = NULL;
  lml_status status = lml_alloc(&pivots, n, sizeof *pivots, what, error);
  if (status == LML_OK) status = lml_alloc(&work, 2 * n, sizeof *work, what, error);
  if (status == LML_OK &&
      LAPACKE_dpstrf_work(LAPACK_COL_MAJOR, 'L', (int)n, squares, (int)n, pivots, &rank, -1.0, work) < 0)
    status = lml_fail(error, LML_ERR_INTERNAL, "sums over scores have no factor (dpstrf)");
  if (status == LML_OK) status = lml_vectors_reserve(vectors, (size_t)rank, error);
  vectors->count = status == LML_OK ? (size_t)rank : 0;
  if (status == LML_OK && rank > 0) memset(vectors->values, 0, vectors->count * n * sizeof(double));
  for (size_t column = 0; column < vectors->count; column++)
    for (size_t row = column; row < n; row++)
      vectors->values[column * n + (size_t)pivots[row] - 1] = squares[column * n + row];
  lml_free(pivots);
  lml_free(work);
  return status;
}

lml_status lml_vectors_compress(lml_vectors *vectors, lml_error *error) {
  const int n = (int)vectors->width;
  double *squares;
  if (vectors->count <= vectors->width) return LML_OK;
  lml_status status = lml_alloc(&squares, vectors->width * vectors->width, sizeof *squares, what, error);
  if (status != LML_OK) return status;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, (int)vectors->count, 1.0, vectors->values, n, 0.0, squares,
              n);
  status = lml_vectors_from_squares(vectors, squares, error);
  lml_free(squares);
  return status;
}

/* ---- POPS ---- */

/** Axes with less than this of the largest eigenvalue are left away. */
static const double smallest_axis = 1e-8;

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/** The median of @p count values, which are sorted. */
static double find_median(double *values, size_t count) {
  qsort(values, count, sizeof *values, by_size);
  return 0.5 * (values[(count - 1) / 2] + values[count / 2]);
}

/** Append the smallest changes that meet rows of at least median leverage, still whitened. */
static lml_status append_changes(lml_vectors *changes, const lml_scored_rows *rows, lml_error *error) {
  const size_t n = changes->width;
  double *leverages;
  lml_status status = lml_alloc(&leverages, 2 * rows->count, sizeof *leverages, what, error);
  if (status == LML_OK) status = lml_vectors_reserve(changes, rows->count, error);
  for (size_t k = 0; k < rows->count && status == LML_OK; k++) {
    const double *y = rows->whitened + k * n;
    leverages[k] = leverages[rows->count + k] = rows->weights[k] * cblas_ddot((int)n, y, 1, y, 1);
  }
  const double median = status == LML_OK && rows->count > 0 ? find_median(leverages + rows->count, rows->count) : 0.0;
  for (size_t k = 0; k < rows->count && status == LML_OK; k++) {
    double *change = changes->values + changes->count * n;
    if (leverages[k] < median || leverages[k] == 0.0) continue;
    memcpy(change, rows->whitened + k * n, n * sizeof(double));
    cblas_dscal((int)n, rows->errors[k] * rows->weights[k] / leverages[k], change, 1);
    changes->count++;
  }
  lml_free(leverages);
  return status;
}

/** Append the columns of the box that holds the changes along @p axis, and add its middle to @p middle. */
static void append_side(lml_vectors *columns, const lml_vectors *changes, const double *axis, double *middle) {
  const size_t n = changes->width;
  double low = INFINITY, high = -INFINITY, *column = columns->values + columns->count++ * n;
  for (size_t k = 0; k < changes->count; k++) {
    const double along = cblas_ddot((int)n, changes->values + k * n, 1, axis, 1);
    low = fmin(low, along);
    high = fmax(high, along);
  }
  for (size_t i = 0; i < n; i++) column[i] = (high - low) / sqrt(12.0) * axis[i];
  cblas_daxpy((int)n, 0.5 * (low + high), axis, 1, middle, 1);
}

/** The box: along each axis a column whose square is the variance between its sides, and one for its middle. */
static lml_status append_box(lml_vectors *columns, const lml_vectors *changes, lml_error *error) {
  const size_t n = changes->width, naxes = changes->count < n ? changes->count : n;
  double *squares = NULL, *axes = NULL, *values = NULL, *middle = NULL;
  lml_status status = lml_alloc(&squares, n * n, sizeof *squares, what, error);
  if (status == LML_OK) status = lml_alloc(&axes, naxes * n, sizeof *axes, what, error);
  if (status == LML_OK) status = lml_alloc(&values, n, sizeof *values, what, error);
  if (status == LML_OK) status = lml_alloc(&middle, n, sizeof *middle, what, error);
  if (status == LML_OK) status = lml_vectors_reserve(columns, columns->count + naxes + 1, error);
  if (status == LML_OK) {
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)n, (int)changes->count, 1.0, changes->values, (int)n, 0.0,
                squares, (int)n);
    status = lml_eigen_leading(squares, n, naxes, values, axes, error);
  }
  for (size_t i = 0; i < naxes && status == LML_OK; i++)
    if (values[i] > smallest_axis * values[0]) append_side(columns, changes, axes + i * n, middle);
  if (status == LML_OK) memcpy(columns->values + columns->count++ * n, middle, n * sizeof *middle);
  lml_free(squares);
  lml_free(axes);
  lml_free(values);
  lml_free(middle);
  return status;
}

lml_status lml_pops_append(lml_vectors *columns, const lml_scored_rows *rows, const lml_solver *solver,
                           const lml_constraints *constraints, double *scratch, lml_error *error) {
  lml_vectors changes = {.width = columns->width};
  lml_status status = append_changes(&changes, rows, error);
  if (status == LML_OK) {
    lml_solver_unwhiten(solver, constraints, changes.values, changes.count, scratch);
    status = append_box(columns, &changes, error);
  }
  lml_vectors_free(&changes);
  return status;
}
