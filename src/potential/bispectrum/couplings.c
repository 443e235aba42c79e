#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "potential/bispectrum/plan.h"

/** What is made, and what is known while it is. */
typedef struct {
  lml_bispectrum_plan *plan;
  const lml_snap_parameters *parameters;
  int *term_of; /**< term of three labels in ascending order, −1 where not met yet */
  int nlabels;
  size_t component_capacity;
} builder;

static int label_index(const builder *b, lml_label x) { return x.element * (b->plan->twojmax + 1) + x.j; }

static lml_label make_label(int j, int element) { return (lml_label){.j = j, .element = element}; }

/** Index into term_of of a set of three labels. */
static size_t term_key(const builder *b, lml_label x, lml_label y, lml_label z) {
  int i[3] = {label_index(b, x), label_index(b, y), label_index(b, z)};
  for (int pass = 0; pass < 2; pass++)
    for (int k = 0; k < 2; k++)
      if (i[k] > i[k + 1]) {
        const int swap = i[k];
        i[k] = i[k + 1];
        i[k + 1] = swap;
      }
  const size_t n = (size_t)b->nlabels;
  return ((size_t)i[0] * n + (size_t)i[1]) * n + (size_t)i[2];
}

static int smaller(int a, int b) { return a < b ? a : b; }

/* ---- components and terms ---- */

static lml_status add_component(builder *b, lml_label x, lml_label y, lml_label z, lml_error *error) {
  lml_bispectrum_plan *plan = b->plan;
  const lml_status status = lml_grow(&plan->components, &b->component_capacity, (size_t)plan->ncomponents + 1,
                                     sizeof(lml_component), "bispectrum components", error);
  if (status != LML_OK) return status;
  int *term = &b->term_of[term_key(b, x, y, z)];
  if (*term < 0) *term = plan->nterms++;
  const double size = b->parameters->bnormflag ? 1.0 : z.j + 1.0;
  plan->components[plan->ncomponents++] = (lml_component){.term = *term,
                                                          .e1 = x.element,
                                                          .e2 = y.element,
                                                          .e3 = z.element,
                                                          .scale = size,
                                                          .shift = b->parameters->bzeroflag ? size : 0.0};
  return LML_OK;
}

/** Components in LAMMPS's order: elements outermost, then j1 ≥ j2, then j ≥ j1. */
static lml_status make_components(builder *b, lml_error *error) {
  const int J = b->plan->twojmax, elements = b->plan->nlabel_elements;
  lml_status status = LML_OK;
  for (int e = 0; e < elements * elements * elements; e++)
    for (int j1 = 0; j1 <= J; j1++)
      for (int j2 = 0; j2 <= j1; j2++)
        for (int j = j1 - j2; j <= smaller(J, j1 + j2) && status == LML_OK; j += 2)
          if (j >= j1)
            status = add_component(b, make_label(j1, e / (elements * elements)),
                                   make_label(j2, e / elements % elements), make_label(j, e % elements), error);
  return status;
}

bool lml_bispectrum_shifted(const lml_snap_parameters *parameters, const lml_component *c, int element) {
  if (!parameters->bzeroflag) return false;
  if (!parameters->chemflag || parameters->wselfallflag) return true;
  return c->e1 == element && c->e2 == element && c->e3 == element;
}

/* ---- pairs of labels ---- */

static lml_status add_block(builder *b, lml_label x, lml_label y, lml_error *error) {
  const lml_bispectrum_plan *plan = b->plan;
  lml_coupling_table *table = &b->plan->table;
  const int parity = (x.j + y.j) % 2;
  lml_coupling_block block = {.x = x, .y = y, .same = label_index(b, x) == label_index(b, y)};
  block.largest_j = smaller(x.j + y.j, plan->twojmax - (plan->twojmax + parity) % 2);
  block.ncoupled = (block.largest_j - (x.j - y.j)) / 2 + 1;
  block.coupling = table->ncouplings;
  block.cg = table->ncg;
  const size_t ncg = (size_t)block.ncoupled * (size_t)(x.j + 1) * (size_t)(y.j + 1);
  lml_status status = lml_grow(&table->blocks, &table->block_capacity, table->nblocks + 1, sizeof(lml_coupling_block),
                               "couplings", error);
  if (status == LML_OK)
    status = lml_grow(&table->couplings, &table->coupling_capacity,
                      table->ncouplings + (size_t)(block.ncoupled * plan->nlabel_elements), sizeof(lml_coupling),
                      "couplings", error);
  if (status == LML_OK)
    status = lml_grow(&table->cg, &table->cg_capacity, table->ncg + ncg, sizeof(double), "couplings", error);
  if (status != LML_OK) return status;
  for (int l = 0; l < block.ncoupled; l++) {
    for (int m1 = 0; m1 <= x.j; m1++)
      for (int m2 = 0; m2 <= y.j; m2++)
        table->cg[table->ncg++] = lml_clebsch_gordan(x.j, m1, y.j, m2, block.largest_j - 2 * l);
    for (int element = 0; element < plan->nlabel_elements; element++) {
      const lml_label z = make_label(block.largest_j - 2 * l, element);
      const int iz = label_index(b, z);
      table->couplings[table->ncouplings++] =
          (lml_coupling){.term = b->term_of[term_key(b, x, y, z)],
                         .multiplicity = 1 + (label_index(b, x) == iz) + (label_index(b, y) == iz)};
    }
  }
  table->blocks[table->nblocks++] = block;
  return LML_OK;
}

static lml_status make_blocks(builder *b, lml_error *error) {
  const int J = b->plan->twojmax, elements = b->plan->nlabel_elements;
  lml_status status = LML_OK;
  for (int j1 = 0; j1 <= J; j1++)
    for (int j2 = 0; j2 <= j1; j2++)
      for (int e1 = 0; e1 < elements; e1++)
        for (int e2 = 0; e2 <= (j1 == j2 ? e1 : elements - 1) && status == LML_OK; e2++)
          status = add_block(b, make_label(j1, e1), make_label(j2, e2), error);
  return status;
}

/** Choose where each term is evaluated: at its label of smallest j, so that few pairs of labels are coupled, to many
 *  labels each, which share the pair's products. */
static lml_status choose_values(builder *b, lml_error *error) {
  const int elements = b->plan->nlabel_elements, done = -1;
  int *smallest; /* of each term: its smallest j */
  const lml_status status = lml_alloc(&smallest, (size_t)b->plan->nterms, sizeof(int), "terms", error);
  if (status != LML_OK) return status;
  for (int t = 0; t < b->plan->nterms; t++) smallest[t] = b->plan->twojmax;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < b->plan->table.nblocks; i++) {
      lml_coupling_block *block = &b->plan->table.blocks[i];
      block->first_value = block->ncoupled;
      for (int k = block->ncoupled * elements - 1; k >= 0; k--) {
        lml_coupling *coupling = &b->plan->table.couplings[block->coupling + (size_t)k];
        const int j = block->largest_j - 2 * (k / elements);
        if (pass == 0) {
          if (j < smallest[coupling->term]) smallest[coupling->term] = j;
        } else if (j == smallest[coupling->term]) {
          smallest[coupling->term] = done;
          coupling->value = true;
          block->first_value = k / elements;
        }
      }
    }
  lml_free(smallest);
  return LML_OK;
}

static lml_status begin(builder *b, lml_error *error) {
  b->nlabels = b->plan->nlabel_elements * (b->plan->twojmax + 1);
  const size_t nkeys = (size_t)b->nlabels * (size_t)b->nlabels * (size_t)b->nlabels;
  const lml_status status = lml_alloc(&b->term_of, nkeys, sizeof(int), "terms of the bispectrum", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < nkeys; i++) b->term_of[i] = -1;
  return make_components(b, error);
}

lml_status lml_bispectrum_plan_components(lml_bispectrum_plan *plan, const lml_snap_model *model, lml_error *error) {
  builder b = {.plan = plan, .parameters = &model->parameters};
  const lml_status status = begin(&b, error);
  lml_free(b.term_of);
  return status;
}

lml_status lml_bispectrum_plan_couplings(lml_bispectrum_plan *plan, const lml_snap_model *model, lml_error *error) {
  builder b = {.plan = plan, .parameters = &model->parameters};
  lml_status status = begin(&b, error);
  if (status == LML_OK) status = make_blocks(&b, error);
  if (status == LML_OK) status = choose_values(&b, error);
  lml_free(b.term_of);
  return status;
}
