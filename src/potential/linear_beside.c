#include "potential/linear_beside.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

static const char what[] = "uncertainties";

static void free_units(lml_linear_beside *beside) {
  for (size_t s = 0; beside->units != NULL && s < beside->nunits; s++) lml_descriptor_sums_free(&beside->units[s].sums);
  lml_free(beside->units);
  beside->units = NULL;
  beside->nunits = 0;
}

void lml_linear_beside_free(lml_linear_beside *beside) {
  free_units(beside);
  lml_free(beside->energies);
  lml_free(beside->forces);
  lml_free(beside->squares);
  lml_free(beside->square_sums);
  lml_free(beside->sums);
  *beside = (lml_linear_beside){0};
}

size_t lml_linear_beside_nforces(const lml_linear_beside *beside) {
  return (beside->needs & LML_NEEDS_FORCES) != 0 ? beside->rank : 0;
}

/* ---- beginning ---- */

/** An array of @p count numbers, all zero. */
static lml_status clear(double **array, size_t *capacity, size_t count, lml_error *error) {
  const lml_status status = lml_grow(array, capacity, count, sizeof **array, what, error);
  if (status == LML_OK && count > 0) memset(*array, 0, count * sizeof **array);
  return status;
}

static lml_status begin_units(lml_linear_beside *beside, const lml_linear_model *model, size_t nunits,
                              lml_error *error) {
  lml_status status = LML_OK;
  if (nunits != beside->nunits) {
    free_units(beside);
    status = lml_alloc(&beside->units, nunits, sizeof *beside->units, what, error);
    if (status == LML_OK) beside->nunits = nunits;
  }
  for (size_t s = 0; s < nunits && status == LML_OK; s++) {
    beside->units[s].whole = beside;
    if (beside->nsums > 0) status = lml_descriptor_sums_begin(&beside->units[s].sums, model, error);
  }
  return status;
}

lml_status lml_linear_beside_begin(lml_linear_beside *beside, const lml_linear_model *model,
                                   const lml_linear_uncertainty *uncertainty, unsigned needs, size_t natoms,
                                   size_t nall, size_t nunits, lml_error *error) {
  beside->uncertainty = (needs & LML_NEEDS_FILE) != 0 ? uncertainty : NULL;
  beside->model = model;
  beside->needs = needs;
  beside->rank = (needs & LML_NEEDS_FACTOR) != 0 ? uncertainty->rank : 0;
  beside->nall = nall;
  beside->nsums = (needs & LML_NEEDS_SUMS) != 0 ? model->nelements * model->ncoefficients : 0;
  const size_t nenergies = (needs & LML_NEEDS_ENERGIES) != 0 ? natoms * beside->rank : 0;
  const size_t nforces = 3 * nall * lml_linear_beside_nforces(beside);
  const size_t nsquares = (needs & LML_NEEDS_DISTANCES) != 0 ? natoms : 0;
  lml_status status = clear(&beside->energies, &beside->energies_capacity, nenergies, error);
  if (status == LML_OK) status = clear(&beside->forces, &beside->forces_capacity, nforces, error);
  if (status == LML_OK) status = clear(&beside->squares, &beside->squares_capacity, nsquares, error);
  if (status == LML_OK) status = clear(&beside->square_sums, &beside->square_sums_capacity, nsquares, error);
  if (status == LML_OK) status = clear(&beside->sums, &beside->sums_capacity, beside->nsums, error);
  return status == LML_OK ? begin_units(beside, model, nunits, error) : status;
}

/* ---- a unit ---- */

/** The squares of the distances of a run's atoms, were they all of one element; NaN: undefined. */
static void find_squares(const lml_linear_beside *beside, int element, const lml_run_of_atoms *run,
                         const double *components, size_t width, double squares[LML_LANES_LIMIT]) {
  const lml_uncertainty *from = &beside->uncertainty->uncertainty;
  const lml_atom_distance *distance = &from->distances[element];
  const size_t n = from->ncomponents;
  if (distance->natoms >= 2 && width == beside->model->isa->lanes) { /* which kernels take */
    beside->model->product->squares((int)n, distance->mean, distance->factor, components, squares);
    return;
  }
  for (size_t lane = 0; lane < run->count; lane++)
    squares[lane] = distance->natoms < 2 ? NAN : lml_atom_distance_square(distance, n, components + lane, width);
}

/** The distances of a run's atoms, one element at a time. */
static void see_distances(const lml_linear_beside *beside, const lml_run_of_atoms *run, const double *components,
                          size_t width) {
  lml_run_element of = {0};
  while (lml_run_next_element(run, &of)) {
    _Alignas(LML_ALIGNMENT) double squares[LML_LANES_LIMIT];
    find_squares(beside, of.element, run, components, width, squares);
    for (size_t lane = 0; lane < run->count; lane++)
      if (of.mask[lane] != 0.0) beside->squares[run->centres[lane]] = squares[lane];
  }
}

static void see_components(void *context, const lml_run_of_atoms *run, const double *components, size_t width) {
  lml_beside_unit *unit = context;
  const lml_linear_beside *beside = unit->whole;
  if ((beside->needs & LML_NEEDS_DISTANCES) != 0) see_distances(beside, run, components, width);
  if (beside->nsums > 0) lml_descriptor_sums_add(&unit->sums, run, components, width);
}

lml_evaluator_beside lml_linear_beside_unit(lml_linear_beside *beside, size_t slot, double *forces) {
  const bool of_columns = (beside->needs & (LML_NEEDS_ENERGIES | LML_NEEDS_FORCES)) != 0;
  const bool sees = (beside->needs & (LML_NEEDS_DISTANCES | LML_NEEDS_SUMS)) != 0;
  return (lml_evaluator_beside){
      .models = beside->uncertainty == NULL ? NULL : beside->uncertainty->models,
      .nmodels = of_columns ? beside->rank : 0,
      .energies = (beside->needs & LML_NEEDS_ENERGIES) != 0 ? beside->energies : NULL,
      .forces = (beside->needs & LML_NEEDS_FORCES) != 0 ? forces : NULL,
      .see = sees ? see_components : NULL,
      .context = &beside->units[slot],
  };
}

void lml_linear_beside_move(lml_linear_beside *beside, size_t slot) {
  if (beside->nsums > 0) lml_descriptor_sums_move(&beside->units[slot].sums, beside->sums);
}
