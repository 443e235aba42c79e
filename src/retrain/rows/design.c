#include "retrain/rows/design.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/potential.h"
#include "potential/potential_variant.h"

lml_status lml_design_make(lml_design *design, const lml_potential *potential, lml_error *error) {
  *design = (lml_design){.potential = potential,
                         .nelements = lml_potential_nelements(potential),
                         .ncoefficients = lml_potential_ncoefficients(potential)};
  const size_t n = design->width = design->nelements * design->ncoefficients;
  double **const columns[] = {&design->targets, &design->predicted, &design->baseline, &design->weights};
  lml_status status =
      lml_alloc_untouched(&design->block, LML_BLOCK_ROWS * n, sizeof(double), "rows of the design matrix", error);
  for (size_t k = 0; k < sizeof columns / sizeof columns[0] && status == LML_OK; k++)
    status = lml_alloc(columns[k], LML_BLOCK_ROWS, sizeof(double), "targets", error);
  if (status == LML_OK) status = lml_alloc(&design->atoms, LML_BLOCK_ROWS, sizeof *design->atoms, "targets", error);
  if (status == LML_OK)
    status = lml_alloc(&design->fractions, LML_BLOCK_ROWS * design->nelements, sizeof(double), "targets", error);
  if (status == LML_OK)
    status = lml_alloc(&design->reference, LML_FRAME_ROWS * n, sizeof(double), "reference rows", error);
  if (status == LML_OK) status = lml_alloc(&design->start, n, sizeof(double), "coefficients", error);
  if (status == LML_OK) lml_design_set_shift(design, NULL);
  if (status == LML_OK) status = lml_descriptors_make(&design->descriptors, potential, error);
  if (status != LML_OK || potential->nterms == 0) return status;
  status = lml_potential_with_coefficients(potential, NULL, &design->fixed_potential, error);
  if (status == LML_OK) status = lml_linear_calculator_create(design->fixed_potential, &design->fixed, error);
  return status;
}

void lml_design_close(lml_design *design) {
  if (design->set != NULL) lml_dataset_source(design->set)->close(design);
  design->set = NULL;
}

void lml_design_free(lml_design *design) {
  lml_design_close(design);
  lml_calculator_destroy(design->fixed);
  lml_potential_destroy(design->fixed_potential);
  lml_results_free(&design->results);
  lml_gradient_rows_free(&design->gradients);
  lml_environments_free(&design->environments);
  lml_descriptors_free(&design->descriptors);
  lml_free(design->block);
  lml_free(design->targets);
  lml_free(design->predicted);
  lml_free(design->baseline);
  lml_free(design->fractions);
  lml_free(design->atoms);
  lml_free(design->weights);
  lml_free(design->reference);
  lml_free(design->values);
  lml_free(design->start);
  lml_free(design->scratch);
  *design = (lml_design){0};
}

void lml_design_set_shift(lml_design *design, const lml_shift *shift) {
  design->shift = shift;
  memcpy(design->start, lml_potential_coefficients(design->potential), design->width * sizeof *design->start);
  if (shift != NULL) lml_shift_coefficients(shift, design->start);
}

size_t lml_design_memory(const lml_design *design, const lml_dataset *set) {
  return lml_dataset_quantity(set)->memory(design, set);
}

/** The fractions of elements are the columns of their constants, which offsets of energies take the place of. */
static void split_fractions(lml_design *design, size_t count) {
  for (size_t k = 0; k < count; k++)
    for (size_t e = 0; e < design->nelements; e++) {
      double *constant = design->block + k * design->width + e * design->ncoefficients;
      design->fractions[k * design->nelements + e] = *constant;
      *constant = 0.0;
    }
}

lml_status lml_design_emit(lml_design *design, const lml_dataset *set, size_t position, size_t first, size_t count,
                           const double *weights, const lml_row_sink *sink, lml_error *error) {
  const int n = (int)design->width;
  cblas_dgemv(CblasColMajor, CblasTrans, n, (int)count, 1.0, design->block, n, design->start, 1, 0.0, design->predicted,
              1);
  for (size_t k = 0; k < count; k++) {
    design->baseline[k] += design->predicted[k];
    if (weights == NULL) continue;
    cblas_dscal(n, weights[k], design->block + k * design->width, 1);
    design->targets[k] *= weights[k];
    design->predicted[k] *= weights[k];
  }
  if (set->noffsets > 0) split_fractions(design, count);
  const bool atoms = lml_dataset_has_structures(set) && lml_dataset_selects_atoms(set);
  const lml_row_block block = {.rows = design->block,
                               .fractions = set->noffsets > 0 ? design->fractions : NULL,
                               .targets = design->targets,
                               .predicted = design->predicted,
                               .baseline = design->baseline,
                               .count = count,
                               .first = set->frames[position].first + first,
                               .position = position,
                               .weight = set->frames[position].weight,
                               .roots = weights,
                               .atoms = atoms ? design->atoms : NULL,
                               .slot = sink->slot};
  return sink->accumulate(sink->context, &block, error);
}

/* ---- forces ---- */

lml_status lml_design_begin_forces(lml_design *design, const lml_structure *structure, const size_t *atoms,
                                   size_t natoms, lml_error *error) {
  design->next_atom = 0;
  design->gradients.centre = design->shift == NULL ? NULL : design->shift->values;
  return lml_gradient_rows_begin(&design->gradients, &design->descriptors, structure, atoms, natoms, error);
}

lml_status lml_design_next_forces(lml_design *design, size_t natoms, double *rows, lml_error *error) {
  const size_t width = design->width;
  const lml_gradient_layout layout = {.atom = 3 * width, .direction = width, .element = design->ncoefficients};
  const lml_status status = lml_gradient_rows_next(&design->gradients, natoms, rows + 1, &layout, error);
  design->next_atom += natoms;
  for (size_t row = 0; row < 3 * natoms && status == LML_OK; row++)
    for (size_t e = 0; e < design->nelements; e++) /* no force depends on constants */
      rows[row * width + e * design->ncoefficients] = 0.0;
  return status;
}

lml_status lml_design_force_rows(lml_design *design, const lml_structure *structure, const size_t *atoms, size_t natoms,
                                 double *rows, lml_error *error) {
  const lml_status status = lml_design_begin_forces(design, structure, atoms, natoms, error);
  return status == LML_OK ? lml_design_next_forces(design, natoms, rows, error) : status;
}

/* ---- frames ---- */

/** The values of the frame at hand: those of its file, less what is taken off energies, and the fixed terms' part. */
static lml_status find_values(lml_design *design, size_t nrows, lml_error *error) {
  const lml_dataset *set = design->walk.set;
  const lml_quantity_ops *quantity = lml_dataset_quantity(set);
  lml_status status = lml_grow(&design->values, &design->values_capacity, 2 * nrows, sizeof *design->values,
                               "values of a frame", error);
  if (status == LML_OK && set->has_values) status = quantity->read(&design->walk, design->values, error);
  if (status == LML_OK) quantity->give(&design->walk, &design->results, design->values + nrows);
  for (size_t k = 0; k < nrows && status == LML_OK && set->has_values; k++) design->values[k] -= set->energy_zero;
  return status;
}

/** Targets and baselines of @p count rows from row @p first of the frame on. */
static void put_targets(lml_design *design, size_t first, size_t count, size_t nrows) {
  for (size_t k = 0; k < count; k++) {
    const double fixed = design->values[nrows + first + k];
    design->baseline[k] = fixed;
    design->targets[k] = design->walk.set->has_values ? design->values[first + k] - fixed : 0.0;
  }
}

/** Keep the rows of the first frame, which others are compared with. */
static void keep_reference(lml_design *design, size_t count) {
  memcpy(design->reference, design->block, count * design->width * sizeof *design->reference);
  for (size_t k = 0; k < count; k++) {
    design->reference_targets[k] = design->targets[k];
    design->reference_baseline[k] = design->baseline[k];
  }
}

static void subtract_reference(lml_design *design, size_t count) {
  for (size_t c = 0; c < count * design->width; c++) design->block[c] -= design->reference[c];
  for (size_t k = 0; k < count; k++) {
    design->targets[k] -= design->reference_targets[k];
    design->baseline[k] -= design->reference_baseline[k];
  }
}

/** Emit the block's rows, which are row @p first and later ones of the frame. */
static lml_status finish_block(lml_design *design, size_t first, size_t count, const lml_row_sink *sink,
                               lml_error *error) {
  const lml_dataset_walk *walk = &design->walk;
  const lml_quantity_ops *quantity = lml_dataset_quantity(walk->set);
  if (quantity->from_first && walk->position == 0) {
    keep_reference(design, count);
    return LML_OK;
  }
  if (quantity->from_first) subtract_reference(design, count);
  for (size_t k = 0; k < count && design->shift != NULL && quantity->extent == LML_EXTENT_FRAME; k++)
    lml_shift_row(design->shift, design->block + k * design->width);
  const bool weighted = quantity->extent == LML_EXTENT_ATOMS && walk->weights != NULL;
  return lml_design_emit(design, walk->set, walk->position, first, count, weighted ? design->weights : NULL, sink,
                         error);
}

lml_status lml_design_structure_rows(lml_design *design, const lml_row_sink *sink, lml_error *error) {
  const lml_quantity_ops *quantity = lml_dataset_quantity(design->walk.set);
  const size_t nrows = quantity->count_rows(&design->walk), needed = quantity->scratch ? quantity->scratch(design) : 0;
  lml_status status =
      lml_grow(&design->scratch, &design->scratch_capacity, needed, sizeof(double), "descriptors of a frame", error);
  if (status == LML_OK) status = find_values(design, nrows, error);
  if (status == LML_OK && quantity->begin != NULL) status = quantity->begin(design, error);
  for (size_t first = 0, count = 0; first < nrows && status == LML_OK; first += count) {
    status = quantity->next(design, &count, error);
    if (status != LML_OK) break;
    put_targets(design, first, count, nrows);
    status = finish_block(design, first, count, sink, error);
  }
  return status;
}

lml_status lml_design_frame(lml_design *design, const lml_dataset *set, size_t position, const lml_row_sink *sink,
                            lml_error *error) {
  lml_status status = LML_OK;
  if (design->set != set) {
    lml_design_close(design);
    design->set = set;
    status = lml_dataset_source(set)->open(design, set, error);
    if (status != LML_OK) lml_design_close(design);
  }
  return status == LML_OK ? lml_dataset_source(set)->frame(design, position, sink, error) : status;
}
