#include "retrain/uncertainty/factor.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "retrain/uncertainty/eigen.h"

static const char what[] = "the factor of a covariance";

void lml_factor_free(lml_factor *factor) {
  lml_free(factor->columns);
  *factor = (lml_factor){0};
}

double lml_factor_variance(const lml_factor *factor, const double *row) {
  double sum = 0.0;
  for (size_t k = 0; k < factor->rank; k++) {
    const double along = cblas_ddot((int)factor->width, factor->columns + k * factor->width, 1, row, 1);
    sum += along * along;
  }
  return sum;
}

/* ---- columns ---- */

/** Rows that are scored, in arrays of their own. */
typedef struct {
  size_t count;
  double *whitened, *errors, *weights, *scratch;
  size_t *clusters;
} scoring;

static lml_status make_scoring(scoring *s, const lml_held_rows *held, size_t rank, lml_error *error) {
  *s = (scoring){0};
  lml_status status = lml_alloc_untouched(&s->whitened, held->count * held->width, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->errors, held->count, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->weights, held->count, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->scratch, held->count * rank, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&s->clusters, held->count, sizeof(size_t), what, error) : status;
}

static void free_scoring(scoring *s) {
  lml_free(s->whitened);
  lml_free(s->errors);
  lml_free(s->weights);
  lml_free(s->scratch);
  lml_free(s->clusters);
}

/** Take the rows of all folds but one. */
static void take_rows(scoring *s, const lml_solved *solved, const lml_held_rows *held, size_t left_out) {
  const size_t n = held->width;
  for (size_t k = 0; k < held->count; k++) {
    if (held->folds[k] == left_out) continue;
    memcpy(s->whitened + s->count * n, held->rows + k * n, n * sizeof(double));
    s->errors[s->count] = held->deviations[k] - cblas_ddot((int)n, held->rows + k * n, 1, solved->delta, 1);
    s->weights[s->count] = held->weights[k];
    s->clusters[s->count++] = held->clusters[k];
  }
}

lml_status lml_factor_columns(const lml_solved *solved, const lml_held_rows *held, size_t left_out,
                              lml_uncertainty_kind kind, lml_vectors *columns, lml_error *error) {
  const lml_constraints *constraints = solved->problem.constraints;
  scoring s;
  lml_status status = make_scoring(&s, held, constraints->rank, error);
  if (status == LML_OK) {
    take_rows(&s, solved, held, left_out);
    lml_solver_whiten(solved->solver, constraints, s.whitened, s.count, s.scratch);
    const lml_scored_rows rows = {s.count, s.whitened, s.errors, s.weights, s.clusters};
    status = kind == LML_UNCERTAINTY_POPS
                 ? lml_pops_append(columns, &rows, solved->solver, constraints, s.scratch, error)
                 : lml_scores_append(columns, &rows, error);
  }
  for (size_t i = 0; i < columns->count * columns->width && status == LML_OK && kind == LML_UNCERTAINTY_SANDWICH; i++)
    columns->values[i] *= sqrt(held->stride); /* each stands for so many */
  free_scoring(&s);
  return status;
}

/* ---- the leading part ---- */

/** XᵀMX of @p count columns (count × width) into @p inner (count²), which uses the solver's matrix for M. */
static lml_status put_inner(const lml_solved *solved, const lml_vectors *columns, double *inner, lml_error *error) {
  const int n = (int)columns->width, count = (int)columns->count;
  lml_solver *solver = solved->solver;
  double *products;
  lml_status status = lml_alloc_untouched(&products, columns->count * columns->width, sizeof *products, what, error);
  if (status != LML_OK) return status;
  lml_solver_put_sums(solver, &solved->problem);
  cblas_dsymm(CblasColMajor, CblasLeft, CblasLower, n, count, 1.0, solver->matrix, n, columns->values, n, 0.0, products,
              n);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, count, count, n, 1.0, columns->values, n, products, n, 0.0,
              inner, count);
  lml_free(products);
  return LML_OK;
}

/** The columns along the leading eigenvectors of @p inner. */
static lml_status put_leading(const lml_vectors *columns, double *inner, lml_factor *factor, lml_error *error) {
  const size_t count = columns->count;
  double trace = 0.0, kept = 0.0, *values = NULL, *vectors = NULL;
  lml_status status = lml_alloc(&values, factor->rank, sizeof *values, what, error);
  if (status == LML_OK) status = lml_alloc(&vectors, factor->rank * count, sizeof *vectors, what, error);
  for (size_t i = 0; i < count; i++) trace += inner[i * (count + 1)];
  if (status == LML_OK) status = lml_eigen_leading(inner, count, factor->rank, values, vectors, error);
  for (size_t k = 0; k < factor->rank && status == LML_OK; k++) kept += values[k];
  if (status == LML_OK) {
    factor->share = trace > 0.0 ? kept / trace : 1.0;
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)columns->width, (int)factor->rank, (int)count, 1.0,
                columns->values, (int)columns->width, vectors, (int)count, 0.0, factor->columns, (int)columns->width);
  }
  lml_free(values);
  lml_free(vectors);
  return status;
}

/** Make columns of Θ of scores; what is left along V is rounding. */
static lml_status unwhiten(const lml_solved *solved, lml_vectors *columns, lml_error *error) {
  const lml_constraints *constraints = solved->problem.constraints;
  double *scratch;
  const lml_status status = lml_alloc(&scratch, columns->count * constraints->rank, sizeof *scratch, what, error);
  if (status == LML_OK) lml_solver_unwhiten(solved->solver, constraints, columns->values, columns->count, scratch);
  lml_free(scratch);
  return status;
}

lml_status lml_factor_make(const lml_solved *solved, lml_vectors *columns, lml_uncertainty_kind kind, size_t rank,
                           lml_factor *factor, lml_error *error) {
  double *inner = NULL;
  *factor = (lml_factor){.width = columns->width};
  lml_status status = lml_vectors_compress(columns, error);
  if (status == LML_OK && kind == LML_UNCERTAINTY_SANDWICH) status = unwhiten(solved, columns, error);
  factor->rank = rank < columns->count ? rank : columns->count;
  if (status == LML_OK) status = lml_alloc(&inner, columns->count * columns->count, sizeof *inner, what, error);
  if (status == LML_OK) status = lml_alloc(&factor->columns, factor->rank * factor->width, sizeof(double), what, error);
  if (status == LML_OK) status = put_inner(solved, columns, inner, error);
  if (status == LML_OK) status = put_leading(columns, inner, factor, error);
  lml_free(inner);
  return status;
}
