#include "base/memory.h"
#include "potential/ace/ace_work.h"
#include "potential/gradient_columns.h"

void lml_ace_free_slopes(lml_ace_work *work) {
  lml_free(work->workspace.radials);
  lml_free(work->workspace.turns);
  lml_free(work->workspace.slopes);
  lml_free(work->column);
  lml_free(work->columns);
  lml_free(work->values);
  work->workspace.radials = work->workspace.turns = work->workspace.slopes = work->values = NULL;
  work->column = work->columns = NULL;
}

lml_status lml_ace_reserve_slopes(lml_ace_work *work, lml_error *error) {
  static const char what[] = "gradients of ACE's functions";
  const lml_ace_plan *plan = &work->ace->plan;
  const size_t limit = work->batch.limit, vector = work->lanes * sizeof(double);
  const size_t harmonics = (size_t)((plan->lmax + 1) * (plan->lmax + 1));
  if (work->values != NULL) return LML_OK;
  lml_status status = lml_alloc(&work->workspace.radials, 2 * limit * (size_t)plan->most_blocks, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&work->workspace.turns, 3 * limit * harmonics, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&work->workspace.slopes, 3 * limit, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&work->column, limit * work->lanes, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&work->columns, limit * work->lanes, sizeof(int32_t), what, error);
  if (status == LML_OK) status = lml_alloc(&work->values, work->ace->base.ncomponents, vector, what, error);
  if (status != LML_OK) lml_ace_free_slopes(work);
  return status;
}

void lml_ace_gradients(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *values) {
  lml_ace_work *self = (lml_ace_work *)work;
  const size_t lanes = self->lanes, n = self->ace->base.ncomponents;
  size_t counts[LML_LANES_LIMIT] = {0};
  work->descriptor->ops->begin(work, run);
  work->descriptor->ops->values(work, values);
  for (size_t k = 0; k < n * lanes; k++) {
    const size_t lane = k % lanes;
    self->values[k] = lane < run->count && self->fade[lane] > 0.0 ? values[k] / self->fade[lane] : 0.0;
  }
  self->kernel->turns(&self->ace->plan, &self->batch.slots, &self->workspace);
  const lml_gradient_columns columns = {.nslots = lml_ace_batch_nslots(&self->batch, self->ace->model.nelements),
                                        .width = lanes,
                                        .neighbour = self->batch.neighbour,
                                        .column = self->column,
                                        .columns = self->columns};
  work->columns = self->columns;
  work->ncolumns = 0;
  for (size_t lane = 0; lane < run->count; lane++) {
    counts[lane] = lml_gradient_columns_find(&columns, run, places, lane);
    if (counts[lane] > work->ncolumns) work->ncolumns = counts[lane];
  }
  for (size_t lane = 0; lane < lanes; lane++)
    for (size_t column = counts[lane]; column < work->ncolumns; column++) self->columns[column * lanes + lane] = -1;
}

static void clear_all(const lml_ace_work *self, const lml_gradient_place *to, const lml_gradient_place *own,
                      size_t stride) {
  for (size_t lane = 0; lane < self->batch.count; lane++) {
    lml_gradient_place_clear(&own[lane], stride);
    for (size_t column = 0; column < self->base.ncolumns; column++)
      if (self->columns[column * self->lanes + lane] >= 0)
        lml_gradient_place_clear(&to[column * self->lanes + lane], stride);
  }
}

/** Hand out the slopes of one function: those of a lane's atom by the neighbour in a slot. */
static void scatter(const lml_ace_work *self, size_t function, size_t element, size_t slot, size_t lane,
                    const lml_gradient_place *to, const lml_gradient_place *own, size_t stride) {
  const size_t lanes = self->lanes;
  const int32_t column = self->column[slot * lanes + lane];
  double core[3] = {0.0, 0.0, 0.0};
  if (column < 0) return;
  if (self->fade_slope[lane] != 0.0) lml_ace_core_gradient(self, element, slot, lane, core);
  double *by_neighbour = to[(size_t)column * lanes + lane].to, *by_atom = own[lane].to;
  const double value = self->values[function * lanes + lane] * self->fade_slope[lane];
  for (size_t d = 0; d < 3; d++) {
    const double slope = self->workspace.slopes[(3 * slot + d) * lanes + lane] * self->fade[lane] + value * core[d];
    by_neighbour[d * stride + function] -= slope;
    by_atom[d * stride + function] += slope;
  }
}

static void put_function(const lml_ace_work *self, size_t function, const double *mask, const lml_gradient_place *to,
                         const lml_gradient_place *own, size_t stride) {
  const int *group = self->batch.slots.group;
  for (size_t e = 0; e < self->ace->model.nelements; e++)
    for (size_t slot = (size_t)group[e]; slot < (size_t)group[e + 1]; slot++)
      for (size_t lane = 0; lane < self->batch.count; lane++)
        if (mask[lane] != 0.0) scatter(self, function, e, slot, lane, to, own, stride);
}

void lml_ace_put_gradients(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                           size_t stride) {
  const lml_ace_work *self = (const lml_ace_work *)work;
  const lml_ace_plan *plan = &self->ace->plan;
  lml_ace_workspace workspace = self->workspace; /* its arrays are written to */
  clear_all(self, to, own, stride);
  for (size_t e = 0; e < self->ace->model.nelements; e++) {
    double mask[LML_LANES_LIMIT] = {0.0};
    if (!lml_ace_mask(self, e, mask)) continue;
    self->kernel->products(plan, e, &workspace);
    self->kernel->radials(plan, e, &self->batch.slots, &workspace);
    for (size_t f = 0; f < self->ace->model.nfunctions[e]; f++) {
      self->kernel->slopes(plan, e, f, &self->batch.slots, &workspace);
      put_function(self, f, mask, to, own, stride);
    }
  }
}
