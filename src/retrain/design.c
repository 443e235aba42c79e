#include "retrain/design.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/potential_variant.h"
#include "potential/snap_model.h"
#include "retrain/matrix.h"

lml_status lml_design_make(lml_design *design, const lml_potential *potential, lml_error *error) {
  *design = (lml_design){.potential = potential,
                         .nelements = lml_potential_nelements(potential),
                         .ncoefficients = lml_potential_ncoefficients(potential)};
  const size_t n = design->width = design->nelements * design->ncoefficients;
  lml_status status = lml_alloc(&design->block, LML_BLOCK_ROWS * n, sizeof(double), "rows of the design matrix", error);
  if (status == LML_OK) status = lml_alloc(&design->targets, LML_BLOCK_ROWS, sizeof(double), "targets", error);
  if (status == LML_OK) status = lml_alloc(&design->reference, n + 1, sizeof(double), "a reference row", error);
  if (status == LML_OK) status = lml_descriptors_make(&design->descriptors, potential, error);
  if (status != LML_OK || potential->zbl.outer == 0.0) return status;
  status = lml_potential_with_coefficients(potential, NULL, &design->fixed_potential, error);
  if (status == LML_OK) status = lml_linear_calculator_create(design->fixed_potential, &design->fixed, error);
  return status;
}

void lml_design_free(lml_design *design) {
  lml_calculator_destroy(design->fixed);
  lml_potential_destroy(design->fixed_potential);
  lml_results_free(&design->results);
  lml_gradient_rows_free(&design->gradients);
  lml_descriptors_free(&design->descriptors);
  lml_free(design->block);
  lml_free(design->targets);
  lml_free(design->reference);
  lml_free(design->scratch);
  *design = (lml_design){0};
}

static size_t scratch_for(const lml_design *design, lml_quantity quantity, size_t natoms) {
  switch (quantity) {
    case LML_QUANTITY_FORCES:
      return 0;
    case LML_QUANTITY_VIRIAL:
      return 6 * design->nelements * (design->ncoefficients - 1);
    default:
      return natoms * design->ncoefficients + design->width;
  }
}

size_t lml_design_scratch(const lml_design *design, const lml_dataset *set) {
  if (set->quantity == LML_QUANTITY_FORCES) return lml_gradient_rows_room(&design->descriptors, set->largest);
  return scratch_for(design, set->quantity, set->largest);
}

/** What the fixed terms give for the frame; zero without any. */
static lml_status evaluate_fixed(lml_design *design, const lml_structure *structure, lml_error *error) {
  if (design->fixed == NULL) return lml_results_reset(&design->results, structure->natoms, error);
  return lml_calculator_evaluate(design->fixed, structure, LML_WANT_DEFAULT, &design->results, error);
}

/* ---- forces: the one place that uses gradients ---- */

/** Set the column of each element's constant, on which no force depends, to 0. */
static void clear_constants(const lml_design *design, size_t nrows) {
  for (size_t row = 0; row < nrows; row++)
    for (size_t e = 0; e < design->nelements; e++) design->block[row * design->width + e * design->ncoefficients] = 0.0;
}

/** Multiply the rows of atoms and their targets by the square roots of the atoms' weights. */
static void weigh(lml_design *design, const lml_dataset_walk *walk, size_t begin, size_t natoms) {
  for (size_t k = 0; walk->weights != NULL && k < natoms; k++) {
    const double factor = sqrt(walk->weights[walk->atoms[begin + k]]);
    cblas_dscal((int)(3 * design->width), factor, design->block + 3 * k * design->width, 1);
    cblas_dscal(3, factor, design->targets + 3 * k, 1);
  }
}

static lml_status pass_forces(lml_design *design, const lml_dataset_walk *walk, const lml_row_sink *sink,
                              lml_error *error) {
  enum { BLOCK_ATOMS = LML_BLOCK_ROWS / 3 };
  const lml_gradient_layout layout = {
      .atom = 3 * design->width, .direction = design->width, .element = design->ncoefficients};
  const size_t first = walk->set->frames[walk->position].first;
  lml_status status = lml_gradient_rows_begin(&design->gradients, &design->descriptors, &walk->frame.structure,
                                              walk->atoms, walk->natoms, error);
  for (size_t begin = 0; begin < walk->natoms && status == LML_OK; begin += BLOCK_ATOMS) {
    const size_t count = walk->natoms - begin < BLOCK_ATOMS ? walk->natoms - begin : BLOCK_ATOMS;
    status = lml_gradient_rows_next(&design->gradients, count, design->block + 1, &layout, error);
    if (status != LML_OK) break;
    clear_constants(design, 3 * count);
    for (size_t k = 0; k < count; k++)
      for (size_t axis = 0; axis < 3; axis++) {
        const size_t component = 3 * walk->atoms[begin + k] + axis;
        design->targets[3 * k + axis] =
            walk->forces == NULL ? 0.0 : walk->forces[component] - design->results.forces[component];
      }
    weigh(design, walk, begin, count);
    const lml_row_block block = {.rows = design->block,
                                 .targets = design->targets,
                                 .count = 3 * count,
                                 .first = first + 3 * begin,
                                 .position = walk->position,
                                 .weight = walk->set->frames[walk->position].weight};
    status = sink->take(sink->context, &block, error);
  }
  return status;
}

/* ---- energies ---- */

/** Add @p terms to @p sums, and to @p lost what each addition loses (Knuth, The Art of Computer Programming, volume 2,
 *  4.2.2, theorem B): without branches, so that the compiler does several at a time. */
static void add_exactly(size_t n, const double *restrict terms, double *restrict sums, double *restrict lost) {
  for (size_t c = 0; c < n; c++) {
    const double next = sums[c] + terms[c], part = next - sums[c];
    lost[c] += (sums[c] - (next - part)) + (terms[c] - part);
    sums[c] = next;
  }
}

/** Mean over the atoms of their descriptors, element by element. Constraints need rows that are accurate to the last
 *  digit, so the sums carry what each addition loses. */
static lml_status put_energy_row(lml_design *design, const lml_structure *structure, double *row, lml_error *error) {
  const size_t n = design->ncoefficients;
  double *lost = design->scratch + structure->natoms * n;
  const lml_status status = lml_descriptors_values(&design->descriptors, structure, design->scratch, error);
  if (status != LML_OK) return status;
  memset(row, 0, design->width * sizeof *row);
  memset(lost, 0, design->width * sizeof *lost);
  for (size_t i = 0; i < structure->natoms; i++) {
    const size_t e = (size_t)lml_potential_element_index(design->potential, structure->numbers[i]);
    add_exactly(n, design->scratch + i * n, row + e * n, lost + e * n);
  }
  for (size_t c = 0; c < design->width; c++) row[c] = (row[c] + lost[c]) / (double)structure->natoms;
  return LML_OK;
}

/** Row and target of the energy per atom of the frame at hand. */
static lml_status make_energy(lml_design *design, lml_dataset_walk *walk, double *row, double *target,
                              lml_error *error) {
  const lml_structure *structure = &walk->frame.structure;
  double energy = 0.0;
  lml_status status = put_energy_row(design, structure, row, error);
  if (status == LML_OK && walk->set->has_values) status = lml_dataset_energy(walk, &energy, error);
  *target = walk->set->has_values ? (energy - design->results.energy) / (double)structure->natoms : 0.0;
  return status;
}

static lml_status pass_energy(lml_design *design, lml_dataset_walk *walk, const lml_row_sink *sink, lml_error *error) {
  const lml_status status = make_energy(design, walk, design->block, design->targets, error);
  if (status != LML_OK) return status;
  if (walk->set->quantity == LML_QUANTITY_DIFFERENCE) {
    for (size_t c = 0; c < design->width; c++) design->block[c] -= design->reference[c];
    design->targets[0] -= design->reference[design->width];
  }
  const lml_row_block block = {.rows = design->block,
                               .targets = design->targets,
                               .count = 1,
                               .first = walk->set->frames[walk->position].first,
                               .position = walk->position,
                               .weight = walk->set->frames[walk->position].weight};
  return sink->take(sink->context, &block, error);
}

/* ---- virials ---- */

static lml_status pass_virial(lml_design *design, lml_dataset_walk *walk, const lml_row_sink *sink, lml_error *error) {
  static const size_t components[6] = {0, 4, 8, 5, 2, 1};
  const size_t n = design->ncoefficients, inner = n - 1;
  const double share = 1.0 / (double)walk->frame.structure.natoms;
  double virial[9] = {0.0};
  lml_status status = lml_descriptors_virials(&design->descriptors, &walk->frame.structure, design->scratch, error);
  if (status == LML_OK && walk->set->has_values) status = lml_dataset_virial(walk, virial, error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < 6; k++) {
    for (size_t e = 0; e < design->nelements; e++) {
      double *row = design->block + k * design->width + e * n;
      const double *values = design->scratch + (6 * e + k) * inner;
      row[0] = 0.0;
      for (size_t c = 0; c < inner; c++) row[1 + c] = values[c] * share;
    }
    design->targets[k] =
        walk->set->has_values ? (virial[components[k]] - design->results.virial[components[k]]) * share : 0.0;
  }
  const lml_row_block block = {.rows = design->block,
                               .targets = design->targets,
                               .count = 6,
                               .first = walk->set->frames[walk->position].first,
                               .position = walk->position,
                               .weight = walk->set->frames[walk->position].weight};
  return sink->take(sink->context, &block, error);
}

/* ---- frames ---- */

static lml_status pass_rows(lml_design *design, lml_dataset_walk *walk, const lml_row_sink *sink, lml_error *error) {
  const lml_structure *structure = &walk->frame.structure;
  lml_status status =
      lml_grow(&design->scratch, &design->scratch_capacity, scratch_for(design, walk->set->quantity, structure->natoms),
               sizeof(double), "descriptors of a frame", error);
  if (status == LML_OK) status = evaluate_fixed(design, structure, error);
  if (status != LML_OK) return status;
  switch (walk->set->quantity) {
    case LML_QUANTITY_FORCES:
      return pass_forces(design, walk, sink, error);
    case LML_QUANTITY_VIRIAL:
      return pass_virial(design, walk, sink, error);
    case LML_QUANTITY_DIFFERENCE:
      if (walk->position == 0)
        return make_energy(design, walk, design->reference, design->reference + design->width, error);
      return pass_energy(design, walk, sink, error);
    default:
      return pass_energy(design, walk, sink, error);
  }
}

static lml_status pass_frame(lml_design *design, lml_dataset_walk *walk, const lml_row_sink *sink, lml_error *error) {
  const lml_status status = pass_rows(design, walk, sink, error);
  return status == LML_OK && sink->end != NULL ? sink->end(sink->context, walk->position, error) : status;
}

lml_status lml_design_pass(lml_design *design, const lml_dataset *set, size_t first, size_t part, size_t share,
                           const lml_row_sink *sink, void (*tell)(void *context), void *context, lml_error *error) {
  if (set->source == LML_SOURCE_MATRIX)
    return lml_matrix_pass(design, set, first, part, share, sink, tell, context, error);
  if (first >= set->nframes) return LML_OK; /* a log that is followed need not be there yet */
  lml_dataset_walk walk;
  lml_status status = lml_dataset_walk_begin(&walk, set, error);
  const bool from_first = set->quantity == LML_QUANTITY_DIFFERENCE;
  for (size_t position = from_first ? 0 : first; position < set->nframes && status == LML_OK; position++) {
    if ((position >= first && position % share == part) || (from_first && position == 0)) {
      lml_error reason = {0};
      status = lml_dataset_walk_to(&walk, position, error);
      if (status == LML_OK) status = pass_frame(design, &walk, sink, &reason);
      if (status != LML_OK && reason.status != LML_OK)
        lml_fail(error, status, "%s: frame %zu: %s", set->path, set->frames[position].index, reason.message);
    }
    if (status == LML_OK && tell != NULL && position >= first) tell(context);
  }
  lml_dataset_walk_end(&walk);
  return status;
}
