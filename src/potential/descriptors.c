/* Descriptors and their gradients atom by atom: lml_potential_descriptors, lml_potential_gradients,
 * lml_potential_virials. */
#include <string.h>

#include "base/memory.h"
#include "potential/linear_evaluation.h"

/** What both need: one evaluation's neighbours and batches, and room for the kernel's results. */
typedef struct {
  lml_linear_model model;
  lml_linear_evaluation evaluation;
  double *slopes;     /**< nterms × slots × 3 × lanes: gradient of each term by each neighbour */
  double *components; /**< ncomponents × lanes: B */
  double *pair;       /**< 3 × ncomponents: ∂B/∂r of one neighbour of one atom */
} descriptor_work;

static void work_free(descriptor_work *work) {
  lml_linear_evaluation_free(&work->evaluation);
  lml_linear_model_free(&work->model);
  lml_free(work->slopes);
  lml_free(work->components);
  lml_free(work->pair);
}

static lml_status work_begin(descriptor_work *work, const lml_potential *potential, const lml_structure *structure,
                             lml_error *error) {
  memset(work, 0, sizeof *work);
  lml_status status = lml_structure_check(structure, error);
  if (status == LML_OK) status = lml_linear_model_make(potential, &work->model, error);
  if (status == LML_OK) status = lml_linear_evaluation_begin(&work->evaluation, &work->model, structure, 0, 1, error);
  const size_t lanes = status == LML_OK ? (size_t)work->model.kernel->lanes : 0;
  const size_t n = (size_t)work->model.plan.ncomponents;
  if (status == LML_OK) status = lml_alloc(&work->components, n * lanes, sizeof(double), "descriptors", error);
  if (status == LML_OK) status = lml_alloc(&work->pair, 3 * n, sizeof(double), "descriptors", error);
  if (status != LML_OK) work_free(work);
  return status;
}

/** Gather the next batch and evaluate its B. */
static void next_batch(descriptor_work *work) {
  const lml_linear_model *model = &work->model;
  lml_linear_evaluation *evaluation = &work->evaluation;
  lml_atom_batch *batch = &evaluation->batch;
  const size_t lanes = (size_t)model->kernel->lanes, n = (size_t)model->plan.ncomponents;
  lml_atom_batch_gather(batch, model, &evaluation->neighbours, evaluation->elements, evaluation->next);
  model->kernel->density(&model->plan, &model->potential->snap.parameters, &batch->slots, &batch->workspace);
  model->kernel->terms(&model->plan, &batch->workspace);
  for (size_t c = 0; c < n; c++) {
    const lml_component *component = &model->plan.components[c];
    for (size_t lane = 0; lane < batch->natoms; lane++)
      work->components[c * lanes + lane] =
          component->scale * batch->workspace.terms[(size_t)component->term * lanes + lane] -
          model->shifts[(size_t)batch->element[lane] * n + c];
  }
  evaluation->next += batch->natoms;
}

lml_status lml_potential_descriptors(const lml_potential *potential, const lml_structure *structure,
                                     double *descriptors, lml_error *error) {
  descriptor_work work;
  const lml_status status = work_begin(&work, potential, structure, error);
  if (status != LML_OK) return status;
  const lml_atom_batch *batch = &work.evaluation.batch;
  const size_t lanes = (size_t)work.model.kernel->lanes, n = (size_t)work.model.plan.ncomponents;
  while (work.evaluation.next < structure->natoms) {
    next_batch(&work);
    for (size_t lane = 0; lane < batch->natoms; lane++) {
      const double *b = work.components + lane;
      double *row =
          descriptors + (size_t)work.evaluation.neighbours.order[batch->first + lane] * potential->snap.ncoefficients;
      *row++ = 1.0;
      for (size_t c = 0; c < n; c++) *row++ = b[c * lanes];
      if (!potential->snap.parameters.quadraticflag) continue;
      for (size_t c = 0; c < n; c++) {
        *row++ = 0.5 * b[c * lanes] * b[c * lanes];
        for (size_t d = c + 1; d < n; d++) *row++ = b[c * lanes] * b[d * lanes];
      }
    }
  }
  work_free(&work);
  return LML_OK;
}

/** Room for the slopes, and the plan's tables term by term. */
static lml_status make_slopes(descriptor_work *work, lml_error *error) {
  const size_t slots = work->evaluation.batch.slot_limit * (size_t)work->model.kernel->lanes;
  const lml_status status = lml_bispectrum_plan_by_term(&work->model.plan, error);
  if (status != LML_OK) return status;
  return lml_alloc(&work->slopes, 3 * slots * (size_t)work->model.plan.nterms, sizeof(double), "gradients", error);
}

/** ∂t/∂r of each neighbour for all terms of the batch. */
static void evaluate_slopes(descriptor_work *work) {
  const lml_linear_model *model = &work->model;
  lml_atom_batch *batch = &work->evaluation.batch;
  const size_t stride = 3 * batch->slot_limit * (size_t)model->kernel->lanes;
  for (int term = 0; term < model->plan.nterms; term++) {
    model->kernel->adjoint_of_term(&model->plan, term, &batch->workspace);
    model->kernel->forces(&model->plan, &batch->slots, &batch->workspace, work->slopes + (size_t)term * stride);
  }
}

/** Subtract from row[direction][coefficient] of one atom, and add to the other's, the gradient of one atom's D by one
 *  neighbour. */
static void add_pair(const descriptor_work *work, size_t lane, double *own, double *other, size_t width) {
  const size_t lanes = (size_t)work->model.kernel->lanes, n = (size_t)work->model.plan.ncomponents;
  const double *b = work->components + lane;
  for (size_t axis = 0; axis < 3; axis++, own += width, other += width) {
    const double *slope = work->pair + axis * n;
    for (size_t c = 0; c < n; c++) {
      own[c] += slope[c];
      other[c] -= slope[c];
    }
    if (width == n) continue;
    size_t k = n;
    for (size_t c = 0; c < n; c++) {
      own[k] += b[c * lanes] * slope[c];
      other[k++] -= b[c * lanes] * slope[c];
      for (size_t d = c + 1; d < n; d++, k++) {
        const double product = b[c * lanes] * slope[d] + b[d * lanes] * slope[c];
        own[k] += product;
        other[k] -= product;
      }
    }
  }
}

static void scatter_slopes(descriptor_work *work, double *gradients, size_t width) {
  const lml_linear_model *model = &work->model;
  const lml_neighbours *neighbours = &work->evaluation.neighbours;
  const lml_atom_batch *batch = &work->evaluation.batch;
  const size_t lanes = (size_t)model->kernel->lanes, n = (size_t)model->plan.ncomponents;
  const size_t nslots = (size_t)batch->slots.group[model->plan.nlabel_elements];
  const size_t stride = 3 * batch->slot_limit * lanes, row = 3 * width * model->nelements;
  for (size_t slot = 0; slot < nslots; slot++)
    for (size_t lane = 0; lane < batch->natoms; lane++) {
      const int32_t j = batch->neighbour[slot * lanes + lane];
      if (j < 0) continue;
      for (size_t c = 0; c < n; c++) {
        const lml_component *component = &model->plan.components[c];
        const double *slope = work->slopes + (size_t)component->term * stride + 3 * slot * lanes + lane;
        for (size_t axis = 0; axis < 3; axis++) work->pair[axis * n + c] = component->scale * slope[axis * lanes];
      }
      const size_t own = (size_t)neighbours->order[batch->first + lane];
      const size_t other = (size_t)neighbours->order[neighbours->owner[j]];
      const size_t of_element = 3 * width * (size_t)batch->element[lane];
      add_pair(work, lane, gradients + own * row + of_element, gradients + other * row + of_element, width);
    }
}

lml_status lml_potential_gradients(const lml_potential *potential, const lml_structure *structure, double *gradients,
                                   lml_error *error) {
  descriptor_work work;
  lml_status status = work_begin(&work, potential, structure, error);
  if (status != LML_OK) return status;
  const size_t width = potential->snap.ncoefficients - 1;
  status = make_slopes(&work, error);
  if (status == LML_OK) {
    memset(gradients, 0, 3 * structure->natoms * potential->snap.nelements * width * sizeof(double));
    while (work.evaluation.next < structure->natoms) {
      next_batch(&work);
      evaluate_slopes(&work);
      scatter_slopes(&work, gradients, width);
    }
  }
  work_free(&work);
  return status;
}

/** Add to the six sums of one atom's element, at @p virials, −r⊗∂D/∂r over its neighbours. */
static void add_virial(descriptor_work *work, size_t lane, double *virials, size_t width) {
  static const size_t first[6] = {0, 1, 2, 1, 0, 0}, second[6] = {0, 1, 2, 2, 2, 1};
  const lml_linear_model *model = &work->model;
  const lml_atom_batch *batch = &work->evaluation.batch;
  const size_t lanes = (size_t)model->kernel->lanes, n = (size_t)model->plan.ncomponents;
  const size_t nslots = (size_t)batch->slots.group[model->plan.nlabel_elements];
  const size_t stride = 3 * batch->slot_limit * lanes;
  const double *b = work->components + lane;
  for (size_t part = 0; part < 6; part++, virials += width) {
    memset(work->pair, 0, n * sizeof(double));
    for (size_t slot = 0; slot < nslots; slot++) {
      if (batch->neighbour[slot * lanes + lane] < 0) continue;
      const double *r = batch->slots.slots + slot * LML_SLOT_SIZE * lanes + lane;
      const double x = r[(LML_SLOT_X + first[part]) * lanes], y = r[(LML_SLOT_X + second[part]) * lanes];
      for (size_t c = 0; c < n; c++) {
        const lml_component *component = &model->plan.components[c];
        const double *slope = work->slopes + (size_t)component->term * stride + 3 * slot * lanes + lane;
        /* Symmetric for the whole structure, not for one atom: take the mean of both orders. */
        work->pair[c] -= 0.5 * component->scale * (x * slope[second[part] * lanes] + y * slope[first[part] * lanes]);
      }
    }
    for (size_t c = 0; c < n; c++) virials[c] += work->pair[c];
    if (width == n) continue;
    size_t k = n;
    for (size_t c = 0; c < n; c++) {
      virials[k++] += b[c * lanes] * work->pair[c];
      for (size_t d = c + 1; d < n; d++, k++) virials[k] += b[c * lanes] * work->pair[d] + b[d * lanes] * work->pair[c];
    }
  }
}

lml_status lml_potential_virials(const lml_potential *potential, const lml_structure *structure, double *virials,
                                 lml_error *error) {
  descriptor_work work;
  lml_status status = work_begin(&work, potential, structure, error);
  if (status != LML_OK) return status;
  const size_t width = potential->snap.ncoefficients - 1;
  const lml_atom_batch *batch = &work.evaluation.batch;
  status = make_slopes(&work, error);
  if (status == LML_OK) {
    memset(virials, 0, 6 * potential->snap.nelements * width * sizeof(double));
    while (work.evaluation.next < structure->natoms) {
      next_batch(&work);
      evaluate_slopes(&work);
      for (size_t lane = 0; lane < batch->natoms; lane++)
        add_virial(&work, lane, virials + 6 * width * (size_t)batch->element[lane], width);
    }
  }
  work_free(&work);
  return status;
}
