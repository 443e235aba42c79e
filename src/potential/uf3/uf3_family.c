#include "potential/uf3/uf3_family.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/print.h"
#include "potential/uf3/uf3_work.h"
#include "structure/vec3.h"

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
  lml_free(self->neighbours);
  lml_free(self->near_slots);
  lml_free(self->index);
  lml_free(self->columns);
  lml_free(self->vectors);
  lml_free(self->gradient);
  self->neighbours = NULL;
  self->near_slots = self->index = self->columns = NULL;
  self->vectors = self->gradient = NULL;
  self->longest = 0;
}

static void free_work(lml_descriptor_work *work) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  free_room(self);
  if (self->legs != NULL) lml_uf3_legs_free(self->legs);
  lml_free(self->legs);
  lml_free(self->beta);
  lml_free(self->tensors);
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
  for (size_t lane = 0; lane < LML_LANES_LIMIT; lane++) self->beta_elements[lane] = -1;
  status = lml_alloc(&self->legs, 1, sizeof *self->legs, what, error);
  if (status == LML_OK)
    status = lml_alloc(&self->beta, descriptor->ncomponents * WIDTH, sizeof *self->beta, what, error);
  if (status == LML_OK)
    status = lml_alloc(&self->tensors, largest_tensor(self->model) * WIDTH, sizeof *self->tensors, what, error);
  if (status == LML_OK)
    status = lml_alloc(&self->curves, self->model->ncurves * WIDTH, sizeof *self->curves, what, error);
  if (status == LML_OK)
    *work = &self->base;
  else
    free_work(&self->base);
  return status;
}

static lml_status reserve(lml_descriptor_work *work, size_t longest, lml_error *error) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  if (longest <= self->longest) return LML_OK;
  free_room(self);
  const size_t count = longest * work->width;
  lml_status status = lml_alloc(&self->neighbours, count, sizeof *self->neighbours, what, error);
  if (status == LML_OK) status = lml_alloc(&self->near_slots, count, sizeof *self->near_slots, what, error);
  if (status == LML_OK) status = lml_alloc(&self->index, count, sizeof *self->index, what, error);
  if (status == LML_OK) status = lml_alloc(&self->columns, count, sizeof *self->columns, what, error);
  if (status == LML_OK) status = lml_alloc(&self->vectors, 3 * count, sizeof *self->vectors, what, error);
  if (status == LML_OK) status = lml_alloc(&self->gradient, 3 * count, sizeof *self->gradient, what, error);
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

/** Note those atoms of a lane's list that are near enough. */
static void add_neighbours(lml_uf3_work *self, const lml_run_of_atoms *run, size_t lane) {
  const lml_uf3_model *model = self->model;
  const size_t width = self->base.width, row = (size_t)self->elements[lane] * model->nelements;
  const double *positions = run->atoms->positions, *here = positions + 3 * (size_t)run->centres[lane];
  const double x = here[0], y = here[1], z = here[2];
  const signed char *elements = run->atoms->elements;
  const int32_t *list, mask = run->atoms->mask;
  lml_uf3_neighbour *neighbours = self->neighbours;
  double *vectors = self->vectors;
  size_t count = 0, near = 0;
  const size_t length = run->atoms->neighbours(run->atoms->context, run->centres[lane], &list);
  for (size_t i = 0; i < length; i++) {
    const int32_t j = list[i] & mask;
    const double *there = positions + 3 * (size_t)j, d[3] = {there[0] - x, there[1] - y, there[2] - z};
    const double square = lml_dot(d, d);
    if (elements[j] < 0) continue;
    const size_t kind = row + (size_t)elements[j];
    const double cutoff = model->pairs[model->pair_of[kind]].cutoff;
    if (square >= cutoff * cutoff) continue;
    const double r = sqrt(square);
    const size_t at = count * width + lane;
    neighbours[at] = (lml_uf3_neighbour){.r = r, .element = elements[j], .column = (int)count};
    self->index[at] = j;
    for (size_t a = 0; a < 3; a++) vectors[(3 * count + a) * width + lane] = d[a];
    if (model->reach != NULL && r < model->reach[kind]) self->near_slots[near++ * width + lane] = (int32_t)count;
    count++;
  }
  self->counts[lane] = count;
  self->near[lane] = near;
}

void lml_uf3_begin(lml_descriptor_work *work, const lml_run_of_atoms *run) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  self->nlanes = run->count;
  self->nslots = 0;
  for (size_t lane = 0; lane < work->width; lane++) {
    self->counts[lane] = self->near[lane] = 0;
    if (lane >= run->count) continue;
    self->elements[lane] = run->atoms->elements[run->centres[lane]];
    add_neighbours(self, run, lane);
    if (self->counts[lane] > self->nslots) self->nslots = self->counts[lane];
  }
  for (size_t lane = 0; lane < work->width; lane++)
    for (size_t slot = self->counts[lane]; slot < self->nslots; slot++) self->index[slot * work->width + lane] = -1;
}

void lml_uf3_gather_legs(const lml_uf3_work *self, size_t lane) {
  const size_t width = self->base.width;
  lml_uf3_legs_begin(self->legs, self->elements[lane]);
  for (size_t k = 0; k < self->near[lane]; k++) {
    const size_t slot = (size_t)self->near_slots[k * width + lane];
    const lml_uf3_neighbour *n = &self->neighbours[slot * width + lane];
    const double *d = self->vectors + 3 * slot * width + lane;
    lml_uf3_legs_add(self->legs, (const double[3]){d[0], d[width], d[2 * width]}, n->r, n->element, slot);
  }
}

/** Add what a triplet's coefficients multiply. */
static void add_values(const lml_uf3_corner *corner, const lml_uf3_between *between, const int32_t *component,
                       size_t width, double *to) {
  enum { N = LML_UF3_ORDER };
  component += between->place;
  for (size_t l = 0; l < N; l++)
    for (size_t m = 0; m < N; m++) {
      const double product = corner->to_a->values[l] * corner->to_b->values[m];
      const int32_t *row = component + l * corner->triplet->by_a + m * corner->triplet->by_b;
      for (size_t k = 0; k < N; k++)
        if (row[k] >= 0) to[(size_t)row[k] * width] += product * between->values[k];
    }
}

void lml_uf3_values(lml_descriptor_work *work, double *to) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  const size_t width = work->width;
  memset(to, 0, work->descriptor->ncomponents * width * sizeof *to);
  for (size_t lane = 0; lane < self->nlanes; lane++) {
    const int32_t *component = self->model->tensors[self->elements[lane]].component;
    for (size_t slot = 0; slot < self->counts[lane]; slot++) {
      const lml_uf3_neighbour *n = &self->neighbours[slot * width + lane];
      const lml_uf3_pair *pair = lml_uf3_pair_at(self, lane, n);
      double basis[LML_UF3_ORDER], slopes[LML_UF3_ORDER];
      const int32_t *first = component + pair->first + lml_uf3_basis(&pair->spline, n->r, basis, slopes);
      for (size_t k = 0; k < LML_UF3_ORDER; k++)
        if (first[k] >= 0) to[(size_t)first[k] * width + lane] += basis[k];
    }
    lml_uf3_gather_legs(self, lane);
    for (size_t j = 0; j < self->legs->count; j++)
      for (size_t k = j + 1; k < self->legs->count; k++) {
        lml_uf3_corner corner;
        lml_uf3_between between;
        if (lml_uf3_corner_at(self->legs, j, k, &corner) && lml_uf3_between_at(self->legs, &corner, &between))
          add_values(&corner, &between, component, width, to + lane);
      }
  }
}

/* ---- energies and their gradients ---- */

static bool same_tensor(const lml_uf3_work *self, size_t one, size_t other) {
  const size_t width = self->base.width, n = self->base.descriptor->ncomponents;
  if (self->elements[one] != self->elements[other]) return false;
  for (size_t c = 0; c < n; c++)
    if (self->beta[c * width + one] != self->beta[c * width + other]) return false;
  return true;
}

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

/** β → the coefficients and curves of each lane. Of a linear potential they most often are those of the run before. */
static void put_tensors(lml_uf3_work *self, const double *beta) {
  const size_t width = self->base.width, size = self->base.descriptor->ncomponents * width * sizeof *beta;
  const size_t largest = largest_tensor(self->model);
  if (memcmp(self->beta_elements, self->elements, self->nlanes * sizeof *self->elements) == 0 &&
      memcmp(self->beta, beta, size) == 0)
    return;
  memcpy(self->beta, beta, size);
  for (size_t lane = self->nlanes; lane < width; lane++) self->beta_elements[lane] = -1;
  for (size_t lane = 0; lane < self->nlanes; lane++) {
    const lml_uf3_tensor *tensor = &self->model->tensors[self->elements[lane]];
    double *to = self->tensors + lane * largest;
    size_t other = 0;
    self->beta_elements[lane] = self->elements[lane];
    while (other < lane && !same_tensor(self, lane, other)) other++;
    self->source[lane] = other;
    if (other < lane) continue;
    for (size_t k = 0; k < tensor->count; k++)
      to[k] = tensor->component[k] < 0 ? 0.0 : beta[(size_t)tensor->component[k] * width + lane];
    put_curves(self->model, to, self->curves + lane * self->model->ncurves);
  }
}

/** Put the pairs' gradients of a lane's atom; returns their energy. */
static double put_pairs(lml_uf3_work *self, size_t lane) {
  const lml_uf3_bonds bonds = {.model = self->model,
                               .element = self->elements[lane],
                               .count = self->counts[lane],
                               .stride = self->base.width,
                               .neighbours = self->neighbours + lane,
                               .vectors = self->vectors + lane,
                               .curves = self->curves + self->source[lane] * self->model->ncurves,
                               .gradient = self->gradient + lane};
  return self->kernel->pairs(&bonds);
}

/** Add the triplets of a lane's atom to the gradients; returns their energy. */
static double add_triplets(lml_uf3_work *self, size_t lane) {
  const size_t width = self->base.width;
  lml_uf3_gather_legs(self, lane);
  if (self->legs->count < 2) return 0.0;
  const double energy =
      self->kernel->triplets(self->legs, self->tensors + self->source[lane] * largest_tensor(self->model));
  for (size_t k = 0; k < self->legs->count; k++) {
    const size_t slot = self->legs->legs[k].slot;
    const double *gradient = self->legs->gradient + 4 * k;
    double direction[3];
    lml_uf3_direction(self, lane, slot, direction);
    for (size_t a = 0; a < 3; a++)
      self->gradient[(3 * slot + a) * width + lane] += gradient[a] + gradient[3] * direction[a];
  }
  return energy;
}

static void adjoint(lml_descriptor_work *work, const double *beta, double *products) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  put_tensors(self, beta);
  for (size_t lane = 0; lane < self->nlanes; lane++) {
    products[lane] = put_pairs(self, lane);
    products[lane] += add_triplets(self, lane);
  }
  work->by_neighbour = (lml_gradients_by_neighbour){.nslots = self->nslots,
                                                    .neighbour = self->index,
                                                    .vector = self->vectors,
                                                    .vector_stride = 3,
                                                    .gradient = self->gradient};
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
