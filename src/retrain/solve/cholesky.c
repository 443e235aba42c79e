#include "retrain/solve/cholesky.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

enum { MOST_REFINEMENTS = 10 };

/** A correction this small, relative to δ, is rounding. */
static const double smallest_correction = 1e-15;

lml_status lml_solver_make(lml_solver *solver, size_t width, size_t rank, lml_error *error) {
  *solver = (lml_solver){.width = width};
  lml_status status = /* the upper triangle is not used */
      lml_alloc_untouched(&solver->matrix, width * width, sizeof(double), "a matrix to factorise", error);
  if (status == LML_OK)
    status = lml_alloc(&solver->scratch, (width + rank) * rank + 4 * width, sizeof(double), "a solution", error);
  if (status == LML_OK) status = lml_alloc(&solver->vectors, 4 * width, sizeof(double), "a solution", error);
  if (status == LML_OK) status = lml_alloc(&solver->scale, width, sizeof(double), "a solution", error);
  if (status == LML_OK) status = lml_alloc(&solver->integers, width, sizeof(int), "a solution", error);
  return status;
}

void lml_solver_free(lml_solver *solver) {
  lml_free(solver->matrix);
  lml_free(solver->scratch);
  lml_free(solver->vectors);
  lml_free(solver->scale);
  lml_free(solver->integers);
  *solver = (lml_solver){0};
}

/* ---- the matrix ---- */

void lml_solver_put_sums(lml_solver *solver, const lml_problem *problem) {
  const size_t n = solver->width;
  lml_normal_copy_gram(problem->target, solver->matrix);
  for (size_t column = 0; column < n && problem->soft != NULL; column++)
    cblas_daxpy((int)(n - column), problem->lambda_soft, problem->soft->gram + column * (n + 1), 1,
                solver->matrix + column * (n + 1), 1);
}

/** Q M Q + μ V Vᵀ, scaled from both sides to a unit diagonal. */
static void put_matrix(lml_solver *solver, const lml_problem *problem) {
  const size_t n = solver->width;
  double *scale = solver->scale;
  const lml_constraints *constraints = problem->constraints;
  lml_solver_put_sums(solver, problem);
  for (size_t i = 0; i < n; i++) solver->matrix[i * (n + 1)] += problem->lambda_ridge * problem->ridge[i];
  lml_constraints_project_matrix(constraints, solver->matrix, solver->scratch);
  double trace = 0.0;
  for (size_t i = 0; i < n; i++) trace += solver->matrix[i * (n + 1)];
  if (constraints->rank > 0)
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)n, (int)constraints->rank, trace / (double)n,
                constraints->vectors, (int)n, 1.0, solver->matrix, (int)n);
  for (size_t i = 0; i < n; i++) {
    double *diagonal = &solver->matrix[i * (n + 1)];
    if (*diagonal == 0.0) *diagonal = 1.0; /* nothing depends on this coefficient */
    scale[i] = *diagonal > 0.0 ? 1.0 / sqrt(*diagonal) : 1.0;
  }
  for (size_t column = 0; column < n; column++)
    for (size_t row = column; row < n; row++) solver->matrix[column * n + row] *= scale[row] * scale[column];
}

/** Factorise, and estimate the condition number where it is wanted. */
static lml_status factorise(lml_solver *solver, const lml_problem *problem, lml_solution *solution, lml_error *error) {
  const bool estimated = problem->correction == 0.0;
  const lapack_int n = (lapack_int)solver->width;
  double reciprocal = 0.0, norm = 0.0;
  if (estimated) norm = LAPACKE_dlansy_work(LAPACK_COL_MAJOR, '1', 'L', n, solver->matrix, n, solver->vectors);
  const lapack_int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', n, solver->matrix, n);
  if (info < 0) return lml_fail(error, LML_ERR_INTERNAL, "Cholesky's factorisation failed (dpotrf: %d)", (int)info);
  if (info == 0 && !estimated) reciprocal = 1.0;
  if (info == 0 && estimated)
    LAPACKE_dpocon_work(LAPACK_COL_MAJOR, 'L', n, solver->matrix, n, norm, &reciprocal, solver->vectors,
                        solver->integers);
  solution->condition = reciprocal > 0.0 ? 1.0 / reciprocal : INFINITY;
  return LML_OK;
}

/* ---- the solution ---- */

/** Q (t − M δ): half the negative slope of the cost function within the free directions. */
static void put_residual(const lml_problem *problem, const double *delta, double *residual) {
  const int n = (int)problem->target->width;
  lml_normal_copy_rhs(problem->target, residual);
  lml_normal_multiply(problem->target, -1.0, delta, 1.0, residual);
  if (problem->soft != NULL)
    cblas_dsymv(CblasColMajor, CblasLower, n, -problem->lambda_soft, problem->soft->gram, n, delta, 1, 1.0, residual,
                1);
  for (int i = 0; i < n; i++) residual[i] -= problem->lambda_ridge * problem->ridge[i] * delta[i];
  lml_constraints_project(problem->constraints, residual);
}

static void scale_by(double *vector, const double *scale, size_t n) {
  for (size_t i = 0; i < n; i++) vector[i] *= scale[i];
}

/** Solve with the factor: vector becomes S C⁻¹ S vector. */
static void solve_factor(const lml_solver *solver, double *vector) {
  const int n = (int)solver->width;
  scale_by(vector, solver->scale, solver->width);
  cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, solver->matrix, n, vector, 1);
  cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, n, solver->matrix, n, vector, 1);
  scale_by(vector, solver->scale, solver->width);
}

void lml_solver_whiten(const lml_solver *solver, const lml_constraints *constraints, double *rows, size_t count,
                       double *scratch) {
  const int n = (int)solver->width;
  lml_constraints_project_rows(constraints, rows, count, scratch);
  for (size_t k = 0; k < count; k++) scale_by(rows + k * solver->width, solver->scale, solver->width);
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, (int)count, 1.0, solver->matrix, n,
              rows, n);
}

void lml_solver_unwhiten(const lml_solver *solver, const lml_constraints *constraints, double *rows, size_t count,
                         double *scratch) {
  const int n = (int)solver->width;
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, n, (int)count, 1.0, solver->matrix, n,
              rows, n);
  for (size_t k = 0; k < count; k++) scale_by(rows + k * solver->width, solver->scale, solver->width);
  lml_constraints_project_rows(constraints, rows, count, scratch);
}

lml_status lml_solver_factorise(lml_solver *solver, const lml_problem *problem, lml_solution *solution,
                                lml_error *error) {
  *solution = (lml_solution){.condition = INFINITY};
  put_matrix(solver, problem);
  return factorise(solver, problem, solution, error);
}

lml_status lml_solver_solve(lml_solver *solver, const lml_problem *problem, double *delta, lml_solution *solution,
                            lml_error *error) {
  const size_t n = solver->width;
  double *step = solver->vectors + 3 * n, last = INFINITY;
  const lml_status status = lml_solver_factorise(solver, problem, solution, error);
  if (status != LML_OK || !isfinite(solution->condition)) return status;
  memset(delta, 0, n * sizeof(double));
  if (problem->constraints->shift != NULL) memcpy(delta, problem->constraints->shift, n * sizeof(double));
  for (int k = 0; k <= MOST_REFINEMENTS; k++) {
    put_residual(problem, delta, step);
    solve_factor(solver, step);
    lml_constraints_project(problem->constraints, step);
    const double length = cblas_dnrm2((int)n, step, 1);
    if (!(length < 0.5 * last)) break;
    cblas_daxpy((int)n, 1.0, step, 1, delta, 1);
    const double whole = cblas_dnrm2((int)n, delta, 1);
    solution->refinements = k;
    solution->correction = whole > 0.0 ? length / whole : 0.0;
    if (solution->correction < fmax(smallest_correction, problem->correction)) break;
    last = length;
  }
  return LML_OK;
}

/* ---- rank ---- */

enum { MOST_POWER_STEPS = 300 };

/** The largest eigenvalue of a matrix that has no negative ones but by rounding, by the power method. */
static double largest_eigenvalue(const lml_solver *solver, const lml_normal *normal) {
  const int n = (int)solver->width;
  double *vector = solver->vectors, *next = vector + n, value = 0.0;
  for (int i = 0; i < n; i++) vector[i] = 1.0 / sqrt((double)n);
  for (int k = 0; k < MOST_POWER_STEPS; k++) {
    lml_normal_multiply(normal, 1.0, vector, 0.0, next);
    const double last = value, length = cblas_dnrm2(n, next, 1);
    value = cblas_ddot(n, vector, 1, next, 1);
    if (length == 0.0 || fabs(value - last) <= 1e-12 * value) break;
    for (int i = 0; i < n; i++) vector[i] = next[i] / length;
  }
  return value;
}

/** Positive eigenvalues of the symmetric matrix that Bunch and Kaufman's factorisation has left: as many as its block
 *  diagonal has (Sylvester), whose blocks of two have one of each sign. */
static size_t count_positive(const lml_solver *solver) {
  const size_t n = solver->width;
  size_t count = 0;
  for (size_t i = 0; i < n; i++) {
    const bool pair = solver->integers[i] < 0;
    if (pair || solver->matrix[i * (n + 1)] > 0.0) count++;
    if (pair) i++;
  }
  return count;
}

lml_status lml_solver_rank(lml_solver *solver, const lml_normal *normal, size_t *rank, double *largest,
                           lml_error *error) {
  const size_t n = solver->width;
  const lapack_int size = (lapack_int)n;
  double wanted, *work = NULL;
  *largest = largest_eigenvalue(solver, normal);
  lml_normal_copy_gram(normal, solver->matrix);
  for (size_t i = 0; i < n; i++) solver->matrix[i * (n + 1)] -= (double)n * DBL_EPSILON * *largest;
  lapack_int info =
      LAPACKE_dsytrf_work(LAPACK_COL_MAJOR, 'L', size, solver->matrix, size, solver->integers, &wanted, -1);
  const size_t nwork = info == 0 ? (size_t)wanted : 0;
  const lml_status status = lml_alloc(&work, nwork, sizeof *work, "a factorisation", error);
  if (status != LML_OK) return status;
  if (info == 0)
    info = LAPACKE_dsytrf_work(LAPACK_COL_MAJOR, 'L', size, solver->matrix, size, solver->integers, work, (int)nwork);
  lml_free(work);
  if (info < 0) return lml_fail(error, LML_ERR_INTERNAL, "the rank was not found (dsytrf: %d)", (int)info);
  *rank = count_positive(solver);
  return LML_OK;
}
