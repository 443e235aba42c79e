#include "potential/atom_batch.h"

#include <string.h>

#include "base/memory.h"

/** Nearer than this (squared, Å²) LAMMPS takes two atoms for one and leaves the pair out. */
static const double coincident = 1e-20;

void lml_atom_batch_free(lml_atom_batch *batch) {
  lml_bispectrum_workspace_free(&batch->workspace);
  lml_free(batch->slots.group);
  lml_free(batch->slots.slots);
  lml_free(batch->slots.self);
  lml_free(batch->gradient);
  lml_free(batch->neighbour);
  lml_free(batch->near);
  lml_free(batch->count);
  memset(batch, 0, sizeof *batch);
}

static size_t longest_list(const lml_neighbours *neighbours) {
  size_t longest = 0;
  for (size_t k = 0; k < neighbours->end - neighbours->begin; k++) {
    const size_t length = (size_t)(neighbours->first[k + 1] - neighbours->first[k]);
    if (length > longest) longest = length;
  }
  return longest;
}

lml_status lml_atom_batch_prepare(lml_atom_batch *batch, const lml_linear_model *model,
                                  const lml_neighbours *neighbours, lml_error *error) {
  const size_t elements = (size_t)model->plan.nlabel_elements, lanes = (size_t)model->kernel->lanes;
  /* each element's slots are padded to an even number and to the lane that has the most of them */
  const size_t longest = longest_list(neighbours);
  const size_t slots = (longest + 1) * elements + elements;
  if (slots <= batch->slot_limit) return LML_OK;
  lml_atom_batch_free(batch);
  const size_t roomy = slots + slots / 4;
  const size_t places = roomy * lanes;
  const char *what = "a batch of atoms";
  lml_status status = lml_bispectrum_workspace_make(&model->plan, model->kernel, roomy, &batch->workspace, error);
  if (status == LML_OK) status = lml_alloc(&batch->slots.group, elements + 1, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->slots.slots, LML_SLOT_SIZE * places, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->slots.self, elements * lanes, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->gradient, 3 * places, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->neighbour, places, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->near, places, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->count, elements * lanes, sizeof(int), what, error);
  if (status == LML_OK)
    batch->slot_limit = roomy;
  else
    lml_atom_batch_free(batch);
  return status;
}

/** List the neighbours of one atom that are within the descriptor's cutoff, and count them by element label. */
static int select_near(const lml_linear_model *model, const lml_neighbours *neighbours, const signed char *elements,
                       size_t atom, int32_t *near, int *count) {
  const double *positions = neighbours->positions, *here = positions + 3 * atom;
  const double *rcut = model->rcut + (size_t)elements[atom] * model->nelements;
  const size_t k = atom - neighbours->begin;
  int found = 0;
  for (int64_t i = neighbours->first[k]; i < neighbours->first[k + 1]; i++) {
    const int32_t j = neighbours->list[i];
    const double dx = positions[3 * j] - here[0], dy = positions[3 * j + 1] - here[1],
                 dz = positions[3 * j + 2] - here[2];
    const double square = dx * dx + dy * dy + dz * dz;
    const int element = elements[neighbours->owner[j]];
    if (square >= rcut[element] * rcut[element] || square <= coincident) continue;
    near[found++] = j;
    count[model->plan.nlabel_elements > 1 ? element : 0]++;
  }
  return found;
}

/** Slots of each element label: as many as the lane that has most of them, and an even number. */
static void assign_groups(lml_atom_batch *batch, int elements) {
  int *group = batch->slots.group;
  group[0] = 0;
  for (int e = 0; e < elements; e++) {
    int most = 0;
    for (size_t lane = 0; lane < batch->natoms; lane++) {
      const int count = batch->count[lane * (size_t)elements + (size_t)e];
      if (count > most) most = count;
    }
    group[e + 1] = group[e] + most + most % 2;
  }
}

/** Make all places empty. */
static void clear_slots(lml_atom_batch *batch, const lml_linear_model *model) {
  const size_t lanes = (size_t)model->kernel->lanes;
  const size_t nslots = (size_t)batch->slots.group[model->plan.nlabel_elements];
  const double empty[LML_SLOT_SIZE] = {[LML_SLOT_Z] = 0.5 * model->rcut[0],
                                       [LML_SLOT_RCUT] = model->rcut[0],
                                       [LML_SLOT_SINNER] = 1.0,
                                       [LML_SLOT_DINNER] = 1.0};
  double *place = batch->slots.slots;
  for (size_t slot = 0; slot < nslots; slot++)
    for (int what = 0; what < LML_SLOT_SIZE; what++)
      for (size_t lane = 0; lane < lanes; lane++) *place++ = empty[what];
  for (size_t i = 0; i < nslots * lanes; i++) batch->neighbour[i] = -1;
}

/** Put one lane's atom and its near neighbours into the slots. */
static void fill_lane(lml_atom_batch *batch, const lml_linear_model *model, const lml_neighbours *neighbours,
                      const signed char *elements, size_t lane, int nnear) {
  const lml_snap_model *snap = &model->potential->snap;
  const size_t lanes = (size_t)model->kernel->lanes;
  const int nlabels = model->plan.nlabel_elements;
  const lml_snap_element *own = &snap->elements[batch->element[lane]];
  const double *here = neighbours->positions + 3 * (batch->first + lane);
  int next[LML_ELEMENTS_LIMIT] = {0};
  for (int e = 0; e < nlabels; e++) {
    next[e] = batch->slots.group[e];
    batch->slots.self[(size_t)e * lanes + lane] =
        nlabels == 1 || e == batch->element[lane] || snap->parameters.wselfallflag ? 1.0 : 0.0;
  }
  for (int i = 0; i < nnear; i++) {
    const int32_t j = batch->near[lane * batch->slot_limit + (size_t)i];
    const int element = elements[neighbours->owner[j]];
    const size_t slot = (size_t)next[nlabels > 1 ? element : 0]++;
    double *place = batch->slots.slots + slot * LML_SLOT_SIZE * lanes + lane;
    for (size_t d = 0; d < 3; d++) place[(LML_SLOT_X + d) * lanes] = neighbours->positions[3 * j + d] - here[d];
    place[LML_SLOT_WEIGHT * lanes] = snap->elements[element].weight;
    place[LML_SLOT_RCUT * lanes] = model->rcut[(size_t)batch->element[lane] * model->nelements + (size_t)element];
    if (snap->parameters.switchinnerflag) {
      place[LML_SLOT_SINNER * lanes] = 0.5 * (own->sinner + snap->elements[element].sinner);
      place[LML_SLOT_DINNER * lanes] = 0.5 * (own->dinner + snap->elements[element].dinner);
    }
    batch->neighbour[slot * lanes + lane] = j;
  }
}

void lml_atom_batch_gather(lml_atom_batch *batch, const lml_linear_model *model, const lml_neighbours *neighbours,
                           const signed char *elements, size_t first) {
  const size_t lanes = (size_t)model->kernel->lanes, left = neighbours->end - first;
  const size_t nlabels = (size_t)model->plan.nlabel_elements;
  int nnear[LML_LANES_LIMIT] = {0};
  batch->first = first;
  batch->natoms = left < lanes ? left : lanes;
  memset(batch->count, 0, lanes * nlabels * sizeof(int));
  memset(batch->slots.self, 0, lanes * nlabels * sizeof(double));
  for (size_t lane = 0; lane < batch->natoms; lane++) {
    batch->element[lane] = elements[first + lane];
    nnear[lane] = select_near(model, neighbours, elements, first + lane, batch->near + lane * batch->slot_limit,
                              batch->count + lane * nlabels);
  }
  assign_groups(batch, (int)nlabels);
  clear_slots(batch, model);
  for (size_t lane = 0; lane < batch->natoms; lane++) fill_lane(batch, model, neighbours, elements, lane, nnear[lane]);
}
