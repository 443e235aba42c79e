#include "potential/uf3/uf3_family.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "structure/vec3.h"

static const char what[] = "the work space of UF3";

typedef struct {
  lml_descriptor base;
  lml_uf3_model model;
} uf3;

/** A neighbour of one atom of the run. */
typedef struct {
  size_t first; /**< component of the first of the basis functions that are not zero */
  double values[LML_UF3_ORDER], slopes[LML_UF3_ORDER];
  double direction[3];
  int column; /**< −1: none */
} neighbour;

typedef struct {
  lml_descriptor_work base;
  const lml_uf3_model *model;
  size_t longest; /**< neighbours of an atom that there is room for */
  size_t nslots;
  size_t counts[LML_LANES_LIMIT]; /**< neighbours of each lane's atom */
  size_t nlanes;
  neighbour *neighbours; /**< longest × width, as all that follow */
  int32_t *index;        /**< atom; −1 in empty places */
  int32_t *columns;      /**< an atom of each column; −1 in empty places */
  double *vectors;       /**< × 3 */
  double *gradient;      /**< × 3 */
} workspace;

/* ---- the descriptor ---- */

static void destroy(lml_descriptor *descriptor) {
  lml_uf3_model_free(&((uf3 *)descriptor)->model);
  lml_free(descriptor);
}

static void hash(const lml_descriptor *descriptor, lml_sha256 *sum) {
  const lml_uf3_model *model = lml_uf3_model_of(descriptor);
  for (size_t p = 0; p < model->npairs; p++) {
    const lml_uf3_pair *pair = &model->pairs[p];
    const int elements[] = {pair->a, pair->b};
    lml_sha256_add(sum, elements, sizeof elements);
    lml_sha256_add(sum, &pair->cutoff, sizeof pair->cutoff);
    lml_sha256_add(sum, pair->knots, pair->nknots * sizeof *pair->knots);
  }
}

/** Both elements of a pair have the same coefficients, as energies depend on their sum alone. */
static lml_status average(const lml_descriptor *descriptor, bool quadratic, double *coefficients, lml_error *error) {
  const lml_uf3_model *model = lml_uf3_model_of(descriptor);
  const size_t width = 1 + descriptor->ncomponents;
  (void)error;
  for (size_t p = 0; p < model->npairs && !quadratic; p++) {
    const lml_uf3_pair *pair = &model->pairs[p];
    double *a = coefficients + (size_t)pair->a * width + 1 + pair->first;
    double *b = coefficients + (size_t)pair->b * width + 1 + pair->first;
    for (size_t k = 0; k < lml_uf3_ncomponents(pair); k++) a[k] = b[k] = 0.5 * (a[k] + b[k]);
  }
  return LML_OK;
}

/* ---- work spaces ---- */

static void free_room(workspace *self) {
  lml_free(self->neighbours);
  lml_free(self->index);
  lml_free(self->columns);
  lml_free(self->vectors);
  lml_free(self->gradient);
  self->neighbours = NULL;
  self->index = self->columns = NULL;
  self->vectors = self->gradient = NULL;
  self->longest = 0;
}

static void free_work(lml_descriptor_work *work) {
  free_room((workspace *)work);
  lml_free(work);
}

static lml_status make_work(const lml_descriptor *descriptor, const lml_isa *isa, lml_descriptor_work **work,
                            lml_error *error) {
  workspace *self;
  (void)isa;
  const lml_status status = lml_alloc(&self, 1, sizeof *self, what, error);
  if (status != LML_OK) return status;
  self->model = lml_uf3_model_of(descriptor);
  *work = &self->base;
  return LML_OK;
}

static lml_status reserve(lml_descriptor_work *work, size_t longest, lml_error *error) {
  workspace *self = (workspace *)work;
  if (longest <= self->longest) return LML_OK;
  free_room(self);
  const size_t count = longest * work->width;
  lml_status status = lml_alloc(&self->neighbours, count, sizeof *self->neighbours, what, error);
  if (status == LML_OK) status = lml_alloc(&self->index, count, sizeof *self->index, what, error);
  if (status == LML_OK) status = lml_alloc(&self->columns, count, sizeof *self->columns, what, error);
  if (status == LML_OK) status = lml_alloc(&self->vectors, 3 * count, sizeof *self->vectors, what, error);
  if (status == LML_OK) status = lml_alloc(&self->gradient, 3 * count, sizeof *self->gradient, what, error);
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

/** Note the neighbour @p j of a lane's atom where it is near enough. */
static void add_neighbour(workspace *self, const lml_atoms *atoms, int32_t centre, int32_t j, size_t lane) {
  const size_t width = self->base.width, slot = self->counts[lane];
  const double *here = atoms->positions + 3 * (size_t)centre, *there = atoms->positions + 3 * (size_t)j;
  const double d[3] = {there[0] - here[0], there[1] - here[1], there[2] - here[2]};
  if (atoms->elements[j] < 0) return;
  const lml_uf3_model *model = self->model;
  const size_t pair_index =
      model->pair_of[(size_t)atoms->elements[centre] * model->nelements + (size_t)atoms->elements[j]];
  const lml_uf3_pair *pair = &model->pairs[pair_index];
  const double square = lml_dot(d, d);
  if (square >= pair->cutoff * pair->cutoff) return;
  const double r = sqrt(square);
  neighbour *n = &self->neighbours[slot * width + lane];
  n->first = pair->first + lml_uf3_basis(pair, r, n->values, n->slopes);
  n->column = (int)slot;
  self->index[slot * width + lane] = j;
  for (size_t a = 0; a < 3; a++) {
    n->direction[a] = d[a] / r;
    self->vectors[(3 * slot + a) * width + lane] = d[a];
  }
  self->counts[lane]++;
}

static void begin(lml_descriptor_work *work, const lml_run_of_atoms *run) {
  workspace *self = (workspace *)work;
  self->nlanes = run->count;
  self->nslots = 0;
  for (size_t lane = 0; lane < work->width; lane++) {
    const int32_t *list;
    self->counts[lane] = 0;
    if (lane >= run->count) continue;
    const size_t length = run->atoms->neighbours(run->atoms->context, run->centres[lane], &list);
    for (size_t i = 0; i < length; i++)
      add_neighbour(self, run->atoms, run->centres[lane], list[i] & run->atoms->mask, lane);
    if (self->counts[lane] > self->nslots) self->nslots = self->counts[lane];
  }
  for (size_t lane = 0; lane < work->width; lane++)
    for (size_t slot = self->counts[lane]; slot < self->nslots; slot++) self->index[slot * work->width + lane] = -1;
}

static void values(lml_descriptor_work *work, double *to) {
  const workspace *self = (const workspace *)work;
  memset(to, 0, work->descriptor->ncomponents * work->width * sizeof *to);
  for (size_t lane = 0; lane < self->nlanes; lane++)
    for (size_t slot = 0; slot < self->counts[lane]; slot++) {
      const neighbour *n = &self->neighbours[slot * work->width + lane];
      for (size_t k = 0; k < LML_UF3_ORDER; k++) to[(n->first + k) * work->width + lane] += n->values[k];
    }
}

static void adjoint(lml_descriptor_work *work, const double *beta, double *products) {
  workspace *self = (workspace *)work;
  const size_t width = work->width;
  for (size_t lane = 0; lane < self->nlanes; lane++) {
    products[lane] = 0.0;
    for (size_t slot = 0; slot < self->counts[lane]; slot++) {
      const neighbour *n = &self->neighbours[slot * width + lane];
      double slope = 0.0;
      for (size_t k = 0; k < LML_UF3_ORDER; k++) {
        const double b = beta[(n->first + k) * width + lane];
        products[lane] += b * n->values[k];
        slope += b * n->slopes[k];
      }
      for (size_t a = 0; a < 3; a++) self->gradient[(3 * slot + a) * width + lane] = slope * n->direction[a];
    }
  }
  work->by_neighbour = (lml_gradients_by_neighbour){.nslots = self->nslots,
                                                    .neighbour = self->index,
                                                    .vector = self->vectors,
                                                    .vector_stride = 3,
                                                    .gradient = self->gradient};
}

/* ---- gradients of components ---- */

/** Give the lane's neighbours their columns; returns how many there are. */
static size_t find_columns(workspace *self, const lml_run_of_atoms *run, const int32_t *places, size_t lane) {
  const size_t width = self->base.width;
  const int32_t *owner = run->atoms->owner, centre = run->centres[lane];
  size_t count = 0;
  for (size_t slot = 0; slot < self->counts[lane]; slot++) {
    const int32_t j = self->index[slot * width + lane];
    neighbour *n = &self->neighbours[slot * width + lane];
    n->column = -1;
    if (owner[j] == centre || (places[owner[j]] < 0 && places[centre] < 0)) continue;
    size_t column = 0;
    while (column < count && owner[self->columns[column * width + lane]] != owner[j]) column++;
    if (column == count) self->columns[count++ * width + lane] = j;
    n->column = (int)column;
  }
  return count;
}

static void gradients(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *to) {
  workspace *self = (workspace *)work;
  size_t counts[LML_LANES_LIMIT] = {0};
  begin(work, run);
  values(work, to);
  work->columns = self->columns;
  work->ncolumns = 0;
  for (size_t lane = 0; lane < run->count; lane++) {
    counts[lane] = self->counts[lane];
    if (places != NULL)
      counts[lane] = places[run->centres[lane]] == LML_NO_PLACE ? 0 : find_columns(self, run, places, lane);
    if (counts[lane] > work->ncolumns) work->ncolumns = counts[lane];
    if (places != NULL && counts[lane] == 0) self->counts[lane] = 0;
  }
  for (size_t lane = 0; lane < work->width; lane++)
    for (size_t column = 0; column < work->ncolumns; column++) {
      int32_t *atom = &self->columns[column * work->width + lane];
      if (column >= counts[lane])
        *atom = -1;
      else if (places == NULL)
        *atom = self->index[column * work->width + lane];
    }
}

/** Three rows of zeros, unless they are added to. */
static void clear(const lml_gradient_place *place, size_t stride) {
  if (!place->filled) memset(place->to, 0, 3 * stride * sizeof *place->to);
}

static void put_gradients(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                          size_t stride) {
  const workspace *self = (const workspace *)work;
  const size_t width = work->width;
  for (size_t lane = 0; lane < self->nlanes; lane++) {
    clear(&own[lane], stride);
    for (size_t column = 0; column < work->ncolumns; column++)
      if (self->columns[column * width + lane] >= 0) clear(&to[column * width + lane], stride);
    for (size_t slot = 0; slot < self->counts[lane]; slot++) {
      const neighbour *n = &self->neighbours[slot * width + lane];
      if (n->column < 0) continue;
      for (size_t a = 0; a < 3; a++) {
        const size_t row = a * stride + n->first;
        double *by_neighbour = to[(size_t)n->column * width + lane].to + row, *by_atom = own[lane].to + row;
        for (size_t k = 0; k < LML_UF3_ORDER; k++) {
          const double slope = n->slopes[k] * n->direction[a];
          by_neighbour[k] -= slope;
          by_atom[k] += slope;
        }
      }
    }
  }
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
    .begin = begin,
    .values = values,
    .adjoint = adjoint,
    .gradients = gradients,
    .put_gradients = put_gradients,
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
  self->base = (lml_descriptor){.ops = &ops, .nelements = self->model.nelements, .nshares = 1};
  for (size_t p = 0; p < self->model.npairs; p++) {
    const lml_uf3_pair *pair = &self->model.pairs[p];
    self->base.ncomponents += lml_uf3_ncomponents(pair);
    if (pair->cutoff > self->base.cutoff) self->base.cutoff = pair->cutoff;
  }
  snprintf(self->base.title, sizeof self->base.title, "UF3");
  snprintf(self->base.detail, sizeof self->base.detail, "two-body splines");
  *descriptor = &self->base;
  return LML_OK;
}
