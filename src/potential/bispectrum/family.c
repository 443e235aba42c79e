#include "potential/bispectrum/family.h"

#include <string.h>

#include "base/memory.h"
#include "base/print.h"
#include "potential/bispectrum/atom_batch.h"
#include "potential/bispectrum/snap_exchange.h"

typedef struct {
  lml_descriptor base;
  lml_snap_model snap;
} bispectrum;

typedef struct {
  lml_descriptor_work base;
  lml_bispectrum_model model;
  lml_atom_batch batch;
  lml_bispectrum_gradients gradients;
  lml_bispectrum_several several;
  size_t nseveral; /**< energies that are wanted beside; 0: none */
} workspace;

/* ---- the descriptor ---- */

static void destroy(lml_descriptor *descriptor) {
  bispectrum *self = (bispectrum *)descriptor;
  lml_snap_model_free(&self->snap);
  lml_free(self);
}

static void add_real(lml_sha256 *sum, double value) { lml_sha256_add(sum, &value, sizeof value); }

static void hash(const lml_descriptor *descriptor, lml_sha256 *sum) {
  const lml_snap_model *snap = lml_bispectrum_snap(descriptor);
  const lml_snap_parameters *p = &snap->parameters;
  const unsigned char flags[] = {p->switchflag, p->bzeroflag,    p->chemflag,
                                 p->bnormflag,  p->wselfallflag, p->switchinnerflag};
  const double numbers[] = {p->rcutfac, p->twojmax, p->rfac0, p->rmin0};
  for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) add_real(sum, numbers[k]);
  lml_sha256_add(sum, flags, sizeof flags);
  for (size_t e = 0; e < snap->nelements; e++) {
    const lml_snap_element *element = &snap->elements[e];
    add_real(sum, element->number);
    add_real(sum, element->radius);
    add_real(sum, element->weight);
    add_real(sum, element->sinner);
    add_real(sum, element->dinner);
    if (element->bare) add_real(sum, 1.0);
  }
}

static lml_status average(const lml_descriptor *descriptor, bool quadratic, double *coefficients, lml_error *error) {
  lml_snap_model snap = *lml_bispectrum_snap(descriptor);
  snap.parameters.quadraticflag = quadratic;
  snap.ncoefficients = lml_snap_ncoefficients(&snap.parameters, snap.nelements);
  return snap.parameters.chemflag ? lml_snap_exchange_average(&snap, coefficients, error) : LML_OK;
}

/* ---- work spaces ---- */

static void free_work(lml_descriptor_work *work) {
  workspace *self = (workspace *)work;
  lml_bispectrum_model_free(&self->model);
  lml_atom_batch_free(&self->batch);
  lml_bispectrum_gradients_free(&self->gradients);
  lml_bispectrum_several_free(&self->several);
  lml_free(self);
}

static lml_status make_work(const lml_descriptor *descriptor, const lml_isa *isa, lml_descriptor_work **work,
                            lml_error *error) {
  workspace *self;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "the bispectrum's work space", error);
  if (status != LML_OK) return status;
  status = lml_bispectrum_model_make(lml_bispectrum_snap(descriptor), isa, &self->model, error);
  if (status == LML_OK)
    *work = &self->base;
  else
    free_work(&self->base);
  return status;
}

static lml_status reserve(lml_descriptor_work *work, size_t longest, lml_error *error) {
  workspace *self = (workspace *)work;
  return lml_atom_batch_prepare(&self->batch, &self->model, longest, error);
}

static lml_status need_terms(lml_bispectrum_plan *plan, lml_error *error) {
  return plan->by_term.npacked == 0 ? lml_bispectrum_plan_by_term(plan, error) : LML_OK;
}

static lml_status reserve_gradients(lml_descriptor_work *work, lml_error *error) {
  workspace *self = (workspace *)work;
  lml_bispectrum_plan *plan = &self->model.plan;
  const size_t slots = self->batch.slot_limit;
  const lml_status status = need_terms(plan, error);
  if (status != LML_OK || self->gradients.stride >= 3 * slots) return status;
  lml_bispectrum_gradients_free(&self->gradients);
  return lml_bispectrum_gradients_make(plan, slots, &self->gradients, error);
}

static lml_status reserve_several(lml_descriptor_work *work, size_t count, lml_error *error) {
  workspace *self = (workspace *)work;
  lml_bispectrum_plan *plan = &self->model.plan;
  const size_t slots = self->batch.slot_limit;
  self->nseveral = 0;
  if (count == 0) return LML_OK;
  lml_status status = need_terms(plan, error);
  if (status == LML_OK &&
      (self->several.slots < slots || self->several.count < count || self->several.count >= count + LML_TILE_TERMS)) {
    lml_bispectrum_several_free(&self->several);
    status = lml_bispectrum_several_make(plan, slots, count, &self->several, error);
  }
  if (status == LML_OK) self->nseveral = count;
  return status;
}

/* ---- runs ---- */

/** The batch's neighbours → u. */
static void put_density(workspace *self) {
  self->model.kernel->density(&self->model.plan, &self->model.snap->parameters, &self->batch.slots,
                              &self->batch.workspace);
}

static void begin(lml_descriptor_work *work, const lml_run_of_atoms *run) {
  workspace *self = (workspace *)work;
  lml_atom_batch_gather(&self->batch, &self->model, run);
  put_density(self);
}

/** Terms → B; of lanes without an atom, those of the first one's element. */
static void put_components(const workspace *self, double *values) {
  const lml_bispectrum_plan *plan = &self->model.plan;
  const size_t lanes = (size_t)plan->lanes, n = (size_t)plan->ncomponents;
  const double *shift[LML_LANES_LIMIT];
  for (size_t lane = 0; lane < lanes; lane++)
    shift[lane] = self->model.shifts + (size_t)self->batch.element[lane < self->batch.natoms ? lane : 0] * n;
  for (size_t c = 0; c < n; c++, values += lanes) {
    const double scale = plan->components[c].scale;
    const double *term = self->batch.workspace.terms + (size_t)plan->components[c].term * lanes;
    for (size_t lane = 0; lane < lanes; lane++) values[lane] = scale * term[lane] - shift[lane][c];
  }
}

static void values(lml_descriptor_work *work, double *to) {
  workspace *self = (workspace *)work;
  self->model.kernel->terms(&self->model.plan, &self->batch.workspace);
  put_components(self, to);
}

/** Add to ∂E/∂t, a vector for each term at a @p stride of vectors, what β makes of them. */
static void add_weights(const lml_bispectrum_plan *plan, const double *beta, double *weights, size_t stride) {
  const size_t lanes = (size_t)plan->lanes, n = (size_t)plan->ncomponents;
  for (size_t c = 0; c < n; c++) {
    const double scale = plan->components[c].scale;
    double *weight = weights + (size_t)plan->components[c].term * lanes * stride;
    for (size_t lane = 0; lane < lanes; lane++) weight[lane] += scale * beta[c * lanes + lane];
  }
}

/** β → ∂E/∂t; @p products receives what the shifts of B take from Σ β·B. */
static void put_weights(workspace *self, const double *beta, double *products) {
  const lml_bispectrum_plan *plan = &self->model.plan;
  const size_t lanes = (size_t)plan->lanes, n = (size_t)plan->ncomponents;
  double *weights = self->batch.workspace.weights;
  memset(weights, 0, (size_t)plan->nterms * lanes * sizeof *weights);
  add_weights(plan, beta, weights, 1);
  const double *shift[LML_LANES_LIMIT];
  for (size_t lane = 0; lane < self->batch.natoms; lane++) {
    shift[lane] = self->model.shifts + (size_t)self->batch.element[lane] * n;
    products[lane] = 0.0;
  }
  /* lanes in the inner loop: none waits for the sum of the step before */
  for (size_t c = 0; c < n; c++)
    for (size_t lane = 0; lane < self->batch.natoms; lane++) products[lane] -= shift[lane][c] * beta[c * lanes + lane];
}

static void adjoint(lml_descriptor_work *work, const double *beta, double *products) {
  workspace *self = (workspace *)work;
  lml_atom_batch *batch = &self->batch;
  const lml_bispectrum_plan *plan = &self->model.plan;
  put_weights(self, beta, products);
  if (self->nseveral == 0)
    self->model.kernel->adjoint(plan, &batch->workspace);
  else
    self->model.kernel->adjoint_and_terms(plan, &batch->workspace, &self->several);
  self->model.kernel->forces(plan, &batch->slots, &batch->workspace, batch->gradient);
  for (size_t lane = 0; lane < batch->natoms; lane++) products[lane] += batch->workspace.energy[lane];
  work->by_neighbour = (lml_gradients_by_neighbour){.nslots = (size_t)batch->slots.group[plan->nlabel_elements],
                                                    .neighbour = batch->neighbour,
                                                    .vector = batch->slots.slots,
                                                    .vector_stride = LML_SLOT_SIZE,
                                                    .gradient = batch->gradient};
}

static void several(lml_descriptor_work *work, const double *betas, size_t count) {
  workspace *self = (workspace *)work;
  const lml_bispectrum_plan *plan = &self->model.plan;
  const lml_bispectrum_several *to = &self->several;
  const size_t lanes = (size_t)plan->lanes;
  memset(to->weights, 0, (size_t)plan->nterms * to->count * lanes * sizeof *to->weights);
  for (size_t k = 0; k < count; k++)
    add_weights(plan, betas + k * (size_t)plan->ncomponents * lanes, to->weights + k * lanes, to->count);
  self->model.kernel->several_forces(plan, &self->batch.slots, &self->batch.workspace, to);
  work->several = (lml_several_gradients){.gradient = to->gradient, .stride = to->stride};
}

_Static_assert(LML_SLOT_X == 0 && LML_SLOT_Y == 1 && LML_SLOT_Z == 2, "a slot begins with the vector to a neighbour");

static void gradients(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *to) {
  workspace *self = (workspace *)work;
  lml_atom_batch *batch = &self->batch;
  if (places == NULL)
    lml_atom_batch_gather(batch, &self->model, run);
  else
    lml_atom_batch_gather_columns(batch, &self->model, run, places);
  put_density(self);
  self->model.kernel->gradients(&self->model.plan, &batch->slots, &batch->workspace, &self->gradients);
  put_components(self, to);
  work->ncolumns = lml_atom_batch_list_columns(batch, &self->model);
  work->columns = batch->column;
}

static void put_gradients(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                          size_t stride) {
  const workspace *self = (const workspace *)work;
  self->model.kernel->scatter(&self->model.plan, &self->gradients, (int)work->ncolumns, to, own, stride);
}

static const lml_descriptor_ops ops = {
    .name = "bispectrum",
    .hash = hash,
    .average = average,
    .destroy = destroy,
    .make_work = make_work,
    .free_work = free_work,
    .reserve = reserve,
    .reserve_gradients = reserve_gradients,
    .begin = begin,
    .values = values,
    .adjoint = adjoint,
    .reserve_several = reserve_several,
    .several = several,
    .gradients = gradients,
    .put_gradients = put_gradients,
};

const lml_snap_model *lml_bispectrum_snap(const lml_descriptor *descriptor) {
  return descriptor->ops == &ops ? &((const bispectrum *)descriptor)->snap : NULL;
}

lml_status lml_bispectrum_create(const lml_snap_model *snap, lml_descriptor **descriptor, lml_error *error) {
  bispectrum *self;
  *descriptor = NULL;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "the bispectrum", error);
  if (status != LML_OK) return status;
  status = lml_alloc(&self->snap.elements, snap->nelements, sizeof *snap->elements, "the bispectrum", error);
  if (status != LML_OK) {
    lml_free(self);
    return status;
  }
  self->snap.parameters = snap->parameters;
  self->snap.parameters.quadraticflag = false; /* the potential's */
  self->snap.nelements = snap->nelements;
  memcpy(self->snap.elements, snap->elements, snap->nelements * sizeof *snap->elements);
  self->base = (lml_descriptor){.ops = &ops,
                                .nelements = snap->nelements,
                                .ncomponents = lml_snap_ncoefficients(&self->snap.parameters, snap->nelements) - 1,
                                .cutoff = lml_snap_cutoff(snap),
                                .nshares = 1};
  lml_print_cut(self->base.title, sizeof self->base.title, "%sSNAP", snap->parameters.chemflag ? "multi-element " : "");
  lml_print_cut(self->base.detail, sizeof self->base.detail, "2J = %d", snap->parameters.twojmax);
  if (snap->elements[snap->nelements - 1].bare)
    self->base.untrained = "an element of it has no SNAP (NULL on the pair_coeff line)";
  *descriptor = &self->base;
  return LML_OK;
}
