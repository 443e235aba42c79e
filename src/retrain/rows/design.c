#include "retrain/rows/design.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/potential.h"
#include "potential/potential_variant.h"
#include "retrain/data/matrix.h"
#include "retrain/rows/energy_row.h"
#include "structure/vec3.h"

lml_status lml_design_make(lml_design *design, const lml_potential *potential, lml_error *error) {
  *design = (lml_design){.potential = potential,
                         .nelements = lml_potential_nelements(potential),
                         .ncoefficients = lml_potential_ncoefficients(potential)};
  const size_t n = design->width = design->nelements * design->ncoefficients;
  double **const columns[] = {&design->targets, &design->predicted, &design->baseline};
  lml_status status =
      lml_alloc_untouched(&design->block, LML_BLOCK_ROWS * n, sizeof(double), "rows of the design matrix", error);
  for (size_t k = 0; k < sizeof columns / sizeof columns[0] && status == LML_OK; k++)
    status = lml_alloc(columns[k], LML_BLOCK_ROWS, sizeof(double), "targets", error);
  if (status == LML_OK)
    status = lml_alloc(&design->fractions, LML_BLOCK_ROWS * design->nelements, sizeof(double), "targets", error);
  if (status == LML_OK) status = lml_alloc(&design->reference, n + 2, sizeof(double), "a reference row", error);
  if (status == LML_OK) status = lml_alloc(&design->start, n, sizeof(double), "coefficients", error);
  if (status == LML_OK) lml_design_set_shift(design, NULL);
  if (status == LML_OK) status = lml_descriptors_make(&design->descriptors, potential, error);
  if (status != LML_OK || potential->nterms == 0) return status;
  status = lml_potential_with_coefficients(potential, NULL, &design->fixed_potential, error);
  if (status == LML_OK) status = lml_linear_calculator_create(design->fixed_potential, &design->fixed, error);
  return status;
}

void lml_design_close(lml_design *design) {
  lml_dataset_walk_end(&design->walk);
  design->walk = (lml_dataset_walk){0};
  lml_matrix_close(design->matrix);
  design->matrix = NULL;
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
  lml_free(design->reference);
  lml_free(design->start);
  lml_free(design->scratch);
  *design = (lml_design){0};
}

void lml_design_set_shift(lml_design *design, const lml_shift *shift) {
  design->shift = shift;
  memcpy(design->start, lml_potential_coefficients(design->potential), design->width * sizeof *design->start);
  if (shift != NULL) lml_shift_coefficients(shift, design->start);
}

static size_t scratch_for(const lml_design *design, lml_quantity quantity) {
  switch (quantity) {
    case LML_QUANTITY_FORCES:
      return 0;
    case LML_QUANTITY_VIRIAL:
      return 6 * design->nelements * (design->ncoefficients - 1);
    case LML_QUANTITY_ENERGY:
    case LML_QUANTITY_DIFFERENCE:
      return lml_energy_row_room(&design->descriptors);
  }
  return 0;
}

size_t lml_design_scratch(const lml_design *design, const lml_dataset *set) {
  size_t most = 0; /* atoms of a frame */
  if (set->quantity != LML_QUANTITY_FORCES) return scratch_for(design, set->quantity);
  for (size_t f = 0; f < set->nframes; f++)
    if (set->frames[f].nselected > most) most = set->frames[f].nselected;
  return lml_gradient_rows_room(&design->descriptors, set->largest, most);
}

/** What the fixed terms give for the frame; zero without any. */
static lml_status evaluate_fixed(lml_design *design, const lml_structure *structure, lml_error *error) {
  if (design->fixed == NULL) return lml_results_reset(&design->results, structure->natoms, error);
  return lml_calculator_evaluate(design->fixed, structure, LML_WANT_DEFAULT, &design->results, error);
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
  const lml_row_block block = {.rows = design->block,
                               .fractions = set->noffsets > 0 ? design->fractions : NULL,
                               .targets = design->targets,
                               .predicted = design->predicted,
                               .baseline = design->baseline,
                               .count = count,
                               .first = set->frames[position].first + first,
                               .position = position,
                               .weight = set->frames[position].weight,
                               .slot = sink->slot};
  return sink->accumulate(sink->context, &block, error);
}

/** What row @p k of the block shall be: @p value in the file, of which the fixed terms give @p part. */
static void put_target(lml_design *design, size_t k, double value, double part) {
  design->baseline[k] = part;
  design->targets[k] = design->walk.set->has_values ? value - part : 0.0;
}

/** Hand on forces, which are made for the centre, with the square roots of their weights. */
static lml_status emit_forces(lml_design *design, size_t first, size_t count, const double *weights,
                              const lml_row_sink *sink, lml_error *error) {
  return lml_design_emit(design, design->walk.set, design->walk.position, first, count, weights, sink, error);
}

/** Hand on all rows of the frame, which are not made for the centre yet. */
static lml_status emit(lml_design *design, size_t count, const lml_row_sink *sink, lml_error *error) {
  for (size_t k = 0; k < count && design->shift != NULL; k++)
    lml_shift_row(design->shift, design->block + k * design->width);
  return lml_design_emit(design, design->walk.set, design->walk.position, 0, count, NULL, sink, error);
}

/* ---- forces: the one place that uses gradients ---- */

static lml_status begin_forces(lml_design *design, const lml_structure *structure, const size_t *atoms, size_t natoms,
                               lml_error *error) {
  design->gradients.centre = design->shift == NULL ? NULL : design->shift->values;
  return lml_gradient_rows_begin(&design->gradients, &design->descriptors, structure, atoms, natoms, error);
}

/** The rows of the next @p natoms atoms; no force depends on each element's constant, whose column is 0. */
static lml_status next_forces(lml_design *design, size_t natoms, double *rows, lml_error *error) {
  const size_t width = design->width;
  const lml_gradient_layout layout = {.atom = 3 * width, .direction = width, .element = design->ncoefficients};
  const lml_status status = lml_gradient_rows_next(&design->gradients, natoms, rows + 1, &layout, error);
  for (size_t row = 0; row < 3 * natoms && status == LML_OK; row++)
    for (size_t e = 0; e < design->nelements; e++) rows[row * width + e * design->ncoefficients] = 0.0;
  return status;
}

lml_status lml_design_force_rows(lml_design *design, const lml_structure *structure, const size_t *atoms, size_t natoms,
                                 double *rows, lml_error *error) {
  const lml_status status = begin_forces(design, structure, atoms, natoms, error);
  return status == LML_OK ? next_forces(design, natoms, rows, error) : status;
}

/** Put the targets of @p natoms atoms from the walk's atom @p begin on, with the square roots of their weights, and
 * close the gaps of components that have no row. Returns the number of rows. */
static size_t put_forces(lml_design *design, size_t begin, size_t natoms, double *weights) {
  const lml_dataset_walk *walk = &design->walk;
  size_t kept = 0;
  for (size_t k = 0; k < 3 * natoms; k++) {
    const size_t atom = walk->atoms[begin + k / 3], component = 3 * atom + k % 3;
    if (!lml_dataset_walk_counts(walk, atom, k % 3)) continue;
    if (kept != k)
      memcpy(design->block + kept * design->width, design->block + k * design->width, design->width * sizeof(double));
    put_target(design, kept, walk->forces == NULL ? 0.0 : walk->forces[component], design->results.forces[component]);
    weights[kept++] = walk->weights == NULL ? 1.0 : sqrt(walk->weights[atom]);
  }
  return kept;
}

static lml_status pass_forces(lml_design *design, const lml_row_sink *sink, lml_error *error) {
  enum { BLOCK_ATOMS = LML_BLOCK_ROWS / 3 };
  const lml_dataset_walk *walk = &design->walk;
  double weights[LML_BLOCK_ROWS];
  size_t first = 0;
  lml_status status = begin_forces(design, &walk->frame.structure, walk->atoms, walk->natoms, error);
  for (size_t begin = 0; begin < walk->natoms && status == LML_OK; begin += BLOCK_ATOMS) {
    const size_t natoms = walk->natoms - begin < BLOCK_ATOMS ? walk->natoms - begin : BLOCK_ATOMS;
    status = next_forces(design, natoms, design->block, error);
    if (status != LML_OK) break;
    const size_t count = put_forces(design, begin, natoms, weights);
    status = emit_forces(design, first, count, walk->weights == NULL ? NULL : weights, sink, error);
    first += count;
  }
  return status;
}

/* ---- energies ---- */

/** The energy per atom of the frame at hand: row, target and fixed part. */
static lml_status make_energy(lml_design *design, lml_error *error) {
  const lml_structure *structure = &design->walk.frame.structure;
  const double natoms = (double)structure->natoms;
  double energy = 0.0;
  lml_status status =
      lml_energy_row(&design->descriptors, structure, &design->environments, design->scratch, design->block, error);
  if (status == LML_OK && design->walk.set->has_values) status = lml_dataset_energy(&design->walk, &energy, error);
  if (status == LML_OK)
    put_target(design, 0, energy / natoms - design->walk.set->energy_zero, design->results.energy / natoms);
  return status;
}

/** Keep the energy of the first frame, that others are compared with. */
static lml_status keep_reference(lml_design *design, lml_error *error) {
  const lml_status status = make_energy(design, error);
  memcpy(design->reference, design->block, design->width * sizeof *design->reference);
  design->reference[design->width] = design->targets[0];
  design->reference[design->width + 1] = design->baseline[0];
  return status;
}

static lml_status pass_energy(lml_design *design, const lml_row_sink *sink, lml_error *error) {
  const lml_status status = make_energy(design, error);
  if (status != LML_OK) return status;
  if (design->walk.set->quantity == LML_QUANTITY_DIFFERENCE) {
    for (size_t c = 0; c < design->width; c++) design->block[c] -= design->reference[c];
    design->targets[0] -= design->reference[design->width];
    design->baseline[0] -= design->reference[design->width + 1];
  }
  return emit(design, 1, sink, error);
}

/* ---- virials ---- */

static lml_status pass_virial(lml_design *design, const lml_row_sink *sink, lml_error *error) {
  const size_t n = design->ncoefficients, inner = n - 1;
  const double share = 1.0 / (double)design->walk.frame.structure.natoms;
  double virial[9] = {0.0};
  lml_status status =
      lml_descriptors_virials(&design->descriptors, &design->walk.frame.structure, design->scratch, error);
  if (status == LML_OK && design->walk.set->has_values) status = lml_dataset_virial(&design->walk, virial, error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < 6; k++) {
    for (size_t e = 0; e < design->nelements; e++) {
      double *row = design->block + k * design->width + e * n;
      const double *values = design->scratch + (6 * e + k) * inner;
      row[0] = 0.0;
      for (size_t c = 0; c < inner; c++) row[1 + c] = values[c] * share;
    }
    put_target(design, k, virial[lml_voigt_place(k)] * share, design->results.virial[lml_voigt_place(k)] * share);
  }
  return emit(design, 6, sink, error);
}

/* ---- frames ---- */

static lml_status pass_frame(lml_design *design, const lml_row_sink *sink, lml_error *error) {
  switch (design->walk.set->quantity) {
    case LML_QUANTITY_FORCES:
      return pass_forces(design, sink, error);
    case LML_QUANTITY_VIRIAL:
      return pass_virial(design, sink, error);
    case LML_QUANTITY_DIFFERENCE:
      return design->walk.position == 0 ? keep_reference(design, error) : pass_energy(design, sink, error);
    case LML_QUANTITY_ENERGY:
      return pass_energy(design, sink, error);
  }
  return lml_fail(error, LML_ERR_INTERNAL, "no rows of the quantity %d", (int)design->walk.set->quantity);
}

/** Read the frame, see to its fixed terms, and pass it. */
static lml_status visit(lml_design *design, size_t position, const lml_row_sink *sink, lml_error *error) {
  const lml_dataset *set = design->walk.set;
  lml_error reason = {0};
  lml_status status = lml_dataset_walk_to(&design->walk, position, error);
  if (status != LML_OK) return status;
  const lml_structure *structure = &design->walk.frame.structure;
  status = lml_grow(&design->scratch, &design->scratch_capacity, scratch_for(design, set->quantity), sizeof(double),
                    "descriptors of a frame", &reason);
  if (status == LML_OK) status = evaluate_fixed(design, structure, &reason);
  if (status == LML_OK) status = pass_frame(design, sink, &reason);
  if (status == LML_OK) return LML_OK;
  return lml_fail(error, status, "%s: frame %zu: %s", set->path, set->frames[position].index, reason.message);
}

static lml_status open_set(lml_design *design, const lml_dataset *set, lml_error *error) {
  lml_design_close(design);
  if (set->source == LML_SOURCE_MATRIX) return lml_matrix_open(set, design->width, &design->matrix, error);
  return lml_dataset_walk_begin(&design->walk, set, error);
}

lml_status lml_design_frame(lml_design *design, const lml_dataset *set, size_t position, const lml_row_sink *sink,
                            lml_error *error) {
  const bool open = design->matrix != NULL ? lml_matrix_set(design->matrix) == set : design->walk.set == set;
  lml_status status = open ? LML_OK : open_set(design, set, error);
  if (status == LML_OK && design->matrix != NULL)
    return lml_matrix_frame(design->matrix, design, position, sink, error);
  if (status == LML_OK && !open && set->quantity == LML_QUANTITY_DIFFERENCE && position > 0)
    status = visit(design, 0, sink, error);
  return status == LML_OK ? visit(design, position, sink, error) : status;
}
