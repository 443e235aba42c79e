/** @file design.h
 *  Rows of the design matrix: how forces, energies and virials depend on the coefficients, frame by frame.
 *
 *  A column is a coefficient of the potential, in the order of its file: for each element the constant, the linear and
 *  the quadratic ones. A row times Θ is the descriptors' part of a quantity; what the file says of it, less the fixed
 *  terms' part, is the row's target.
 */
#ifndef LML_RETRAIN_ROWS_DESIGN_H
#define LML_RETRAIN_ROWS_DESIGN_H

#include "base/comm.h"
#include "lmlink/calculator.h"
#include "lmlink/potential.h"
#include "potential/gradient_rows.h"
#include "retrain/data/frame_walk.h"
#include "retrain/rows/descriptor_shift.h"
#include "retrain/rows/environments.h"

/** Rows of one frame, at most LML_BLOCK_ROWS at a time; where rows have weights of their own, rows, targets and
 *  predicted are multiplied by the square roots of these. */
typedef struct lml_row_block {
  const double *rows;      /**< count × width, row-major */
  const double *targets;   /**< count: what the file says, less the fixed terms' part; zero where it says nothing */
  const double *predicted; /**< count: rows times Θ₀ */
  const double *fractions; /**< count × elements: of each one's atoms, times the same roots, where energies are offset:
                                the constants' columns of the rows are zero then; else NULL */
  const double *baseline;  /**< count: what the starting potential gives, fixed terms included, without weights */
  size_t count;
  size_t first;        /**< the set's row that it begins with */
  size_t position;     /**< of the frame among the set's */
  double weight;       /**< of the frame */
  const double *roots; /**< count: the square roots of the rows' own weights; NULL: 1 */
  const size_t *atoms; /**< count: where rows belong to atoms, each row's by its number among those of the frame that
                            are selected; else NULL */
  size_t slot;         /**< of the sink */
} lml_row_block;

enum { LML_BLOCK_ROWS = 384 };

/** Where rows go; they are valid during the call alone. */
typedef struct lml_row_sink {
  lml_status (*accumulate)(void *context, const lml_row_block *block, lml_error *error);
  void *context;
  size_t slot; /**< where what is made of the rows is kept, see thread_pool.h; 0 where there is one such place alone */
} lml_row_sink;

/** What one thread makes rows with. Initialise with lml_design_make, release with lml_design_free, also after a
 *  failure. */
typedef struct lml_design {
  const lml_potential *potential;
  lml_potential *fixed_potential; /**< Θ = 0: what acts beside the descriptors */
  lml_calculator *fixed;
  lml_descriptors descriptors;
  lml_gradient_rows gradients;
  lml_environments environments; /**< atoms of the structure at hand, for energies */
  size_t nelements, ncoefficients;
  size_t width;           /**< N_D = nelements × ncoefficients */
  const lml_shift *shift; /**< rows are for descriptors counted from there; NULL: from zero */
  double *start;          /**< width: Θ₀ for these */
  const lml_dataset *set; /**< whose file is open; NULL: none */
  lml_dataset_walk walk;  /**< through it, where it holds structures */
  void *reader;           /**< the source's own, where it is no walk */
  bool has_reference;     /**< what rows count from, of a set whose rows do, has been found */
  size_t next_atom;       /**< of those whose forces' rows are being made */
  lml_results results;
  double *block;                          /**< LML_BLOCK_ROWS × width */
  double *targets, *predicted, *baseline; /**< LML_BLOCK_ROWS each, for the block */
  double *fractions;                      /**< LML_BLOCK_ROWS × elements, for the block */
  size_t *atoms;                          /**< LML_BLOCK_ROWS, for the block: see lml_row_block */
  double *weights;                        /**< LML_BLOCK_ROWS: square roots of the rows' own, for the block */
  double *reference;                      /**< LML_FRAME_ROWS × width: rows that others count from */
  double reference_targets[LML_FRAME_ROWS], reference_baseline[LML_FRAME_ROWS];
  double *values; /**< of a frame's rows: the file's, then those of the fixed terms */
  size_t values_capacity;
  double *scratch; /**< descriptors of an atom, or virials of a frame */
  size_t scratch_capacity;
} lml_design;

/** The columns are the coefficients of @p potential, which must outlive the design and is Θ₀. */
lml_status lml_design_make(lml_design *design, const lml_potential *potential, lml_error *error);
void lml_design_free(lml_design *design);

/** From now on make rows for descriptors that are counted from @p shift, which must outlive them; NULL: from zero. */
void lml_design_set_shift(lml_design *design, const lml_shift *shift);

/** Doubles that the largest frame of @p set needs, at most. */
size_t lml_design_memory(const lml_design *design, const lml_dataset *set);

/** The rows of the frame at @p position of @p set. Errors name file and frame. The set's file stays open until rows of
 *  another set are asked for, or lml_design_close. */
lml_status lml_design_frame(lml_design *design, const lml_dataset *set, size_t position, const lml_row_sink *sink,
                            lml_error *error);
void lml_design_close(lml_design *design);

/** The rows of the forces on @p natoms atoms of @p structure, without weights: at @p rows, 3 natoms × width. */
lml_status lml_design_force_rows(lml_design *design, const lml_structure *structure, const size_t *atoms, size_t natoms,
                                 double *rows, lml_error *error);

/* For what makes rows. */

/** Begin with the rows of the forces on @p natoms atoms of @p structure; then make those of the next @p natoms of them,
 *  for the shift, at @p rows, 3 natoms × width. */
lml_status lml_design_begin_forces(lml_design *design, const lml_structure *structure, const size_t *atoms,
                                   size_t natoms, lml_error *error);
lml_status lml_design_next_forces(lml_design *design, size_t natoms, double *rows, lml_error *error);

/** For sources of structures: the rows of the frame that the walk is at, by the set's quantity; `results` holds what
 *  the fixed terms give for it. */
lml_status lml_design_structure_rows(lml_design *design, const lml_row_sink *sink, lml_error *error);

/** Emit the block's first @p count rows, which begin with row @p first of the frame at @p position of @p set, with Θ₀'s
 *  values. `baseline` holds the fixed terms' part of each, and @p weights (NULL: 1) the square roots of their weights.
 */
lml_status lml_design_emit(lml_design *design, const lml_dataset *set, size_t position, size_t first, size_t count,
                           const double *weights, const lml_row_sink *sink, lml_error *error);

#endif
