#include "potential/ace/ace_zbl.h"

#include <math.h>

void lml_ace_zbl_set_fade(lml_ace_work *work, size_t lane) {
  const lml_ace_model *model = &work->ace->model;
  const size_t nslots = lml_ace_batch_nslots(&work->batch, model->nelements);
  double least = INFINITY;
  work->fade[lane] = 1.0;
  work->fade_slope[lane] = 0.0;
  work->nearest[lane] = nslots;
  for (size_t slot = 0; slot < nslots; slot++) {
    if (work->batch.neighbour[slot * work->lanes + lane] < 0) continue;
    const size_t other = lml_ace_element_of_slot(work, slot);
    const lml_ace_bond *bond = &model->bonds[(size_t)work->batch.element[lane] * model->nelements + other];
    const double r = lml_ace_distance(work, slot, lane), past = r - (bond->inner - bond->inner_width);
    double share, slope;
    if (past >= least) continue;
    least = past;
    lml_ace_fall(r, bond->inner, bond->inner_width, &share, &slope);
    work->fade[lane] = 1.0 - share;
    work->fade_slope[lane] = -slope;
    work->nearest[lane] = slot;
  }
}

static void mix_gradient(lml_ace_work *work, size_t slot, size_t lane, double energy) {
  const size_t lanes = work->lanes;
  const double *place = work->batch.slots.places + slot * LML_ACE_SLOT_SIZE * lanes + lane;
  const double fade = work->fade[lane];
  double core[3], change = 0.0;
  lml_ace_core_gradient(work, lml_ace_element_of_slot(work, slot), slot, lane, core);
  if (slot == work->nearest[lane])
    change = work->fade_slope[lane] * (energy - work->core[lane]) / lml_ace_distance(work, slot, lane);
  for (size_t d = 0; d < 3; d++) {
    double *g = &work->gradient[(3 * slot + d) * lanes + lane];
    *g = *g * fade + core[d] * (1.0 - fade) + change * place[d * lanes];
  }
}

void lml_ace_zbl_mix(lml_ace_work *work, double *products) {
  const size_t nslots = lml_ace_batch_nslots(&work->batch, work->ace->model.nelements);
  for (size_t lane = 0; lane < work->batch.count; lane++) {
    if (work->fade[lane] == 1.0) continue;
    for (size_t slot = 0; slot < nslots; slot++)
      if (work->batch.neighbour[slot * work->lanes + lane] >= 0) mix_gradient(work, slot, lane, products[lane]);
    products[lane] = products[lane] * work->fade[lane] + work->core[lane] * (1.0 - work->fade[lane]);
  }
}
