/** @file design.h
 *  Rows of the design matrix: how forces, energies and virials depend on the coefficients, frame by frame.
 *
 *  A column is a coefficient of the potential, in the order of its file: for each element the constant, the linear and
 *  the quadratic ones. A row times Θ is the descriptors' part of a quantity; what the file says of it, less the fixed
 *  terms' part, is the row's target.
 */
#ifndef LML_RETRAIN_DESIGN_H
#define LML_RETRAIN_DESIGN_H

#include "base/comm.h"
#include "lmlink/calculator.h"
#include "lmlink/potential.h"
#include "potential/gradient_rows.h"
#include "retrain/dataset.h"

/** Rows of one frame, at most LML_BLOCK_ROWS at a time; where rows have weights of their own, rows and targets are
 *  multiplied by the square roots of these. */
typedef struct lml_row_block {
  const double *rows;    /**< count × width, row-major */
  const double *targets; /**< count; zero where the set has no values */
  size_t count;
  size_t first;    /**< the set's row that it begins with */
  size_t position; /**< of the frame among the set's */
  double weight;   /**< of the frame */
} lml_row_block;

enum { LML_BLOCK_ROWS = 384 };

/** Where rows go; they are valid during the call alone. */
typedef struct lml_row_sink {
  lml_status (*take)(void *context, const lml_row_block *block, lml_error *error);
  void *context;
  lml_status (*end)(void *context, size_t position, lml_error *error); /**< behind a frame's last row; may be NULL */
} lml_row_sink;

/** Initialise with lml_design_make, release with lml_design_free, also after a failure. */
typedef struct lml_design {
  const lml_potential *potential;
  lml_potential *fixed_potential; /**< Θ = 0: what acts beside the descriptors */
  lml_calculator *fixed;
  lml_descriptors descriptors;
  lml_gradient_rows gradients;
  size_t nelements, ncoefficients;
  size_t width; /**< N_D = nelements × ncoefficients */
  lml_results results;
  double *block;     /**< LML_BLOCK_ROWS × width */
  double *targets;   /**< LML_BLOCK_ROWS */
  double *reference; /**< width + 1: row and target that differences count from */
  double *scratch;   /**< descriptors or virials of a frame */
  size_t scratch_capacity;
} lml_design;

/** The columns are the coefficients of @p potential, which must outlive the design. */
lml_status lml_design_make(lml_design *design, const lml_potential *potential, lml_error *error);
void lml_design_free(lml_design *design);

/** Doubles that the largest frame of @p set needs, at most. */
size_t lml_design_scratch(const lml_design *design, const lml_dataset *set);

/** The rows of the frames of @p set from position @p first on, of those whose position is @p part modulo @p share. @p
 *  tell (may be NULL) is called behind each frame. Errors name file and frame. */
lml_status lml_design_pass(lml_design *design, const lml_dataset *set, size_t first, size_t part, size_t share,
                           const lml_row_sink *sink, void (*tell)(void *context), void *context, lml_error *error);

#endif
