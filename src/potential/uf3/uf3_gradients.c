/* Gradients of single components, for retraining. */
#include <string.h>

#include "potential/uf3/uf3_work.h"

enum { N = LML_UF3_ORDER };

/* ---- columns ---- */

/** Give the lane's neighbours their columns; returns how many there are. */
static size_t find_columns(lml_uf3_work *self, const lml_run_of_atoms *run, const int32_t *places, size_t lane) {
  const size_t width = self->base.width;
  const int32_t *owner = run->atoms->owner, centre = run->centres[lane];
  size_t count = 0;
  for (size_t slot = 0; slot < self->counts[lane]; slot++) {
    const int32_t j = self->index[slot * width + lane];
    lml_uf3_neighbour *n = &self->neighbours[slot * width + lane];
    n->column = -1;
    if (owner[j] == centre || (places[owner[j]] < 0 && places[centre] < 0)) continue;
    size_t column = 0;
    while (column < count && owner[self->columns[column * width + lane]] != owner[j]) column++;
    if (column == count) self->columns[count++ * width + lane] = j;
    n->column = (int)column;
  }
  return count;
}

void lml_uf3_gradients(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *to) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  size_t counts[LML_LANES_LIMIT] = {0};
  lml_uf3_begin(work, run);
  lml_uf3_values(work, to);
  work->columns = self->columns;
  work->ncolumns = 0;
  for (size_t lane = 0; lane < run->count; lane++) {
    counts[lane] = self->counts[lane];
    if (places != NULL)
      counts[lane] = places[run->centres[lane]] == LML_NO_PLACE ? 0 : find_columns(self, run, places, lane);
    if (counts[lane] > work->ncolumns) work->ncolumns = counts[lane];
    if (places != NULL && counts[lane] == 0) self->counts[lane] = self->near[lane] = 0;
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

/* ---- rows ---- */

/** Where −∂B/∂r of one lane's atom goes. */
typedef struct {
  const lml_gradient_place *to; /* of its columns, `width` apart */
  double *own;
  size_t width, stride;
  const int32_t *component; /* of the element's coefficients */
} rows;

/** Three rows of zeros, unless they are added to. */
static void clear(const lml_gradient_place *place, size_t stride) {
  if (!place->filled) memset(place->to, 0, 3 * stride * sizeof *place->to);
}

/** The gradients of four coefficients' components, @p slopes × @p direction, by a neighbour and by the atom itself. */
static void put(const rows *r, int column, const int32_t *component, const double slopes[N],
                const double direction[3]) {
  if (column < 0) return;
  double *by_neighbour = r->to[(size_t)column * r->width].to;
  for (size_t a = 0; a < 3; a++)
    for (size_t k = 0; k < N; k++) {
      if (component[k] < 0) continue;
      const size_t at = a * r->stride + (size_t)component[k];
      by_neighbour[at] -= slopes[k] * direction[a];
      r->own[at] += slopes[k] * direction[a];
    }
}

static void put_pairs(const lml_uf3_work *self, const rows *r, size_t lane) {
  for (size_t slot = 0; slot < self->counts[lane]; slot++) {
    const lml_uf3_neighbour *n = &self->neighbours[slot * r->width + lane];
    const lml_uf3_pair *pair = lml_uf3_pair_at(self, lane, n);
    double values[N], slopes[N], direction[3];
    lml_uf3_direction(self, lane, slot, direction);
    const int32_t *component = r->component + pair->first + lml_uf3_basis(&pair->spline, n->r, values, slopes);
    put(r, n->column, component, slopes, direction);
  }
}

static void put_triplet(const lml_uf3_work *self, const rows *r, size_t lane, const lml_uf3_corner *corner,
                        const lml_uf3_between *between) {
  const size_t slot_a = self->legs->legs[corner->a].slot, slot_b = self->legs->legs[corner->b].slot;
  const int a = self->neighbours[slot_a * r->width + lane].column,
            b = self->neighbours[slot_b * r->width + lane].column;
  double along_a[3], along_b[3];
  lml_uf3_direction(self, lane, slot_a, along_a);
  lml_uf3_direction(self, lane, slot_b, along_b);
  const double *d = between->direction, back[3] = {-d[0], -d[1], -d[2]};
  const lml_uf3_side *to_a = corner->to_a, *to_b = corner->to_b;
  for (size_t l = 0; l < N; l++)
    for (size_t m = 0; m < N; m++) {
      const int32_t *component = r->component + between->place + l * corner->triplet->by_a + m * corner->triplet->by_b;
      double by_a[N], by_b[N], by_between[N];
      for (size_t k = 0; k < N; k++) {
        by_a[k] = to_a->slopes[l] * to_b->values[m] * between->values[k];
        by_b[k] = to_a->values[l] * to_b->slopes[m] * between->values[k];
        by_between[k] = to_a->values[l] * to_b->values[m] * between->slopes[k];
      }
      put(r, a, component, by_a, along_a);
      put(r, b, component, by_b, along_b);
      put(r, a, component, by_between, d);
      put(r, b, component, by_between, back);
    }
}

static void put_triplets(const lml_uf3_work *self, const rows *r, size_t lane) {
  lml_uf3_gather_legs(self, lane);
  for (size_t j = 0; j < self->legs->count; j++)
    for (size_t k = j + 1; k < self->legs->count; k++) {
      lml_uf3_corner corner;
      lml_uf3_between between;
      if (lml_uf3_corner_at(self->legs, j, k, &corner) && lml_uf3_between_at(self->legs, &corner, &between))
        put_triplet(self, r, lane, &corner, &between);
    }
}

void lml_uf3_put_gradients(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                           size_t stride) {
  const lml_uf3_work *self = (const lml_uf3_work *)work;
  const size_t width = work->width;
  for (size_t lane = 0; lane < self->nlanes; lane++) {
    const rows r = {.to = to + lane,
                    .own = own[lane].to,
                    .width = width,
                    .stride = stride,
                    .component = self->model->tensors[self->elements[lane]].component};
    clear(&own[lane], stride);
    for (size_t column = 0; column < work->ncolumns; column++)
      if (self->columns[column * width + lane] >= 0) clear(&to[column * width + lane], stride);
    put_pairs(self, &r, lane);
    put_triplets(self, &r, lane);
  }
}
