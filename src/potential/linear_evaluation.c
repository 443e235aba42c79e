#include "potential/linear_evaluation.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

/** Extra width of the neighbour lists while one system moves on, Å: a longer list costs more at every step, a shorter
 * one is made anew more often. */
static const double skin = 0.6;

/** Work of one neighbour of an atom, in units of the work of an atom without any (2J = 8, measured). */
static const double neighbour_work = 0.02;

size_t lml_linear_evaluation_totals(size_t natoms) { return 4 * natoms + 9; }

void lml_linear_evaluation_free(lml_linear_evaluation *evaluation) {
  lml_neighbours_free(&evaluation->neighbours);
  lml_atom_batch_free(&evaluation->batch);
  lml_free(evaluation->elements);
  lml_free(evaluation->forces);
  lml_free(evaluation->totals);
  lml_free(evaluation->needed);
  memset(evaluation, 0, sizeof *evaluation);
}

/** Element indices in sorted order. */
static lml_status sort_elements(lml_linear_evaluation *evaluation, const lml_linear_model *model,
                                const lml_structure *structure, lml_error *error) {
  const size_t natoms = structure->natoms;
  lml_status status =
      lml_grow(&evaluation->elements, &evaluation->elements_capacity, natoms, 1, "elements of the atoms", error);
  for (size_t s = 0; s < natoms && status == LML_OK; s++) {
    const size_t i = (size_t)evaluation->neighbours.order[s];
    const int element = lml_linear_model_element(model, structure->numbers[i]);
    if (element < 0)
      return lml_fail(error, LML_ERR_INPUT,
                      "atom %zu (counted from 0) is %s (atomic number %d), which the potential %s does not describe", i,
                      lml_element_symbol(structure->numbers[i]), structure->numbers[i], model->potential->path);
    evaluation->elements[s] = (signed char)element;
  }
  return status;
}

/** Share out the sorted atoms and list the neighbours of this part's. */
static lml_status list_part(lml_neighbours *neighbours, const lml_structure *structure, size_t part, size_t parts,
                            lml_error *error) {
  if (parts == 1) return lml_neighbours_list(neighbours, structure, 0, neighbours->natoms, error);
  size_t *bounds;
  lml_status status = lml_alloc(&bounds, parts + 1, sizeof(size_t), "the sharing out of the atoms", error);
  if (status != LML_OK) return status;
  status = lml_neighbours_split(neighbours, parts, neighbour_work, bounds, error);
  if (status == LML_OK) status = lml_neighbours_list(neighbours, structure, bounds[part], bounds[part + 1], error);
  lml_free(bounds);
  return status;
}

/** Neighbour lists for the structure: the last ones while no atom has moved further than half the skin. The first lists
 *  of a system have no skin, so that a structure that is evaluated once, or a cell that changes at every step, does not
 *  pay for one. */
static lml_status find_neighbours(lml_linear_evaluation *evaluation, const lml_linear_model *model,
                                  const lml_structure *structure, size_t part, size_t parts, lml_error *error) {
  lml_neighbours *neighbours = &evaluation->neighbours;
  const lml_motion motion = lml_neighbours_follow(neighbours, structure, 0.5 * skin);
  if (motion == LML_MOTION_NEAR && evaluation->skin > 0.0)
    return lml_neighbours_check_apart(neighbours, structure, skin, error);
  evaluation->skin = motion == LML_MOTION_OTHER ? 0.0 : skin;
  lml_status status = lml_neighbours_sort(neighbours, structure, model->cutoff + evaluation->skin, error);
  if (status == LML_OK) status = list_part(neighbours, structure, part, parts, error);
  if (status == LML_OK) status = lml_neighbours_remember(neighbours, structure, error);
  if (status != LML_OK) lml_neighbours_forget(neighbours);
  return status;
}

lml_status lml_linear_evaluation_begin(lml_linear_evaluation *evaluation, const lml_linear_model *model,
                                       const lml_structure *structure, size_t part, size_t parts, lml_error *error) {
  const lml_neighbours *neighbours = &evaluation->neighbours;
  const size_t natoms = structure->natoms;
  lml_status status = find_neighbours(evaluation, model, structure, part, parts, error);
  if (status == LML_OK) status = sort_elements(evaluation, model, structure, error);
  if (status == LML_OK) status = lml_atom_batch_prepare(&evaluation->batch, model, neighbours, error);
  if (status != LML_OK) return status;
  const size_t nforces = 3 * (natoms + neighbours->nghosts);
  status = lml_grow(&evaluation->forces, &evaluation->forces_capacity, nforces, sizeof(double), "forces", error);
  if (status == LML_OK)
    status = lml_grow(&evaluation->totals, &evaluation->totals_capacity, lml_linear_evaluation_totals(natoms),
                      sizeof(double), "forces", error);
  if (status != LML_OK) return status;
  memset(evaluation->forces, 0, nforces * sizeof(double));
  memset(evaluation->totals, 0, lml_linear_evaluation_totals(natoms) * sizeof(double));
  memset(evaluation->virial, 0, sizeof evaluation->virial);
  evaluation->next = neighbours->begin;
  evaluation->restricted = false;
  return LML_OK;
}

lml_status lml_linear_evaluation_restrict(lml_linear_evaluation *evaluation, const size_t *atoms, size_t natoms,
                                          lml_error *error) {
  enum { WANTED = 1, SOURCE = 2 };
  const lml_neighbours *n = &evaluation->neighbours;
  unsigned char *needed, *wanted;
  lml_status status =
      lml_grow(&evaluation->needed, &evaluation->needed_capacity, n->natoms, 1, "the atoms that are needed", error);
  if (status == LML_OK) status = lml_alloc(&wanted, n->natoms, 1, "the atoms that are wanted", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < natoms; i++) wanted[atoms[i]] = WANTED;
  needed = evaluation->needed;
  for (size_t s = 0; s < n->natoms; s++) needed[s] = wanted[n->order[s]];
  for (size_t s = 0; s < n->natoms; s++)
    for (int64_t i = n->first[s]; i < n->first[s + 1] && needed[s] == 0; i++)
      if (needed[n->owner[n->list[i]]] == WANTED) needed[s] = SOURCE;
  evaluation->restricted = true;
  lml_free(wanted);
  return LML_OK;
}

/* ---- one batch ---- */

/** E and ∂E/∂t of each lane of a linear model; the energy's variable part comes with the adjoint. */
static void set_linear_weights(lml_atom_batch *batch, const lml_linear_model *model) {
  const size_t lanes = (size_t)model->kernel->lanes, nterms = (size_t)model->plan.nterms;
  for (size_t lane = 0; lane < lanes; lane++) {
    const size_t element = lane < batch->natoms ? (size_t)batch->element[lane] : 0;
    const double *weights = model->weights + element * nterms;
    for (size_t t = 0; t < nterms; t++) batch->workspace.weights[t * lanes + lane] = weights[t];
  }
}

/** The same of a quadratic model, whose weights depend on the terms themselves, one element at a time. */
static void set_quadratic_weights(lml_atom_batch *batch, const lml_linear_model *model) {
  const size_t lanes = (size_t)model->kernel->lanes;
  bool done[LML_LANES_LIMIT] = {false};
  memset(batch->workspace.weights, 0, (size_t)model->plan.nterms * lanes * sizeof(double));
  model->kernel->terms(&model->plan, &batch->workspace);
  for (size_t first = 0; first < batch->natoms; first++) {
    if (done[first]) continue;
    _Alignas(LML_ALIGNMENT) double mask[LML_LANES_LIMIT] = {0.0};
    for (size_t lane = first; lane < batch->natoms; lane++)
      if (batch->element[lane] == batch->element[first]) {
        mask[lane] = 1.0;
        done[lane] = true;
      }
    model->kernel->quadratic(&model->plan, &model->quadratic[batch->element[first]], mask, &batch->workspace);
  }
}

/** Energies of the batch's atoms, and the adjoint moments that the forces need. */
static void evaluate_energies(lml_atom_batch *batch, const lml_linear_model *model, double *energies) {
  if (model->quadratic != NULL) {
    set_quadratic_weights(batch, model);
    for (size_t lane = 0; lane < batch->natoms; lane++) energies[lane] = batch->workspace.energy[lane];
    model->kernel->adjoint(&model->plan, &batch->workspace);
    return;
  }
  set_linear_weights(batch, model);
  model->kernel->adjoint(&model->plan, &batch->workspace);
  for (size_t lane = 0; lane < batch->natoms; lane++)
    energies[lane] = model->constants[batch->element[lane]] + batch->workspace.energy[lane];
}

/** Hand the gradient of each neighbour to both atoms and to the virial W = −Σ r⊗∂E/∂r. */
static void scatter_gradient(const lml_atom_batch *batch, const lml_linear_model *model, double *forces,
                             double virial[9]) {
  const size_t lanes = (size_t)model->kernel->lanes;
  const size_t nslots = (size_t)batch->slots.group[model->plan.nlabel_elements];
  for (size_t slot = 0; slot < nslots; slot++)
    for (size_t lane = 0; lane < batch->natoms; lane++) {
      const int32_t j = batch->neighbour[slot * lanes + lane];
      if (j < 0) continue;
      const double *r = batch->slots.slots + slot * LML_SLOT_SIZE * lanes + lane;
      const double *g = batch->gradient + 3 * slot * lanes + lane;
      double *own = forces + 3 * (batch->first + lane), *other = forces + 3 * (size_t)j;
      for (size_t d = 0; d < 3; d++) {
        own[d] += g[d * lanes];
        other[d] -= g[d * lanes];
        for (size_t e = 0; e < 3; e++) virial[3 * d + e] -= r[(LML_SLOT_X + d) * lanes] * g[e * lanes];
      }
    }
}

/** ZBL energy, force and virial of one atom; each pair is met from both its atoms, so each gives one half. */
static double add_zbl(lml_linear_evaluation *evaluation, const lml_linear_model *model, size_t atom) {
  const lml_neighbours *n = &evaluation->neighbours;
  const double *here = n->positions + 3 * atom;
  const double outer = model->potential->zbl.outer;
  const size_t k = atom - n->begin;
  double energy = 0.0;
  for (int64_t i = n->first[k]; i < n->first[k + 1]; i++) {
    const double *there = n->positions + 3 * (size_t)n->list[i];
    const double d[3] = {there[0] - here[0], there[1] - here[1], there[2] - here[2]};
    const double square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
    if (square >= outer * outer) continue;
    const double r = sqrt(square);
    double pair_energy, slope;
    lml_zbl_evaluate(model->zbl, model->nelements, (size_t)evaluation->elements[atom],
                     (size_t)evaluation->elements[n->owner[n->list[i]]], r, &pair_energy, &slope);
    energy += 0.5 * pair_energy;
    for (int a = 0; a < 3; a++) {
      const double force = slope * d[a] / r;
      evaluation->forces[3 * atom + (size_t)a] += force;
      for (int b = 0; b < 3; b++) evaluation->virial[3 * a + b] -= 0.5 * d[b] * force;
    }
  }
  return energy;
}

static void evaluate_batch(lml_linear_evaluation *evaluation, const lml_linear_model *model) {
  const lml_neighbours *neighbours = &evaluation->neighbours;
  lml_atom_batch *batch = &evaluation->batch;
  double energies[LML_LANES_LIMIT] = {0};
  lml_atom_batch_gather(batch, model, neighbours, evaluation->elements, evaluation->next);
  model->kernel->density(&model->plan, &model->potential->snap.parameters, &batch->slots, &batch->workspace);
  evaluate_energies(batch, model, energies);
  model->kernel->forces(&model->plan, &batch->slots, &batch->workspace, batch->gradient);
  scatter_gradient(batch, model, evaluation->forces, evaluation->virial);
  double *totals = evaluation->totals + 3 * neighbours->natoms;
  for (size_t lane = 0; lane < batch->natoms; lane++) {
    const size_t atom = batch->first + lane;
    if (model->zbl != NULL) energies[lane] += add_zbl(evaluation, model, atom);
    totals[neighbours->order[atom]] = energies[lane];
  }
  evaluation->next += batch->natoms;
}

/** Go on to the next atom that is needed; false where there is none. */
static bool has_next(lml_linear_evaluation *evaluation) {
  const size_t end = evaluation->neighbours.end;
  while (evaluation->restricted && evaluation->next < end && evaluation->needed[evaluation->next] == 0)
    evaluation->next++;
  return evaluation->next < end;
}

bool lml_linear_evaluation_step(lml_linear_evaluation *evaluation, const lml_linear_model *model, size_t nbatches) {
  for (size_t i = 0; i < nbatches && has_next(evaluation); i++) evaluate_batch(evaluation, model);
  return has_next(evaluation);
}

void lml_linear_evaluation_collect(lml_linear_evaluation *evaluation) {
  const lml_neighbours *n = &evaluation->neighbours;
  for (size_t i = 0; i < n->natoms + n->nghosts; i++) {
    double *to = evaluation->totals + 3 * (size_t)n->order[n->owner[i]];
    for (size_t d = 0; d < 3; d++) to[d] += evaluation->forces[3 * i + d];
  }
  double *virial = evaluation->totals + 4 * n->natoms;
  for (int a = 0; a < 3; a++)
    for (int b = 0; b < 3; b++)
      virial[3 * a + b] = 0.5 * (evaluation->virial[3 * a + b] + evaluation->virial[3 * b + a]);
}
