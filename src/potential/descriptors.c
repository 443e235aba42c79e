#include "potential/descriptors.h"

#include <string.h>

#include "base/memory.h"

void lml_descriptors_free(lml_descriptors *descriptors) {
  lml_linear_evaluation_free(&descriptors->evaluation);
  lml_linear_model_free(&descriptors->model);
  lml_bispectrum_slopes_free(&descriptors->slopes);
  lml_free(descriptors->components);
  lml_free(descriptors->sums);
  memset(descriptors, 0, sizeof *descriptors);
}

lml_status lml_descriptors_make(lml_descriptors *descriptors, const lml_potential *potential, lml_error *error) {
  memset(descriptors, 0, sizeof *descriptors);
  lml_status status = lml_linear_model_make(potential, &descriptors->model, error);
  if (status != LML_OK) return status;
  const size_t lanes = (size_t)descriptors->model.kernel->lanes, n = (size_t)descriptors->model.plan.ncomponents;
  status = lml_alloc(&descriptors->components, n * lanes, sizeof(double), "descriptors", error);
  if (status == LML_OK) status = lml_alloc(&descriptors->sums, n, sizeof(double), "descriptors", error);
  return status;
}

lml_status lml_descriptors_begin(lml_descriptors *descriptors, const lml_structure *structure, lml_error *error) {
  const lml_status status = lml_structure_check(structure, error);
  if (status != LML_OK) return status;
  lml_neighbours_forget(&descriptors->evaluation.neighbours);
  return lml_linear_evaluation_begin(&descriptors->evaluation, &descriptors->model, structure, 0, 1, error);
}

/** Terms → B. */
static void put_components(lml_descriptors *descriptors) {
  const lml_linear_model *model = &descriptors->model;
  const lml_atom_batch *batch = &descriptors->evaluation.batch;
  const size_t lanes = (size_t)model->kernel->lanes, n = (size_t)model->plan.ncomponents;
  for (size_t c = 0; c < n; c++) {
    const lml_component *component = &model->plan.components[c];
    for (size_t lane = 0; lane < batch->natoms; lane++)
      descriptors->components[c * lanes + lane] =
          component->scale * batch->workspace.terms[(size_t)component->term * lanes + lane] -
          model->shifts[(size_t)batch->element[lane] * n + c];
  }
}

/** The batch's neighbours → u. */
static void put_density(lml_descriptors *descriptors) {
  const lml_linear_model *model = &descriptors->model;
  lml_atom_batch *batch = &descriptors->evaluation.batch;
  model->kernel->density(&model->plan, &model->potential->snap.parameters, &batch->slots, &batch->workspace);
}

void lml_descriptors_batch_among(lml_descriptors *descriptors, const lml_neighbours *neighbours,
                                 const signed char *elements, size_t first) {
  const lml_linear_model *model = &descriptors->model;
  lml_atom_batch *batch = &descriptors->evaluation.batch;
  lml_atom_batch_gather(batch, model, neighbours, elements, first);
  put_density(descriptors);
  model->kernel->terms(&model->plan, &batch->workspace);
  put_components(descriptors);
}

void lml_descriptors_batch(lml_descriptors *descriptors, size_t first) {
  lml_linear_evaluation *evaluation = &descriptors->evaluation;
  lml_descriptors_batch_among(descriptors, &evaluation->neighbours, evaluation->elements, first);
}

/* ---- values ---- */

/** D of the batch's atom in one lane: ncoefficients numbers. */
static void put_row(const lml_descriptors *descriptors, size_t lane, double *row) {
  const lml_linear_model *model = &descriptors->model;
  const size_t lanes = (size_t)model->kernel->lanes, n = (size_t)model->plan.ncomponents;
  const double *b = descriptors->components + lane;
  *row++ = 1.0;
  for (size_t c = 0; c < n; c++) *row++ = b[c * lanes];
  if (!model->potential->snap.parameters.quadraticflag) return;
  for (size_t c = 0; c < n; c++) {
    *row++ = 0.5 * b[c * lanes] * b[c * lanes];
    for (size_t d = c + 1; d < n; d++) *row++ = b[c * lanes] * b[d * lanes];
  }
}

lml_status lml_descriptors_values(lml_descriptors *descriptors, const lml_structure *structure, double *values,
                                  lml_error *error) {
  const lml_status status = lml_descriptors_begin(descriptors, structure, error);
  if (status != LML_OK) return status;
  const lml_atom_batch *batch = &descriptors->evaluation.batch;
  const size_t width = descriptors->model.potential->snap.ncoefficients;
  for (size_t first = 0; first < structure->natoms; first += batch->natoms) {
    lml_descriptors_batch(descriptors, first);
    for (size_t lane = 0; lane < batch->natoms; lane++)
      put_row(descriptors, lane, values + (size_t)descriptors->evaluation.neighbours.order[first + lane] * width);
  }
  return LML_OK;
}

/* ---- gradients ---- */

lml_status lml_descriptors_reserve_slopes(lml_descriptors *descriptors, lml_error *error) {
  lml_linear_model *model = &descriptors->model;
  const size_t slots = descriptors->evaluation.batch.slot_limit;
  lml_status status = LML_OK;
  if (model->plan.by_term.npacked == 0) status = lml_bispectrum_plan_by_term(&model->plan, error);
  if (status != LML_OK || descriptors->slopes.stride >= 3 * slots) return status;
  lml_bispectrum_slopes_free(&descriptors->slopes);
  return lml_bispectrum_slopes_make(&model->plan, model->kernel, slots, &descriptors->slopes, error);
}

void lml_descriptors_slopes(lml_descriptors *descriptors, size_t first, const int32_t *places) {
  const lml_linear_model *model = &descriptors->model;
  lml_linear_evaluation *evaluation = &descriptors->evaluation;
  lml_atom_batch *batch = &evaluation->batch;
  if (places == NULL)
    lml_atom_batch_gather(batch, model, &evaluation->neighbours, evaluation->elements, first);
  else
    lml_atom_batch_gather_columns(batch, model, &evaluation->neighbours, evaluation->elements, places, first);
  put_density(descriptors);
  model->kernel->slopes(&model->plan, &batch->slots, &batch->workspace, &descriptors->slopes);
  put_components(descriptors);
}

/* ---- virials ---- */

/** sums = −Σ r⊗∂B/∂r over one atom's neighbours, one of six parts. Symmetric for the whole structure, not for one atom:
 *  the mean of both orders is taken. */
static void sum_virial(lml_descriptors *descriptors, size_t lane, size_t part) {
  static const size_t first[6] = {0, 1, 2, 1, 0, 0}, second[6] = {0, 1, 2, 2, 2, 1};
  const lml_linear_model *model = &descriptors->model;
  const lml_atom_batch *batch = &descriptors->evaluation.batch;
  const size_t lanes = (size_t)model->kernel->lanes, n = (size_t)model->plan.ncomponents;
  const size_t nslots = (size_t)batch->slots.group[model->plan.nlabel_elements];
  memset(descriptors->sums, 0, n * sizeof(double));
  for (size_t slot = 0; slot < nslots; slot++) {
    if (batch->neighbour[slot * lanes + lane] < 0) continue;
    const double *r = batch->slots.slots + slot * LML_SLOT_SIZE * lanes + lane;
    const double x = r[(LML_SLOT_X + first[part]) * lanes], y = r[(LML_SLOT_X + second[part]) * lanes];
    for (size_t c = 0; c < n; c++) {
      const lml_component *component = &model->plan.components[c];
      const double *slope =
          descriptors->slopes.values + ((size_t)component->term * descriptors->slopes.stride + 3 * slot) * lanes + lane;
      descriptors->sums[c] -=
          0.5 * component->scale * (x * slope[second[part] * lanes] + y * slope[first[part] * lanes]);
    }
  }
}

/** Add to the six sums of one atom's element, at @p virials, what the atom contributes. */
static void add_virial(lml_descriptors *descriptors, size_t lane, double *virials, size_t width) {
  const size_t lanes = (size_t)descriptors->model.kernel->lanes, n = (size_t)descriptors->model.plan.ncomponents;
  const double *b = descriptors->components + lane, *sums = descriptors->sums;
  for (size_t part = 0; part < 6; part++, virials += width) {
    sum_virial(descriptors, lane, part);
    for (size_t c = 0; c < n; c++) virials[c] += sums[c];
    if (width == n) continue;
    size_t k = n;
    for (size_t c = 0; c < n; c++) {
      virials[k++] += b[c * lanes] * sums[c];
      for (size_t d = c + 1; d < n; d++, k++) virials[k] += b[c * lanes] * sums[d] + b[d * lanes] * sums[c];
    }
  }
}

lml_status lml_descriptors_virials(lml_descriptors *descriptors, const lml_structure *structure, double *virials,
                                   lml_error *error) {
  lml_status status = lml_descriptors_begin(descriptors, structure, error);
  if (status == LML_OK) status = lml_descriptors_reserve_slopes(descriptors, error);
  if (status != LML_OK) return status;
  const lml_atom_batch *batch = &descriptors->evaluation.batch;
  const size_t width = descriptors->model.potential->snap.ncoefficients - 1;
  memset(virials, 0, 6 * descriptors->model.nelements * width * sizeof(double));
  for (size_t first = 0; first < structure->natoms; first += batch->natoms) {
    lml_descriptors_slopes(descriptors, first, NULL);
    for (size_t lane = 0; lane < batch->natoms; lane++)
      add_virial(descriptors, lane, virials + 6 * width * (size_t)batch->element[lane], width);
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
