#include "potential/ace/ace_batch.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

void lml_ace_batch_free(lml_ace_batch *batch) {
  lml_free(batch->slots.group);
  lml_free(batch->slots.places);
  lml_free(batch->slots.bonds);
  lml_free(batch->neighbour);
  lml_free(batch->near);
  lml_free(batch->counts);
  memset(batch, 0, sizeof *batch);
}

lml_status lml_ace_batch_reserve(lml_ace_batch *batch, size_t nelements, size_t lanes, size_t longest,
                                 lml_error *error) {
  static const char what[] = "a batch of atoms";
  if (batch->slots.group != NULL && longest <= batch->longest) return LML_OK;
  lml_ace_batch_free(batch);
  /* the slots of an element are as many as the lane that has most of them has */
  batch->limit = longest * (nelements < lanes ? nelements : lanes);
  const size_t places = batch->limit * lanes;
  lml_status status = lml_alloc(&batch->slots.group, nelements + 1, sizeof(int), what, error);
  if (status == LML_OK)
    status = lml_alloc(&batch->slots.places, places * LML_ACE_SLOT_SIZE, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_alloc(&batch->slots.bonds, nelements * LML_ACE_BOND_SIZE * lanes, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->neighbour, places, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->near, longest * lanes, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&batch->counts, nelements * lanes, sizeof(int), what, error);
  if (status == LML_OK)
    batch->longest = longest;
  else
    lml_ace_batch_free(batch);
  return status;
}

/** List the neighbours of one atom that are within the cutoffs, and count them by element. */
static size_t select_near(const lml_ace_model *model, const lml_atoms *atoms, int32_t centre, int32_t *near,
                          int *counts) {
  const double *here = atoms->positions + 3 * (size_t)centre;
  const lml_ace_bond *bonds = model->bonds + (size_t)atoms->elements[centre] * model->nelements;
  const int32_t *list;
  const size_t length = atoms->neighbours(atoms->context, centre, &list);
  size_t found = 0;
  for (size_t i = 0; i < length; i++) {
    const int32_t j = list[i] & atoms->mask;
    const double *there = atoms->positions + 3 * (size_t)j;
    const double x = there[0] - here[0], y = there[1] - here[1], z = there[2] - here[2];
    const int element = atoms->elements[j];
    if (element < 0 || x * x + y * y + z * z >= bonds[element].cutoff * bonds[element].cutoff) continue;
    near[found++] = j;
    counts[element]++;
  }
  return found;
}

/** What the kernel is told of a lane's bond. */
static void set_bond(const lml_ace_model *model, const lml_ace_bond *bond, double *to, size_t lanes) {
  const double last = exp(-bond->lambda); /* of ChebExpCos */
  const bool exponential = model->radial == LML_ACE_CHEB_EXP_COS;
  to[LML_ACE_BOND_LAMBDA * lanes] = bond->lambda;
  to[LML_ACE_BOND_CUTOFF * lanes] = bond->cutoff;
  to[LML_ACE_BOND_WIDTH * lanes] = bond->width;
  to[LML_ACE_BOND_BEGIN * lanes] = bond->inner - bond->inner_width;
  to[LML_ACE_BOND_INNER * lanes] = bond->inner;
  to[LML_ACE_BOND_STEEPNESS * lanes] = bond->inner_width > 0.0 ? 1.0 / bond->inner_width : 0.0;
  to[LML_ACE_BOND_SHIFT * lanes] = exponential ? 1.0 + 2.0 * last / (1.0 - last) : 0.0;
  to[LML_ACE_BOND_BIN * lanes] = bond->bin;
  to[LML_ACE_BOND_SCALE * lanes] = exponential ? -2.0 / (1.0 - last) : pow(bond->cutoff, -1.5);
}

/** Give each element as many slots as the lane that has most of it needs, and make all places empty. */
static void lay_out(lml_ace_batch *batch, const lml_ace_model *model, size_t lanes) {
  const size_t n = model->nelements;
  double *place = batch->slots.places;
  for (size_t e = 0; e < n; e++) {
    int most = 0;
    for (size_t lane = 0; lane < batch->count; lane++)
      if (batch->counts[lane * n + e] > most) most = batch->counts[lane * n + e];
    batch->slots.group[e + 1] = batch->slots.group[e] + most;
    for (size_t lane = 0; lane < lanes; lane++) batch->counts[lane * n + e] = batch->slots.group[e];
    for (int slot = 0; slot < most; slot++)
      for (size_t k = 0; k < LML_ACE_SLOT_SIZE; k++)
        for (size_t lane = 0; lane < lanes; lane++)
          *place++ = k == LML_ACE_SLOT_Z ? 0.5 * model->bonds[(size_t)batch->element[lane] * n + e].cutoff : 0.0;
  }
  for (size_t k = 0; k < lml_ace_batch_nslots(batch, n) * lanes; k++) batch->neighbour[k] = -1;
}

static void fill_lane(lml_ace_batch *batch, const lml_ace_model *model, size_t lanes, const lml_run_of_atoms *run,
                      size_t lane, size_t nnear) {
  const lml_atoms *atoms = run->atoms;
  const double *here = atoms->positions + 3 * (size_t)run->centres[lane];
  for (size_t i = 0; i < nnear; i++) {
    const int32_t j = batch->near[lane * batch->longest + i];
    const size_t slot = (size_t)batch->counts[lane * model->nelements + (size_t)atoms->elements[j]]++;
    double *place = batch->slots.places + slot * LML_ACE_SLOT_SIZE * lanes + lane;
    for (size_t d = 0; d < 3; d++) place[d * lanes] = atoms->positions[3 * (size_t)j + d] - here[d];
    place[LML_ACE_SLOT_PRESENT * lanes] = 1.0;
    batch->neighbour[slot * lanes + lane] = j;
  }
}

void lml_ace_batch_fill(lml_ace_batch *batch, const lml_ace_model *model, size_t lanes, const lml_run_of_atoms *run) {
  const size_t n = model->nelements;
  size_t nnear[LML_LANES_LIMIT] = {0};
  batch->count = run->count;
  memset(batch->counts, 0, lanes * n * sizeof *batch->counts);
  for (size_t lane = 0; lane < lanes; lane++) {
    batch->element[lane] = lane < run->count ? run->atoms->elements[run->centres[lane]] : 0;
    for (size_t e = 0; e < n; e++)
      set_bond(model, &model->bonds[(size_t)batch->element[lane] * n + e],
               batch->slots.bonds + e * LML_ACE_BOND_SIZE * lanes + lane, lanes);
    if (lane < run->count)
      nnear[lane] = select_near(model, run->atoms, run->centres[lane], batch->near + lane * batch->longest,
                                batch->counts + lane * n);
  }
  lay_out(batch, model, lanes);
  for (size_t lane = 0; lane < run->count; lane++) fill_lane(batch, model, lanes, run, lane, nnear[lane]);
}
