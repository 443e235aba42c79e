/* Gradients of single components, for retraining. */

#include "potential/gradient_columns.h"
#include "potential/uf3/uf3_work.h"

enum { N = LML_UF3_ORDER };

/* ---- columns ---- */

void lml_uf3_gradients(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *to) {
  lml_uf3_work *self = (lml_uf3_work *)work;
  lml_uf3_begin(work, run);
  lml_uf3_values(work, to);
  work->columns = self->columns;
  work->ncolumns = 0;
  if (self->element < 0) return;
  const lml_gradient_columns columns = {.nslots = self->neighbours.count,
                                        .width = work->width,
                                        .neighbour = self->neighbours.index,
                                        .column = self->column,
                                        .columns = self->columns};
  work->ncolumns = lml_gradient_columns_find(&columns, run, places, 0);
  if (places != NULL && work->ncolumns == 0) self->neighbours.count = self->neighbours.near = 0;
}

/* ---- rows ---- */

/** Where −∂B/∂r goes. */
typedef struct {
  const lml_gradient_place *to; /* of the columns */
  double *own;
  size_t stride;
  const int32_t *component; /* of the element's coefficients */
} rows;

/** The gradients of four coefficients' components, @p slopes × @p direction, by a neighbour and by the atom itself. */
static void put(const rows *r, int column, const int32_t *component, const double slopes[N],
                const double direction[3]) {
  if (column < 0) return;
  double *by_neighbour = r->to[column].to;
  for (size_t a = 0; a < 3; a++)
    for (size_t k = 0; k < N; k++) {
      if (component[k] < 0) continue;
      const size_t at = a * r->stride + (size_t)component[k];
      by_neighbour[at] -= slopes[k] * direction[a];
      r->own[at] += slopes[k] * direction[a];
    }
}

static void put_pairs(const lml_uf3_work *self, const rows *r) {
  for (size_t slot = 0; slot < self->neighbours.count; slot++) {
    const lml_uf3_pair *pair = lml_uf3_pair_at(self, slot);
    double values[N], slopes[N], direction[3];
    lml_uf3_direction(self, slot, direction);
    const int32_t *component =
        r->component + pair->first + lml_uf3_basis(&pair->spline, self->neighbours.r[slot], values, slopes);
    put(r, self->column[slot], component, slopes, direction);
  }
}

static void put_triplet(const lml_uf3_work *self, const rows *r, const lml_uf3_corner *corner,
                        const lml_uf3_between *between) {
  const size_t slot_a = self->legs->legs[corner->a].slot, slot_b = self->legs->legs[corner->b].slot;
  const int a = self->column[slot_a], b = self->column[slot_b];
  double along_a[3], along_b[3];
  lml_uf3_direction(self, slot_a, along_a);
  lml_uf3_direction(self, slot_b, along_b);
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

static void put_triplets(const lml_uf3_work *self, const rows *r) {
  lml_uf3_gather_legs(self);
  for (size_t j = 0; j < self->legs->count; j++)
    for (size_t k = j + 1; k < self->legs->count; k++) {
      lml_uf3_corner corner;
      lml_uf3_between between;
      if (lml_uf3_corner_at(self->legs, j, k, &corner) && lml_uf3_between_at(self->legs, &corner, &between))
        put_triplet(self, r, &corner, &between);
    }
}

void lml_uf3_put_gradients(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                           size_t stride) {
  const lml_uf3_work *self = (const lml_uf3_work *)work;
  if (self->element < 0) return;
  const rows r = {
      .to = to, .own = own->to, .stride = stride, .component = self->model->tensors[self->element].component};
  lml_gradient_place_clear(own, stride);
  for (size_t column = 0; column < work->ncolumns; column++) lml_gradient_place_clear(&to[column], stride);
  put_pairs(self, &r);
  put_triplets(self, &r);
}
