#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/bispectrum_plan.h"

/** Tables that grow while they are made; the plan owns them. */
typedef struct {
  lml_bispectrum_plan *plan;
  const lml_snap_parameters *parameters;
  int *term_of; /**< term of three labels in ascending order, −1 where not met yet */
  int nlabels;
  int nlevels, ntargets, ncells, nproducts, ncg, nplaces;
  size_t component_capacity, block_capacity, level_capacity, target_capacity;
  size_t cell_capacity, product_capacity, cg_capacity, place_capacity;
} builder;

/** A density: one j of one element. */
typedef struct {
  int j, element;
} label;

static int label_index(const builder *b, label x) { return x.element * (b->plan->twojmax + 1) + x.j; }

static label make_label(int j, int element) { return (label){.j = j, .element = element}; }

/** Index into term_of of a set of three labels. */
static size_t term_key(const builder *b, label x, label y, label z) {
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
static int larger(int a, int b) { return a > b ? a : b; }

/* ---- components and terms ---- */

static lml_status add_component(builder *b, label x, label y, label z, lml_error *error) {
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

/* ---- blocks ---- */

static lml_status add_targets(builder *b, label x, label y, int j, lml_error *error) {
  lml_bispectrum_plan *plan = b->plan;
  for (int element = 0; element < plan->nlabel_elements; element++) {
    const lml_status status = lml_grow(&plan->targets, &b->target_capacity, (size_t)b->ntargets + 1,
                                       sizeof(lml_coupling_target), "coupling targets", error);
    if (status != LML_OK) return status;
    const label z = make_label(j, element);
    const int iz = label_index(b, z);
    const int multiplicity = 1 + (label_index(b, x) == iz) + (label_index(b, y) == iz);
    plan->targets[b->ntargets++] = (lml_coupling_target){.u = element * plan->nu + lml_bispectrum_u_offset(j),
                                                         .y = element * plan->ny + lml_bispectrum_y_offset(j),
                                                         .term = b->term_of[term_key(b, x, y, z)],
                                                         .factor = multiplicity / (j + 1.0)};
  }
  return LML_OK;
}

static lml_status add_levels(builder *b, lml_coupling_block *block, label x, label y, lml_error *error) {
  lml_bispectrum_plan *plan = b->plan;
  block->level = b->nlevels;
  const int odd = (x.j + y.j) % 2;
  const int largest = smaller(x.j + y.j, plan->twojmax - (plan->twojmax + odd) % 2);
  for (int j = largest; j >= x.j - y.j; j -= 2) {
    lml_status status = lml_grow(&plan->levels, &b->level_capacity, (size_t)b->nlevels + 1, sizeof(lml_coupling_level),
                                 "coupling levels", error);
    if (status != LML_OK) return status;
    plan->levels[b->nlevels++] = (lml_coupling_level){.j = j, .target = b->ntargets};
    block->nlevels++;
    status = add_targets(b, x, y, j, error);
    if (status != LML_OK) return status;
  }
  return LML_OK;
}

static int count_levels(const builder *b, const lml_coupling_block *block, int m2) {
  int count = 0;
  while (count < block->nlevels && b->plan->levels[block->level + count].j >= abs(m2)) count++;
  return count;
}

/** Sums of offsets along an antidiagonal: m1 from `first` to `last`, m2 = sum − m1. */
typedef struct {
  int sum, first, last;
} antidiagonal;

static antidiagonal make_antidiagonal(const lml_coupling_block *block, int sum) {
  return (antidiagonal){.sum = sum, .first = larger(0, sum - block->j2), .last = smaller(block->j1, sum)};
}

static int32_t byte_offset(const builder *b, int j, int ma, int mb) {
  return (int32_t)((size_t)(2 * (mb * (j + 1) + ma) * b->plan->lanes) * sizeof(double));
}

static lml_status reserve_cell(builder *b, int nproducts, int nlevels, lml_error *error) {
  lml_bispectrum_plan *plan = b->plan;
  const char *what = "couplings";
  lml_status status = lml_grow(&plan->cells, &b->cell_capacity, (size_t)b->ncells + 1, sizeof(lml_cell), what, error);
  if (status == LML_OK)
    status = lml_grow(&plan->products, &b->product_capacity, (size_t)(b->nproducts + nproducts), sizeof(lml_product),
                      what, error);
  if (status == LML_OK)
    status = lml_grow(&plan->cg, &b->cg_capacity, (size_t)(b->ncg + nproducts * nlevels), sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&plan->places, &b->place_capacity, (size_t)(b->nplaces + nlevels), sizeof(int), what, error);
  return status;
}

/** A cell before its tables are made. */
typedef struct {
  antidiagonal rows, columns;
  int nproducts, nlevels;
} cell_plan;

/** Whether the products of columns (mb1, mb2) stand for those of (mb2, mb1) too: where both labels are the same, the
 * two give the same sum. Returns how often the pair counts, 0 where the other stands for it. */
static int column_weight(bool same, int mb1, int mb2) {
  if (!same || mb1 == mb2) return 1;
  return mb1 > mb2 ? 2 : 0;
}

static int count_columns(bool same, antidiagonal columns) {
  int count = 0;
  for (int mb1 = columns.first; mb1 <= columns.last; mb1++)
    if (column_weight(same, mb1, columns.sum - mb1) > 0) count++;
  return count;
}

/** Many levels first, then many products, so that the kernel's loops seldom change their lengths. */
static int compare_cells(const void *left, const void *right) {
  const cell_plan *a = left, *b = right;
  if (a->nlevels != b->nlevels) return b->nlevels - a->nlevels;
  if (a->nproducts != b->nproducts) return b->nproducts - a->nproducts;
  return a->columns.sum != b->columns.sum ? a->columns.sum - b->columns.sum : a->rows.sum - b->rows.sum;
}

static void fill_products(builder *b, const lml_coupling_block *block, const cell_plan *from, bool same) {
  lml_bispectrum_plan *plan = b->plan;
  const lml_coupling_level *levels = plan->levels + block->level;
  for (int mb1 = from->columns.first; mb1 <= from->columns.last; mb1++) {
    const int mb2 = from->columns.sum - mb1, weight = column_weight(same, mb1, mb2);
    for (int ma1 = from->rows.first; ma1 <= from->rows.last && weight > 0; ma1++) {
      const int ma2 = from->rows.sum - ma1;
      plan->products[b->nproducts++] =
          (lml_product){.u1 = byte_offset(b, block->j1, ma1, mb1), .u2 = byte_offset(b, block->j2, ma2, mb2)};
      for (int l = 0; l < from->nlevels; l++)
        plan->cg[b->ncg++] = weight * lml_clebsch_gordan(block->j1, ma1, block->j2, ma2, levels[l].j) *
                             lml_clebsch_gordan(block->j1, mb1, block->j2, mb2, levels[l].j);
    }
  }
}

static lml_status add_cell(builder *b, lml_coupling_block *block, const cell_plan *from, bool same, lml_error *error) {
  lml_bispectrum_plan *plan = b->plan;
  const lml_status status = reserve_cell(b, from->nproducts, from->nlevels, error);
  if (status != LML_OK) return status;
  const int shift = block->j1 + block->j2, column = 2 * from->columns.sum - shift, row = 2 * from->rows.sum - shift;
  plan->cells[b->ncells++] = (lml_cell){.product = b->nproducts,
                                        .nproducts = from->nproducts,
                                        .nlevels = from->nlevels,
                                        .middle = column == 0,
                                        .cg = b->ncg,
                                        .place = b->nplaces};
  block->ncells++;
  for (int l = 0; l < from->nlevels; l++) {
    const int j = plan->levels[block->level + l].j;
    plan->places[b->nplaces++] = (column + j) / 2 * (j + 1) + (row + j) / 2;
  }
  fill_products(b, block, from, same);
  return LML_OK;
}

/** Add the cells of a block; only columns up to the middle one are needed. */
static lml_status add_cells(builder *b, lml_coupling_block *block, bool same, lml_error *error) {
  const int shift = block->j1 + block->j2;
  cell_plan *cells;
  size_t count = 0;
  block->cell = b->ncells;
  lml_status status =
      lml_alloc(&cells, (size_t)(shift / 2 + 1) * (size_t)(shift + 1), sizeof(cell_plan), "couplings", error);
  if (status != LML_OK) return status;
  for (int column = 0; 2 * column <= shift; column++)
    for (int row = 0; row <= shift; row++) {
      cell_plan cell = {.rows = make_antidiagonal(block, row), .columns = make_antidiagonal(block, column)};
      cell.nlevels = count_levels(b, block, larger(abs(2 * column - shift), abs(2 * row - shift)));
      cell.nproducts = (cell.rows.last - cell.rows.first + 1) * count_columns(same, cell.columns);
      if (cell.nlevels > 0) cells[count++] = cell;
    }
  qsort(cells, count, sizeof(cell_plan), compare_cells);
  for (size_t i = 0; i < count && status == LML_OK; i++) status = add_cell(b, block, &cells[i], same, error);
  lml_free(cells);
  return status;
}

static lml_status add_block(builder *b, label x, label y, lml_error *error) {
  lml_bispectrum_plan *plan = b->plan;
  lml_status status =
      lml_grow(&plan->blocks, &b->block_capacity, plan->nblocks + 1, sizeof(lml_coupling_block), "couplings", error);
  if (status != LML_OK) return status;
  lml_coupling_block *block = &plan->blocks[plan->nblocks++];
  *block = (lml_coupling_block){.j1 = x.j,
                                .j2 = y.j,
                                .u1 = x.element * plan->nu + lml_bispectrum_u_offset(x.j),
                                .u2 = y.element * plan->nu + lml_bispectrum_u_offset(y.j)};
  status = add_levels(b, block, x, y, error);
  if (status == LML_OK) status = add_cells(b, block, label_index(b, x) == label_index(b, y), error);
  return status;
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

/* ---- which couplings make up a term ---- */

/** Choose where each term is evaluated: at its target of largest j, whose pair of labels is the cheapest. */
static lml_status choose_values(lml_bispectrum_plan *plan, lml_error *error) {
  int *largest_j;
  const lml_status status = lml_alloc(&largest_j, (size_t)plan->nterms, sizeof(int), "terms", error);
  if (status != LML_OK) return status;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < plan->nblocks; i++) {
      lml_coupling_block *block = &plan->blocks[i];
      for (int l = 0; l < block->nlevels; l++) {
        const lml_coupling_level *level = &plan->levels[block->level + l];
        for (int e = 0; e < plan->nlabel_elements; e++) {
          lml_coupling_target *target = &plan->targets[level->target + e];
          int *seen = &largest_j[target->term];
          if (pass == 0) {
            if (level->j + 1 > *seen) *seen = level->j + 1;
          } else if (*seen == level->j + 1) {
            target->value = 1.0 / (level->j + 1.0);
            block->nvalue_levels = l + 1;
            *seen = 0;
          }
        }
      }
    }
  lml_free(largest_j);
  return LML_OK;
}

static lml_status list_couplings(lml_bispectrum_plan *plan, int ntargets, lml_error *error) {
  lml_status status = lml_alloc(&plan->of_term, (size_t)plan->nterms + 1, sizeof(int), "couplings of the terms", error);
  if (status == LML_OK)
    status = lml_alloc(&plan->term_couplings, (size_t)ntargets, sizeof(lml_coupling), "couplings of the terms", error);
  if (status != LML_OK) return status;
  for (int t = 0; t < ntargets; t++) plan->of_term[plan->targets[t].term + 1]++;
  for (int t = 0; t < plan->nterms; t++) plan->of_term[t + 1] += plan->of_term[t];
  /* filled from the back: of_term[t + 1] counts down to the beginning of t + 1's … then moves down by one term */
  for (size_t i = plan->nblocks; i-- > 0;) {
    const lml_coupling_block *block = &plan->blocks[i];
    for (int l = block->nlevels; l-- > 0;)
      for (int e = plan->nlabel_elements; e-- > 0;) {
        const int target = plan->levels[block->level + l].target + e;
        plan->term_couplings[--plan->of_term[plan->targets[target].term + 1]] =
            (lml_coupling){.block = (int)i, .level = l, .target = target};
      }
  }
  memmove(plan->of_term, plan->of_term + 1, (size_t)plan->nterms * sizeof(int));
  plan->of_term[plan->nterms] = ntargets;
  return LML_OK;
}

lml_status lml_bispectrum_plan_couplings(lml_bispectrum_plan *plan, const lml_snap_model *model, lml_error *error) {
  builder b = {.plan = plan, .parameters = &model->parameters};
  b.nlabels = plan->nlabel_elements * (plan->twojmax + 1);
  const size_t nkeys = (size_t)b.nlabels * (size_t)b.nlabels * (size_t)b.nlabels;
  lml_status status = lml_alloc(&b.term_of, nkeys, sizeof(int), "terms of the bispectrum", error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < nkeys; i++) b.term_of[i] = -1;
  status = make_components(&b, error);
  if (status == LML_OK) status = make_blocks(&b, error);
  if (status == LML_OK) status = choose_values(plan, error);
  if (status == LML_OK) status = list_couplings(plan, b.ntargets, error);
  lml_free(b.term_of);
  return status;
}
