#include "potential/uf3/uf3_family.h"

#include <string.h>

#include "base/memory.h"
#include "base/print.h"
#include "potential/uf3/uf3_work.h"

static const char what[] = "the work space of UF3";

/** Atoms of a run: neighbours' places in tables differ from atom to atom, so that vectors are of use within one alone,
 * and what is known of one atom's neighbours stays in the cache next to the processor. */
enum { WIDTH = 1 };

typedef struct {
  lml_descriptor base;
  lml_uf3_model model;
} uf3;

/* ---- the descriptor ---- */

static void destroy(lml_descriptor *descriptor) {
  lml_uf3_model_free(&((uf3 *)descriptor)->model);
  lml_free(descriptor);
}

static void hash_spline(lml_sha256 *sum, const lml_uf3_spline *spline) {
  lml_sha256_add(sum, spline->knots, spline->nknots * sizeof *spline->knots);
}

static void hash(const lml_descriptor *descriptor, lml_sha256 *sum) {
  const lml_uf3_model *model = lml_uf3_model_of(descriptor);
  for (size_t p = 0; p < model->npairs; p++) {
    const lml_uf3_pair *pair = &model->pairs[p];
    const int numbers[] = {pair->a, pair->b, (int)pair->trim};
    lml_sha256_add(sum, numbers, sizeof numbers);
    lml_sha256_add(sum, &pair->cutoff, sizeof pair->cutoff);
    hash_spline(sum, &pair->spline);
  }
  for (size_t t = 0; t < model->ntriplets; t++) {
    const lml_uf3_triplet *triplet = &model->triplets[t];
    const int numbers[] = {triplet->centre, triplet->a, triplet->b, (int)triplet->trim};
    lml_sha256_add(sum, numbers, sizeof numbers);
    lml_sha256_add(sum, &triplet->cutoff, sizeof triplet->cutoff);
    for (size_t d = 0; d < LML_UF3_DISTANCES; d++) hash_spline(sum, &triplet->splines[d]);
  }
}

/** Both elements of a pair have the same coefficients, as energies depend on their sum alone. */
static lml_status average(const lml_descriptor *descriptor, bool quadratic, double *coefficients, lml_error *error) {
  const lml_uf3_model *model = lml_uf3_model_of(descriptor);
  const size_t width = 1 + descriptor->ncomponents;
  (void)error;
  for (size_t p = 0; p < model->npairs && !quadratic; p++) {
    const lml_uf3_pair *pair = &model->pairs[p];
    const int32_t first = model->tensors[0].component[pair->first]; /* the pairs' come first in each element's */
    double *a = coefficients + (size_t)pair->a * width + 1 + first;
    double *b = coefficients + (size_t)pair->b * width + 1 + first;
    for (size_t k = 0; k + pair->trim < lml_uf3_spline_count(&pair->spline); k++) a[k] = b[k] = 0.5 * (a[k] + b[k]);
  }
  return LML_OK;
}

/* ---- work spaces ---- */

static void free_room(lml_uf3_work *self) {
  lml_uf3_neighbours *n = &self->neighbours;
  lml_free(n->vectors);
  lml_free(n->r);
  lml_free(n->gradient);
  lml_free(n->index);
  lml_free(n->element);
  lml_free(n->near_slots);
  lml_free(self->column);
  lml_free(self->columns);
  *n = (lml_uf3_neighbours){0};
  self->column = self->columns = NULL;
  self->longest = 0;
}

static void free_work(lml_descriptor_work *work) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  free_room(self);
  if (self->legs != NULL) lml_uf3_legs_free(self->legs);
  lml_free(self->legs);
  lml_free(self->beta);
  lml_free(self->tensor);
  lml_free(self->curves);
  lml_free(self);
}

static size_t largest_tensor(const lml_uf3_model *model) {
  size_t largest = 0;
  for (size_t e = 0; e < model->nelements; e++)
    if (model->tensors[e].count > largest) largest = model->tensors[e].count;
  return largest;
}

static lml_status make_work(const lml_descriptor *descriptor, const lml_isa *isa, lml_descriptor_work **work,
                            lml_error *error) {
  lml_uf3_work *self;
  lml_status status = lml_alloc(&self, 1, sizeof *self, what, error);
  if (status != LML_OK) return status;
  self->base.width = WIDTH;
  self->model = lml_uf3_model_of(descriptor);
  self->kernel = lml_uf3_kernel_for(isa);
  self->beta_element = -1;
  status = lml_alloc(&self->legs, 1, sizeof *self->legs, what, error);
  if (status == LML_OK) status = lml_alloc(&self->beta, descriptor->ncomponents, sizeof *self->beta, what, error);
  if (status == LML_OK)
    status = lml_alloc(&self->tensor, largest_tensor(self->model), sizeof *self->tensor, what, error);
  if (status == LML_OK) status = lml_alloc(&self->curves, self->model->ncurves, sizeof *self->curves, what, error);
  if (status == LML_OK)
    *work = &self->base;
  else
    free_work(&self->base);
  return status;
}

static lml_status reserve(lml_descriptor_work *work, size_t longest, lml_error *error) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  lml_uf3_neighbours *n = &self->neighbours;
  if (self->longest > 0 && longest <= self->longest) return LML_OK;
  free_room(self);
  const size_t count = lml_uf3_padded(longest);
  lml_status status = lml_alloc(&n->vectors, 3 * count, sizeof *n->vectors, what, error);
  if (status == LML_OK) status = lml_alloc(&n->r, count, sizeof *n->r, what, error);
  if (status == LML_OK) status = lml_alloc(&n->gradient, 3 * count, sizeof *n->gradient, what, error);
  if (status == LML_OK) status = lml_alloc(&n->index, count, sizeof *n->index, what, error);
  if (status == LML_OK) status = lml_alloc(&n->element, count, sizeof *n->element, what, error);
  if (status == LML_OK) status = lml_alloc(&n->near_slots, count, sizeof *n->near_slots, what, error);
  if (status == LML_OK) status = lml_alloc(&self->column, count, sizeof *self->column, what, error);
  if (status == LML_OK) status = lml_alloc(&self->columns, count, sizeof *self->columns, what, error);
  if (status == LML_OK) status = lml_uf3_legs_reserve(self->legs, self->model, longest, error);
  if (status == LML_OK)
    self->longest = longest;
  else
    free_room(self);
  return status;
}

static lml_status reserve_gradients(lml_descriptor_work *work, lml_error *error) {
  (void)work;
  (void)error;
  return LML_OK;
}

/* ---- runs ---- */

void lml_uf3_begin(lml_descriptor_work *work, const lml_run_of_atoms *run) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  self->element = -1;
  self->neighbours.count = self->neighbours.near = 0;
  if (run->count == 0) return;
  lml_uf3_list from = {.atoms = run->atoms, .centre = run->centres[0]};
  self->element = run->atoms->elements[from.centre];
  const size_t row = (size_t)self->element * (1 + self->model->nelements);
  from.pair_limits = self->model->pair_limits + row;
  from.triplet_limits = self->model->triplet_limits + row;
  from.length = run->atoms->neighbours(run->atoms->context, from.centre, &from.list);
  self->kernel->gather(&from, &self->neighbours);
}

void lml_uf3_gather_legs(const lml_uf3_work *self) {
  const lml_uf3_neighbours *n = &self->neighbours;
  lml_uf3_legs_begin(self->legs, self->element);
  for (int e = 0; e < (int)self->model->nelements && n->near > 0; e++)
    for (size_t k = 0; k < n->near; k++) {
      const size_t slot = (size_t)n->near_slots[k];
      if (n->element[slot] == e) lml_uf3_legs_add(self->legs, n->vectors + 3 * slot, n->r[slot], e, slot);
    }
}

/** Add what a triplet's coefficients multiply. */
static void add_values(const lml_uf3_corner *corner, const lml_uf3_between *between, const int32_t *component,
                       double *to) {
  enum { N = LML_UF3_ORDER };
  component += between->place;
  for (size_t l = 0; l < N; l++)
    for (size_t m = 0; m < N; m++) {
      const double product = corner->to_a->values[l] * corner->to_b->values[m];
      const int32_t *row = component + l * corner->triplet->by_a + m * corner->triplet->by_b;
      for (size_t k = 0; k < N; k++)
        if (row[k] >= 0) to[row[k]] += product * between->values[k];
    }
}

void lml_uf3_values(lml_descriptor_work *work, double *to) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  memset(to, 0, work->descriptor->ncomponents * sizeof *to);
  if (self->element < 0) return;
  const int32_t *component = self->model->tensors[self->element].component;
  for (size_t slot = 0; slot < self->neighbours.count; slot++) {
    const lml_uf3_pair *pair = lml_uf3_pair_at(self, slot);
    double basis[LML_UF3_ORDER], slopes[LML_UF3_ORDER];
    const int32_t *first =
        component + pair->first + lml_uf3_basis(&pair->spline, self->neighbours.r[slot], basis, slopes);
    for (size_t k = 0; k < LML_UF3_ORDER; k++)
      if (first[k] >= 0) to[first[k]] += basis[k];
  }
  lml_uf3_gather_legs(self);
  for (size_t j = 0; j < self->legs->count; j++)
    for (size_t k = j + 1; k < self->legs->count; k++) {
      lml_uf3_corner corner;
      lml_uf3_between between;
      if (lml_uf3_corner_at(self->legs, j, k, &corner) && lml_uf3_between_at(self->legs, &corner, &between))
        add_values(&corner, &between, component, to);
    }
}

/* ---- energies and their gradients ---- */

/** The polynomials of all pairs from the coefficients: Σ_k θ_k B_k on each interval. */
static void put_curves(const lml_uf3_model *model, const double *tensor, double *curves) {
  enum { N = LML_UF3_ORDER };
  for (size_t p = 0; p < model->npairs; p++) {
    const lml_uf3_pair *pair = &model->pairs[p];
    const size_t n = lml_uf3_spline_intervals(&pair->spline);
    for (size_t i = 0; i < n; i++)
      for (size_t power = 0; power < N; power++) {
        const double *piece = pair->spline.pieces + N * (N * i + power), *theta = tensor + pair->first + i;
        curves[pair->curve + N * i + power] =
            theta[0] * piece[0] + theta[1] * piece[1] + theta[2] * piece[2] + theta[3] * piece[3];
      }
  }
}

/** β → the coefficients and curves. Of a linear potential they most often are those of the atom before. */
static void put_tensor(lml_uf3_work *self, const double *beta) {
  const lml_uf3_tensor *tensor = &self->model->tensors[self->element];
  const size_t size = self->base.descriptor->ncomponents * sizeof *beta;
  if (self->beta_element == self->element && memcmp(self->beta, beta, size) == 0) return;
  memcpy(self->beta, beta, size);
  self->beta_element = self->element;
  for (size_t k = 0; k < tensor->count; k++)
    self->tensor[k] = tensor->component[k] < 0 ? 0.0 : beta[tensor->component[k]];
  put_curves(self->model, self->tensor, self->curves);
}

/** Add the triplets of the atom to the gradients; returns their energy. */
static double add_triplets(lml_uf3_work *self) {
  lml_uf3_gather_legs(self);
  if (self->legs->count < 2) return 0.0;
  const double energy = self->kernel->triplets(self->legs, self->tensor);
  const lml_uf3_leg_numbers *of = &self->legs->of;
  for (size_t k = 0; k < self->legs->count; k++) {
    const size_t slot = self->legs->legs[k].slot;
    const double *along = of->along + 4 * k, *back = of->back + 4 * k;
    const double factor = (back[3] + along[0] + along[1] + along[2] + along[3]) / self->legs->legs[k].r;
    for (size_t a = 0; a < 3; a++)
      self->neighbours.gradient[3 * slot + a] += back[a] - of->pull[a][k] + factor * of->vector[a][k];
  }
  return energy;
}

static void adjoint(lml_descriptor_work *work, const double *beta, double *products) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  work->by_neighbour = (lml_gradients_by_neighbour){.nslots = self->neighbours.count,
                                                    .neighbour = self->neighbours.index,
                                                    .vector = self->neighbours.vectors,
                                                    .vector_stride = 3,
                                                    .gradient = self->neighbours.gradient};
  if (self->element < 0) return;
  put_tensor(self, beta);
  const lml_uf3_bonds bonds = {
      .model = self->model, .element = self->element, .curves = self->curves, .neighbours = &self->neighbours};
  products[0] = self->kernel->pairs(&bonds);
  products[0] += add_triplets(self);
}

static const lml_descriptor_ops ops = {
    .name = "uf3",
    .hash = hash,
    .average = average,
    .destroy = destroy,
    .make_work = make_work,
    .free_work = free_work,
    .reserve = reserve,
    .reserve_gradients = reserve_gradients,
    .begin = lml_uf3_begin,
    .values = lml_uf3_values,
    .adjoint = adjoint,
    .gradients = lml_uf3_gradients,
    .put_gradients = lml_uf3_put_gradients,
};

const lml_uf3_model *lml_uf3_model_of(const lml_descriptor *descriptor) { return &((const uf3 *)descriptor)->model; }

lml_status lml_uf3_create(lml_uf3_model *model, lml_descriptor **descriptor, lml_error *error) {
  uf3 *self;
  *descriptor = NULL;
  const lml_status status = lml_alloc(&self, 1, sizeof *self, "UF3", error);
  if (status != LML_OK) {
    lml_uf3_model_free(model);
    return status;
  }
  self->model = *model;
  *model = (lml_uf3_model){0};
  self->base = (lml_descriptor){
      .ops = &ops, .nelements = self->model.nelements, .ncomponents = self->model.ncomponents, .nshares = 1};
  for (size_t p = 0; p < self->model.npairs; p++)
    if (self->model.pairs[p].cutoff > self->base.cutoff) self->base.cutoff = self->model.pairs[p].cutoff;
  lml_print_cut(self->base.title, sizeof self->base.title, "UF3");
  lml_print_cut(self->base.detail, sizeof self->base.detail, "two%s-body splines",
                self->model.ntriplets > 0 ? "- and three" : "");
  *descriptor = &self->base;
  return LML_OK;
}
