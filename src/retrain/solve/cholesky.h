/** @file cholesky.h
 *  The minimum of the cost function, from normal equations by Cholesky's factorisation.
 *
 *  Minimised over δ = s + Q_H x is Σ_targets w (r − a·δ)² + λ_S Σ_soft w (a·δ)² + λ₀ Σᵢ ρᵢ δᵢ², where s is the shift
 *  that the constraints to set ask for.
 */
#ifndef LML_RETRAIN_SOLVE_CHOLESKY_H
#define LML_RETRAIN_SOLVE_CHOLESKY_H

#include "retrain/solve/constraints.h"
#include "retrain/sums/normal.h"

/** Condition number of the scaled matrix from which normal equations lose too many digits. */
#define LML_LARGEST_CONDITION 1e12

typedef struct lml_problem {
  const lml_normal *target;
  const lml_normal *soft; /**< NULL without soft constraints */
  const lml_constraints *constraints;
  double lambda_soft, lambda_ridge;
  const double *ridge; /**< width: ρ */
  double correction; /**< refine until steps are shorter than this, relative to δ, and don't estimate the condition: 1
                          stands for it; 0: refine as far as it goes */
} lml_problem;

/** Room for solutions. Initialise with lml_solver_make, use for any number of problems of that size. */
typedef struct lml_solver {
  size_t width;
  double *matrix;  /**< width²: what is factorised */
  double *scratch; /**< for projections, and width × 4 numbers for vectors */
  double *vectors;
  double *scale; /**< width: of the columns in the last solution, 1/√diagonal */
  int *integers;
} lml_solver;

typedef struct lml_solution {
  double condition;  /**< estimate of the scaled matrix's condition number (1-norm); infinite where it has no factor */
  int refinements;   /**< steps of iterative refinement */
  double correction; /**< length of the last step over that of δ */
} lml_solution;

lml_status lml_solver_make(lml_solver *solver, size_t width, size_t rank, lml_error *error);
void lml_solver_free(lml_solver *solver);

/** Factorise the matrix of @p problem, as lml_solver_solve does before it solves: then matrix holds L, lower triangle
 * by columns, of S (Q M Q + μ V Vᵀ) S = L Lᵀ, and scale the diagonal S. Only the condition of @p solution is filled. */
lml_status lml_solver_factorise(lml_solver *solver, const lml_problem *problem, lml_solution *solution,
                                lml_error *error);

/** Put M of @p problem without its ridge, Σ_targets w a aᵀ + λ_S Σ_soft w a aᵀ, into the lower triangle by columns of
 * the solver's matrix. */
void lml_solver_put_sums(lml_solver *solver, const lml_problem *problem);

/** With the factor of lml_solver_factorise, each of @p count rows a (count × width) becomes y = L⁻¹ S Q a, so that y·y'
 *  is a (Q M Q)⁺ a'. @p scratch has room for rank × count numbers. */
void lml_solver_whiten(const lml_solver *solver, const lml_constraints *constraints, double *rows, size_t count,
                       double *scratch);

/** The transpose of that: each row y becomes Q S L⁻ᵀ y. */
void lml_solver_unwhiten(const lml_solver *solver, const lml_constraints *constraints, double *rows, size_t count,
                         double *scratch);

/** δ (width) of @p problem. Where the matrix has no factor, condition is infinite and δ is not to be used. The matrix
 *  that is factorised has the mean of the diagonal in the constrained directions, so that it has full rank; it is
 * scaled to a unit diagonal; a coefficient that no row depends on stays as it is. Refinement takes its residuals from
 * the sums themselves, before the projection. */
lml_status lml_solver_solve(lml_solver *solver, const lml_problem *problem, double *delta, lml_solution *solution,
                            lml_error *error);

/** Singular values of the sums' matrix above width·ε·σ₁, as numpy.linalg.matrix_rank counts them, and its largest
 *  eigenvalue. Uses the solver's room. */
lml_status lml_solver_rank(lml_solver *solver, const lml_normal *normal, size_t *rank, double *largest,
                           lml_error *error);

#endif
