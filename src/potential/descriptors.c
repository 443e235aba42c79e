#include "potential/descriptors.h"

#include <string.h>

#include "base/memory.h"
#include "structure/vec3.h"

static const char what[] = "descriptors";

void lml_descriptors_free(lml_descriptors *descriptors) {
  lml_descriptor_work_free(descriptors->work);
  lml_listed_atoms_free(&descriptors->atoms);
  lml_linear_model_free(&descriptors->model);
  lml_free(descriptors->components);
  lml_free(descriptors->gradients);
  lml_free(descriptors->sums);
  lml_free(descriptors->places);
  memset(descriptors, 0, sizeof *descriptors);
}

size_t lml_descriptors_width(const lml_descriptors *descriptors) { return descriptors->work->width; }

size_t lml_descriptors_ncomponents(const lml_descriptors *descriptors) { return descriptors->model.ncomponents; }

size_t lml_descriptors_stride(const lml_descriptors *descriptors) {
  return (descriptors->model.ncomponents + LML_LANES_LIMIT - 1) / LML_LANES_LIMIT * LML_LANES_LIMIT;
}

lml_status lml_descriptors_make(lml_descriptors *descriptors, const lml_potential *potential, lml_error *error) {
  memset(descriptors, 0, sizeof *descriptors);
  lml_linear_model *model = &descriptors->model;
  lml_status status = lml_potential_need_components(potential, error);
  if (status == LML_OK) status = lml_linear_model_make(potential, model, error);
  if (status == LML_OK) status = lml_descriptor_work_make(potential->descriptor, model->isa, &descriptors->work, error);
  if (status != LML_OK) return status;
  const size_t count = model->ncomponents * descriptors->work->width;
  status = lml_alloc(&descriptors->components, count, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_alloc(&descriptors->sums, 6 * lml_descriptors_stride(descriptors), sizeof(double), what, error);
  return status;
}

lml_status lml_descriptors_begin(lml_descriptors *descriptors, const lml_structure *structure, lml_error *error) {
  lml_listed_atoms *atoms = &descriptors->atoms;
  lml_status status = lml_structure_check(structure, error);
  if (status != LML_OK) return status;
  lml_neighbours_forget(&atoms->neighbours);
  status = lml_listed_atoms_find(atoms, &descriptors->model, structure, 0, 1, error);
  if (status != LML_OK) return status;
  return descriptors->work->descriptor->ops->reserve(descriptors->work, atoms->neighbours.longest, error);
}

/** The next run: atoms @p first, first + 1, …, of @p natoms. */
static lml_run_of_atoms take_run(lml_descriptors *descriptors, const lml_atoms *atoms, size_t first, size_t natoms) {
  const size_t width = descriptors->work->width, left = natoms - first;
  descriptors->count = left < width ? left : width;
  for (size_t k = 0; k < descriptors->count; k++) {
    descriptors->centres[k] = (int32_t)(first + k);
    descriptors->element[k] = atoms->elements[first + k];
  }
  return (lml_run_of_atoms){.atoms = atoms, .centres = descriptors->centres, .count = descriptors->count};
}

void lml_descriptors_run_among(lml_descriptors *descriptors, const lml_atoms *atoms, size_t first, size_t natoms) {
  const lml_descriptor_ops *ops = descriptors->work->descriptor->ops;
  const lml_run_of_atoms run = take_run(descriptors, atoms, first, natoms);
  ops->begin(descriptors->work, &run);
  ops->values(descriptors->work, descriptors->components);
}

void lml_descriptors_run(lml_descriptors *descriptors, size_t first) {
  lml_descriptors_run_among(descriptors, &descriptors->atoms.view, first, descriptors->atoms.neighbours.natoms);
}

lml_status lml_descriptors_reserve_gradients(lml_descriptors *descriptors, lml_error *error) {
  return descriptors->work->descriptor->ops->reserve_gradients(descriptors->work, error);
}

void lml_descriptors_gradients(lml_descriptors *descriptors, size_t first, const int32_t *places) {
  const lml_run_of_atoms run =
      take_run(descriptors, &descriptors->atoms.view, first, descriptors->atoms.neighbours.natoms);
  descriptors->work->descriptor->ops->gradients(descriptors->work, &run, places, descriptors->components);
}

/* ---- values ---- */

/** D of the run's atom in one lane: ncoefficients numbers. */
static void put_row(const lml_descriptors *descriptors, size_t lane, double *row) {
  const size_t width = descriptors->work->width, n = descriptors->model.ncomponents;
  const double *b = descriptors->components + lane;
  *row++ = 1.0;
  for (size_t c = 0; c < n; c++) *row++ = b[c * width];
  if (descriptors->model.forms == NULL) return;
  for (size_t c = 0; c < n; c++) {
    *row++ = 0.5 * b[c * width] * b[c * width];
    for (size_t d = c + 1; d < n; d++) *row++ = b[c * width] * b[d * width];
  }
}

lml_status lml_descriptors_values(lml_descriptors *descriptors, const lml_structure *structure, double *values,
                                  lml_error *error) {
  const lml_status status = lml_descriptors_begin(descriptors, structure, error);
  if (status != LML_OK) return status;
  const int32_t *order = descriptors->atoms.neighbours.order;
  const size_t width = descriptors->model.ncoefficients;
  for (size_t first = 0; first < structure->natoms; first += descriptors->count) {
    lml_descriptors_run(descriptors, first);
    for (size_t lane = 0; lane < descriptors->count; lane++)
      put_row(descriptors, lane, values + (size_t)order[first + lane] * width);
  }
  return LML_OK;
}

/* ---- virials ---- */

/** Put −∂B/∂r of the run's atoms by each of their columns into `gradients`. */
static lml_status put_gradients(lml_descriptors *descriptors, lml_error *error) {
  const lml_descriptor_work *work = descriptors->work;
  const size_t size = 3 * lml_descriptors_stride(descriptors), nplaces = (work->ncolumns + 1) * work->width;
  lml_status status =
      lml_grow(&descriptors->gradients, &descriptors->gradients_capacity, nplaces * size, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&descriptors->places, &descriptors->places_capacity, nplaces, sizeof *descriptors->places, what,
                      error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < nplaces; k++)
    descriptors->places[k] = (lml_gradient_place){.to = descriptors->gradients + k * size};
  work->descriptor->ops->put_gradients(work, descriptors->places, descriptors->places + work->ncolumns * work->width,
                                       size / 3);
  return LML_OK;
}

/** sums = −Σ r⊗∂B/∂r over one atom's neighbours, six parts. Symmetric for the whole structure, not for one atom: the
 *  mean of both orders is taken. */
static void sum_virial(lml_descriptors *descriptors, size_t lane) {
  const lml_descriptor_work *work = descriptors->work;
  const size_t n = descriptors->model.ncomponents, stride = lml_descriptors_stride(descriptors);
  const double *positions = descriptors->atoms.view.positions;
  const double *here = positions + 3 * (size_t)descriptors->centres[lane];
  memset(descriptors->sums, 0, 6 * stride * sizeof(double));
  for (size_t column = 0; column < work->ncolumns; column++) {
    const int32_t j = work->columns[column * work->width + lane];
    if (j < 0) continue;
    const double *there = positions + 3 * (size_t)j;
    const double *gradient = descriptors->gradients + 3 * stride * (column * work->width + lane);
    for (size_t part = 0; part < LML_VOIGT_PARTS; part++) {
      const size_t first = lml_voigt_row(part), second = lml_voigt_column(part);
      const double x = 0.5 * (there[first] - here[first]);
      const double y = 0.5 * (there[second] - here[second]);
      const double *by_x = gradient + first * stride, *by_y = gradient + second * stride;
      double *sums = descriptors->sums + part * stride;
      for (size_t c = 0; c < n; c++) sums[c] += x * by_y[c] + y * by_x[c];
    }
  }
}

/** Add to the six sums of one atom's element, at @p virials, what the atom contributes. */
static void add_virial(lml_descriptors *descriptors, size_t lane, double *virials) {
  const size_t width = descriptors->work->width, n = descriptors->model.ncomponents;
  const size_t ninner = descriptors->model.ncoefficients - 1;
  const double *b = descriptors->components + lane;
  sum_virial(descriptors, lane);
  for (size_t part = 0; part < 6; part++, virials += ninner) {
    const double *sums = descriptors->sums + part * lml_descriptors_stride(descriptors);
    for (size_t c = 0; c < n; c++) virials[c] += sums[c];
    if (ninner == n) continue;
    size_t k = n;
    for (size_t c = 0; c < n; c++) {
      virials[k++] += b[c * width] * sums[c];
      for (size_t d = c + 1; d < n; d++, k++) virials[k] += b[c * width] * sums[d] + b[d * width] * sums[c];
    }
  }
}

lml_status lml_descriptors_virials(lml_descriptors *descriptors, const lml_structure *structure, double *virials,
                                   lml_error *error) {
  lml_status status = lml_descriptors_begin(descriptors, structure, error);
  if (status == LML_OK) status = lml_descriptors_reserve_gradients(descriptors, error);
  if (status != LML_OK) return status;
  const size_t size = 6 * (descriptors->model.ncoefficients - 1);
  memset(virials, 0, descriptors->model.nelements * size * sizeof(double));
  for (size_t first = 0; first < structure->natoms; first += descriptors->count) {
    lml_descriptors_gradients(descriptors, first, NULL);
    status = put_gradients(descriptors, error);
    if (status != LML_OK) return status;
    for (size_t lane = 0; lane < descriptors->count; lane++)
      add_virial(descriptors, lane, virials + size * (size_t)descriptors->element[lane]);
  }
  return LML_OK;
}

/* ---- single structures ---- */

lml_status lml_potential_descriptors(const lml_potential *potential, const lml_structure *structure, double *values,
                                     lml_error *error) {
  lml_descriptors descriptors;
  lml_status status = lml_descriptors_make(&descriptors, potential, error);
  if (status == LML_OK) status = lml_descriptors_values(&descriptors, structure, values, error);
  lml_descriptors_free(&descriptors);
  return status;
}
