/** @file constraints.h
 *  Hard constraints: the directions of Θ that they fix, from the singular value decomposition of their rows.
 */
#ifndef LML_RETRAIN_SOLVE_CONSTRAINTS_H
#define LML_RETRAIN_SOLVE_CONSTRAINTS_H

#include <stdbool.h>

#include "base/comm.h"
#include "retrain/rows/workers.h"

/** The rows of one kind of constraints, and their decomposition. */
typedef struct lml_constraint_rows {
  size_t count;
  double *rows;       /**< count × width, row-major: A_H */
  double *changes;    /**< count: what A_H δΘ shall be; all zero for keep */
  double *deviations; /**< count: of the file's values from Θ₀'s; meaningless where the set has no values */
  double *singular;   /**< min(count, width) singular values, descending */
  size_t nsingular;
  size_t rank;      /**< singular values above the tolerance */
  double tolerance; /**< absolute: relative tolerance times the largest singular value */
} lml_constraint_rows;

/** Initialise with `lml_constraints c = {0};`, release with lml_constraints_free. */
typedef struct lml_constraints {
  size_t width;
  lml_constraint_rows
      kinds[2];    /**< by lml_hard_mode; those to set are decomposed within the null space of the others */
  double *vectors; /**< rank × width: orthonormal right singular vectors, one after the other (V) */
  size_t rank;
  double *shift;        /**< width: the smallest change of Θ that sets the values to set; NULL without any */
  double contradiction; /**< largest deviation from the values to set that no Θ can avoid, in the rows' units */
} lml_constraints;

/** Relative tolerances; 0 stands for the default of each. */
typedef struct lml_constraint_options {
  double keep_tolerance; /**< default max(m, n)·ε, as numpy.linalg.matrix_rank */
  double set_tolerance;  /**< default 1e-10: values to set carry errors, which small singular values enlarge */
  double set_deviation;  /**< largest contradiction that is no error, eV per atom or eV/Å; default 1e-6 */
} lml_constraint_options;

/** Make room for the rows of @p sets that are hard constraints; all zero. */
lml_status lml_constraints_make(lml_constraints *constraints, const lml_dataset *sets, size_t nsets, size_t width,
                                lml_error *error);
void lml_constraints_free(lml_constraints *constraints);

/** Compute the rows of this rank's share of the frames, and collect them on rank 0. @p baseline: for each set an array
 * for what the starting potential gives, all zero, which is collected too. @p beside (may be NULL) is done
 * meanwhile. */
lml_status lml_constraints_fill(lml_constraints *constraints, const lml_workers *workers, const lml_dataset *sets,
                                size_t nsets, double *const *baseline, const lml_frame_job *beside, lml_error *error);

/** Decompose the rows (rank 0 alone): LML_ERR_INPUT where no freedom is left or values contradict each other. */
lml_status lml_constraints_decompose(lml_constraints *constraints, const lml_constraint_options *options,
                                     lml_error *error);

/** Decompose again (rank 0 alone) with so many more directions that the change @p delta (width) of the coefficients,
 *  without its parts along these, would move no row to keep by more than @p most, its units eV per atom or eV/Å: what
 *  singular values below the default tolerance mean depends on the size of the change. *@p tightened is whether there
 *  are more: none where keep_tolerance is given, where values to set need those directions, or where all that moves
 *  is rounding. */
lml_status lml_constraints_tighten(lml_constraints *constraints, const lml_constraint_options *options,
                                   const double *delta, double most, bool *tightened, lml_error *error);

/** Give rank 0's directions and shift to all ranks. */
lml_status lml_constraints_share(lml_constraints *constraints, lml_comm *comm, lml_error *error);

/** @p vector (width) without its part along V: Q_H times it. */
void lml_constraints_project(const lml_constraints *constraints, double *vector);

/** @p count rows (count × width) without their parts along V. @p scratch has room for rank × count numbers. */
void lml_constraints_project_rows(const lml_constraints *constraints, double *rows, size_t count, double *scratch);

/** @p matrix (width × width, lower triangle by columns) becomes Q_H M Q_H. @p scratch has room for rank × width + rank²
 *  numbers. */
void lml_constraints_project_matrix(const lml_constraints *constraints, double *matrix, double *scratch);

/** Largest |A_H δ − change| over all rows. */
double lml_constraints_deviation(const lml_constraint_rows *rows, size_t width, const double *delta);

#endif
