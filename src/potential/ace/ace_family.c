#include "potential/ace/ace_family.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/print.h"
#include "potential/ace/ace_embedding.h"
#include "potential/ace/ace_work.h"
#include "potential/ace/ace_zbl.h"

static const char what[] = "the work space of ACE";

/* ---- the descriptor ---- */

static void destroy(lml_descriptor *descriptor) {
  lml_ace *self = (lml_ace *)descriptor;
  lml_ace_plan_free(&self->plan);
  lml_ace_core_free(&self->core);
  lml_ace_model_free(&self->model);
  lml_free(self);
}

static void hash_numbers(lml_sha256 *sum, const double *numbers, size_t count) {
  lml_sha256_add(sum, numbers, count * sizeof *numbers);
}

/** Shapes of components are scaled when they are read: the last digits of the same one differ after it was written with
 *  another coefficient. Whole numbers of a millionth, shifted so that no usual one is half way between two, do not. */
static void hash_shape(lml_sha256 *sum, const lml_ace_function *function, int ndensities, bool scaled) {
  for (int k = 0; k < function->ncombinations * ndensities; k++) {
    const double rounded = floor(function->shape[k] * 1048576.0 + 0.3137);
    hash_numbers(sum, scaled ? &rounded : &function->shape[k], 1);
  }
}

static void hash(const lml_descriptor *descriptor, lml_sha256 *sum) {
  const lml_ace_model *model = lml_ace_model_of(descriptor);
  const size_t n = model->nelements;
  const int kinds[] = {(int)model->radial, (int)model->inner, model->linear};
  lml_sha256_add(sum, kinds, sizeof kinds);
  for (size_t b = 0; b < n * n; b++) {
    const lml_ace_bond *bond = &model->bonds[b];
    const double numbers[] = {bond->lambda,      bond->cutoff,         bond->width,      bond->inner,
                              bond->inner_width, bond->core_amplitude, bond->core_decay, bond->nradial,
                              bond->nbase,       bond->lmax,           bond->bin};
    hash_numbers(sum, numbers, sizeof numbers / sizeof *numbers);
    hash_numbers(sum, bond->coefficients, (size_t)bond->nradial * ((size_t)bond->lmax + 1) * (size_t)bond->nbase);
  }
  for (size_t e = 0; e < n; e++) {
    const lml_ace_embedding *embedding = &model->embeddings[e];
    const double numbers[] = {embedding->kind, embedding->ndensities, embedding->core_cutoff, embedding->core_width};
    hash_numbers(sum, numbers, sizeof numbers / sizeof *numbers);
    if (!model->linear) hash_numbers(sum, embedding->weight, (size_t)embedding->ndensities);
    hash_numbers(sum, embedding->power, (size_t)embedding->ndensities);
    for (size_t f = 0; f < model->nfunctions[e]; f++) {
      const lml_ace_function *function = &model->functions[e][f];
      lml_sha256_add(sum, function->legs, (size_t)function->rank * sizeof *function->legs);
      lml_sha256_add(sum, function->ms, (size_t)(function->ncombinations * function->rank));
      hash_shape(sum, function, embedding->ndensities, model->linear);
    }
  }
}

/* ---- work spaces ---- */

static void free_room(lml_ace_work *self) {
  lml_ace_free_slopes(self);
  lml_free(self->workspace.geometry);
  lml_free(self->gradient);
  self->workspace.geometry = self->gradient = NULL;
}

static void free_work(lml_descriptor_work *work) {
  lml_ace_work *self = (lml_ace_work *)work;
  free_room(self);
  lml_ace_batch_free(&self->batch);
  lml_free(self->workspace.moments);
  lml_free(self->workspace.moment_adjoints);
  lml_free(self->workspace.nodes);
  lml_free(self->workspace.node_adjoints);
  lml_free(self->factors);
  lml_free(self);
}

static lml_status make_arrays(lml_ace_work *self, lml_error *error) {
  const lml_ace_plan *plan = &self->ace->plan;
  lml_ace_workspace *w = &self->workspace;
  const size_t vector = self->lanes * sizeof(double), moments = (size_t)plan->nmoments;
  const size_t nodes = 2 * (size_t)plan->most_nodes, n = self->ace->base.ncomponents;
  lml_status status = lml_alloc(&w->moments, moments, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&w->moment_adjoints, moments, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&w->nodes, nodes, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&w->node_adjoints, nodes, vector, what, error);
  if (status == LML_OK) status = lml_alloc(&self->factors, n + LML_ACE_MOST_DENSITIES, vector, what, error);
  return status;
}

static lml_status make_work(const lml_descriptor *descriptor, const lml_isa *isa, lml_descriptor_work **work,
                            lml_error *error) {
  lml_ace_work *self;
  lml_status status = lml_alloc(&self, 1, sizeof *self, what, error);
  if (status != LML_OK) return status;
  self->ace = (const lml_ace *)descriptor;
  self->kernel = lml_ace_kernel_for(isa);
  self->lanes = isa->lanes;
  status = make_arrays(self, error);
  if (status == LML_OK)
    *work = &self->base;
  else
    free_work(&self->base);
  return status;
}

static lml_status reserve(lml_descriptor_work *work, size_t longest, lml_error *error) {
  lml_ace_work *self = (lml_ace_work *)work;
  const size_t before = self->batch.limit, vector = self->lanes * sizeof(double);
  lml_status status = lml_ace_batch_reserve(&self->batch, self->ace->model.nelements, self->lanes, longest, error);
  const size_t limit = self->batch.limit;
  if (status != LML_OK || (self->gradient != NULL && limit == before)) return status;
  free_room(self);
  status = lml_alloc(&self->workspace.geometry, limit * lml_ace_geometry_size(&self->ace->plan), vector, what, error);
  if (status == LML_OK) status = lml_alloc(&self->gradient, 3 * limit, vector, what, error);
  if (status == LML_OK && self->gradients) status = lml_ace_reserve_slopes(self, error);
  if (status != LML_OK) lml_ace_batch_free(&self->batch);
  return status;
}

static lml_status reserve_gradients(lml_descriptor_work *work, lml_error *error) {
  lml_ace_work *self = (lml_ace_work *)work;
  self->gradients = true;
  return lml_ace_reserve_slopes(self, error);
}

/* ---- runs ---- */

bool lml_ace_mask(const lml_ace_work *work, size_t element, double mask[LML_LANES_LIMIT]) {
  bool any = false;
  for (size_t lane = 0; lane < work->lanes; lane++) {
    const bool here = lane < work->batch.count && work->batch.element[lane] == (int)element;
    mask[lane] = here ? 1.0 : 0.0;
    any = any || here;
  }
  return any;
}

size_t lml_ace_element_of_slot(const lml_ace_work *work, size_t slot) {
  size_t e = 0;
  while ((size_t)work->batch.slots.group[e + 1] <= slot) e++;
  return e;
}

double lml_ace_distance(const lml_ace_work *work, size_t slot, size_t lane) {
  const double *place = work->batch.slots.places + slot * LML_ACE_SLOT_SIZE * work->lanes + lane;
  const double x = place[0], y = place[work->lanes], z = place[2 * work->lanes];
  return sqrt(x * x + y * y + z * z);
}

void lml_ace_core_gradient(const lml_ace_work *work, size_t element, size_t slot, size_t lane, double gradient[3]) {
  const double *place = work->batch.slots.places + slot * LML_ACE_SLOT_SIZE * work->lanes + lane;
  const double r = lml_ace_distance(work, slot, lane);
  double value, slope;
  lml_ace_core_evaluate(&work->ace->core, (size_t)work->batch.element[lane], element, r, &value, &slope);
  for (size_t d = 0; d < 3; d++) gradient[d] = slope * place[d * work->lanes] / r;
}

/** ρ_core of a lane's atom. */
static double core_of(const lml_ace_work *self, size_t lane) {
  const lml_ace_core *core = &self->ace->core;
  const size_t lanes = self->lanes;
  double sum = 0.0;
  for (size_t e = 0; e < core->nelements; e++)
    for (int slot = self->batch.slots.group[e]; slot < self->batch.slots.group[e + 1]; slot++) {
      const double *place = self->batch.slots.places + (size_t)slot * LML_ACE_SLOT_SIZE * lanes + lane;
      const double x = place[0], y = place[lanes], z = place[2 * lanes], square = x * x + y * y + z * z;
      double value, slope;
      if (place[LML_ACE_SLOT_PRESENT * lanes] == 0.0 || square >= core->cutoff * core->cutoff) continue;
      lml_ace_core_evaluate(core, (size_t)self->batch.element[lane], e, sqrt(square), &value, &slope);
      sum += value;
    }
  return sum;
}

static void begin(lml_descriptor_work *work, const lml_run_of_atoms *run) {
  lml_ace_work *self = (lml_ace_work *)work;
  lml_ace_batch_fill(&self->batch, &self->ace->model, self->lanes, run);
  self->kernel->density(&self->ace->plan, &self->batch.slots, &self->workspace);
  self->fades = false;
  for (size_t lane = 0; lane < run->count; lane++) {
    const lml_ace_embedding *embedding = &self->ace->model.embeddings[self->batch.element[lane]];
    if (self->ace->model.inner != LML_ACE_INNER_ZBL) {
      lml_ace_fall(core_of(self, lane), embedding->core_cutoff, embedding->core_width, &self->fade[lane],
                   &self->fade_slope[lane]);
    } else {
      lml_ace_zbl_set_fade(self, lane);
      if (self->fade[lane] != 1.0) self->core[lane] = core_of(self, lane);
    }
    self->fades = self->fades || self->fade[lane] != 1.0;
  }
}

static void values(lml_descriptor_work *work, double *to) {
  lml_ace_work *self = (lml_ace_work *)work;
  const size_t n = self->ace->base.ncomponents, lanes = self->lanes;
  memset(to, 0, n * lanes * sizeof *to);
  for (size_t e = 0; e < self->ace->model.nelements; e++) {
    _Alignas(LML_ALIGNMENT) double mask[LML_LANES_LIMIT] = {0.0};
    if (!lml_ace_mask(self, e, mask)) continue;
    for (size_t lane = 0; lane < self->batch.count; lane++) mask[lane] *= self->fade[lane];
    self->kernel->products(&self->ace->plan, e, &self->workspace);
    self->kernel->functions(&self->ace->plan.elements[e], &self->workspace, mask, to);
  }
}

/** Factors of an element's terms: β, or what the embedding says; energies of a closed descriptor go to @p energies. */
static size_t set_factors(lml_ace_work *self, size_t element, const double *beta, const double *mask,
                          double *energies) {
  const lml_ace_element_plan *plan = &self->ace->plan.elements[element];
  const size_t lanes = self->lanes, n = (size_t)plan->ndensities;
  if (self->ace->model.linear) {
    for (size_t k = 0; k < (size_t)plan->nfunctions; k++)
      for (size_t lane = 0; lane < lanes; lane++) self->factors[k * lanes + lane] = beta[k * lanes + lane] * mask[lane];
    return 1;
  }
  self->kernel->densities(plan, &self->workspace, self->factors);
  for (size_t lane = 0; lane < lanes; lane++) {
    double densities[LML_ACE_MOST_DENSITIES] = {0.0}, slopes[LML_ACE_MOST_DENSITIES] = {0.0};
    for (size_t p = 0; p < n; p++) densities[p] = self->factors[p * lanes + lane];
    if (mask[lane] != 0.0) energies[lane] = lml_ace_embed(&self->ace->model.embeddings[element], densities, slopes);
    for (size_t p = 0; p < n; p++) self->factors[p * lanes + lane] = mask[lane] != 0.0 ? slopes[p] : 0.0;
  }
  return 0;
}

/** Energies E and their gradients → those of E f(ρ_core). */
static void apply_fade(lml_ace_work *self, double *products) {
  const size_t lanes = self->lanes, nslots = lml_ace_batch_nslots(&self->batch, self->ace->model.nelements);
  for (size_t slot = 0; slot < nslots; slot++) {
    const size_t element = lml_ace_element_of_slot(self, slot);
    for (size_t lane = 0; lane < self->batch.count; lane++) {
      double core[3] = {0.0, 0.0, 0.0};
      if (self->batch.neighbour[slot * lanes + lane] < 0) continue;
      if (self->fade_slope[lane] != 0.0) lml_ace_core_gradient(self, element, slot, lane, core);
      for (size_t d = 0; d < 3; d++) {
        double *g = &self->gradient[(3 * slot + d) * lanes + lane];
        *g = *g * self->fade[lane] + products[lane] * self->fade_slope[lane] * core[d];
      }
    }
  }
  for (size_t lane = 0; lane < self->batch.count; lane++) products[lane] *= self->fade[lane];
}

static void adjoint(lml_descriptor_work *work, const double *beta, double *products) {
  lml_ace_work *self = (lml_ace_work *)work;
  const lml_ace_plan *plan = &self->ace->plan;
  const size_t lanes = self->lanes;
  for (size_t lane = 0; lane < lanes; lane++) products[lane] = 0.0;
  memset(self->workspace.moment_adjoints, 0, (size_t)plan->nmoments * lanes * sizeof(double));
  for (size_t e = 0; e < self->ace->model.nelements; e++) {
    _Alignas(LML_ALIGNMENT) double mask[LML_LANES_LIMIT] = {0.0}, sums[LML_LANES_LIMIT] = {0.0};
    if (!lml_ace_mask(self, e, mask)) continue;
    self->kernel->products(plan, e, &self->workspace);
    const size_t stride = set_factors(self, e, beta, mask, products);
    self->kernel->adjoint(plan, e, self->factors, stride, &self->workspace, sums);
    for (size_t lane = 0; lane < lanes && self->ace->model.linear; lane++) products[lane] += sums[lane];
  }
  self->kernel->forces(plan, &self->batch.slots, &self->workspace, self->gradient);
  if (self->fades && self->ace->model.inner == LML_ACE_INNER_ZBL)
    lml_ace_zbl_mix(self, products);
  else if (self->fades)
    apply_fade(self, products);
  work->by_neighbour =
      (lml_gradients_by_neighbour){.nslots = lml_ace_batch_nslots(&self->batch, self->ace->model.nelements),
                                   .neighbour = self->batch.neighbour,
                                   .vector = self->batch.slots.places,
                                   .vector_stride = LML_ACE_SLOT_SIZE,
                                   .gradient = self->gradient};
}

static const lml_descriptor_ops ops = {
    .name = "ace",
    .hash = hash,
    .destroy = destroy,
    .make_work = make_work,
    .free_work = free_work,
    .reserve = reserve,
    .reserve_gradients = reserve_gradients,
    .begin = begin,
    .values = values,
    .adjoint = adjoint,
    .gradients = lml_ace_gradients,
    .put_gradients = lml_ace_put_gradients,
};

const lml_ace_model *lml_ace_model_of(const lml_descriptor *descriptor) {
  return &((const lml_ace *)descriptor)->model;
}

static void describe(lml_ace *self) {
  const lml_ace_model *model = &self->model;
  size_t count = 0;
  int rank = 1;
  for (size_t e = 0; e < model->nelements; e++) {
    count += model->nfunctions[e];
    for (size_t f = 0; f < model->nfunctions[e]; f++)
      if (model->functions[e][f].rank > rank) rank = model->functions[e][f].rank;
  }
  lml_print_cut(self->base.title, sizeof self->base.title, "ACE");
  lml_print_cut(self->base.detail, sizeof self->base.detail, "%zu functions to rank %d", count, rank);
}

lml_status lml_ace_create(lml_ace_model *model, lml_descriptor **descriptor, lml_error *error) {
  lml_ace *self;
  *descriptor = NULL;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "ACE", error);
  if (status != LML_OK) {
    lml_ace_model_free(model);
    return status;
  }
  self->model = *model;
  *model = (lml_ace_model){0};
  self->base = (lml_descriptor){.ops = &ops, .nelements = self->model.nelements, .nshares = 1};
  self->base.cutoff = lml_ace_model_cutoff(&self->model);
  if (self->model.linear)
    self->base.ncomponents = lml_ace_model_most_functions(&self->model);
  else
    self->base.closed = self->model.inner == LML_ACE_INNER_ZBL ? "its inner_cutoff_type is zbl"
                                                               : "its embedding is nonlinear or has several densities";
  describe(self);
  status = lml_ace_plan_make(&self->model, &self->plan, error);
  if (status == LML_OK) status = lml_ace_core_make(&self->core, &self->model, error);
  if (status == LML_OK)
    *descriptor = &self->base;
  else
    destroy(&self->base);
  return status;
}
