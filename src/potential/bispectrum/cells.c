#include <stdlib.h>

#include "base/memory.h"
#include "potential/bispectrum/plan.h"

/** Pairs of offsets with one sum: m1 from `first` to `last`, m2 = sum − m1. */
typedef struct {
  int sum, first, last;
} antidiagonal;

/** A cell before its tables are made. */
typedef struct {
  const lml_coupling_block *block;
  antidiagonal rows, columns; /**< ma1 + ma2, mb1 + mb2 */
  int nproducts;
  int first_coupled, ncoupled; /**< of the block's */
  size_t order;                /**< in which it was met */
} cell;

/** All cells of one list, before they are sorted. */
typedef struct {
  const lml_bispectrum_plan *plan;
  lml_cell_purpose purpose;
  cell *cells;
  size_t ncells, capacity;
} collection;

static int smaller(int a, int b) { return a < b ? a : b; }
static int larger(int a, int b) { return a > b ? a : b; }

static antidiagonal make_antidiagonal(const lml_coupling_block *block, int sum) {
  return (antidiagonal){.sum = sum, .first = larger(0, sum - block->y.j), .last = smaller(block->x.j, sum)};
}

static double clebsch_gordan(const lml_bispectrum_plan *plan, const lml_coupling_block *block, int coupled, int m1,
                             int m2) {
  return plan->table.cg[block->cg + (size_t)((coupled * (block->x.j + 1) + m1) * (block->y.j + 1) + m2)];
}

/** How often the product of U₁[ma1][mb1] and U₂ counts. Where both labels are the same, the two exchanged give the same
 *  product, and one stands for both. */
static int product_weight(const lml_coupling_block *block, antidiagonal rows, antidiagonal columns, int ma1, int mb1) {
  const int mb = 2 * mb1 - columns.sum, ma = 2 * ma1 - rows.sum; /* by how much the first's exceeds the second's */
  const int difference = mb != 0 ? mb : ma;
  if (!block->same || difference == 0) return 1;
  return difference > 0 ? 2 : 0;
}

static int count_products(const lml_coupling_block *block, antidiagonal rows, antidiagonal columns) {
  int count = 0;
  for (int mb1 = columns.first; mb1 <= columns.last; mb1++)
    for (int ma1 = rows.first; ma1 <= rows.last; ma1++)
      if (product_weight(block, rows, columns, ma1, mb1) > 0) count++;
  return count;
}

/** Levels of the block whose j reaches twice the projection @p m2. */
static int count_coupled(const lml_coupling_block *block, int m2) {
  return m2 > block->largest_j ? 0 : smaller(block->ncoupled, (block->largest_j - m2) / 2 + 1);
}

/* ---- collecting ---- */

static lml_status keep(collection *c, const cell *one, lml_error *error) {
  const lml_status status = lml_grow(&c->cells, &c->capacity, c->ncells + 1, sizeof(cell), "couplings", error);
  if (status != LML_OK) return status;
  c->cells[c->ncells] = *one;
  c->cells[c->ncells].order = c->ncells;
  c->ncells++;
  return LML_OK;
}

static lml_status collect_block(collection *c, const lml_coupling_block *block, lml_error *error) {
  const int shift = block->x.j + block->y.j;
  lml_status status = LML_OK;
  for (int column = 0; 2 * column <= shift; column++) /* the other half of Y holds the conjugates */
    for (int row = 0; row <= (2 * column == shift ? column : shift) && status == LML_OK; row++) {
      cell one = {.block = block, .rows = make_antidiagonal(block, row), .columns = make_antidiagonal(block, column)};
      one.ncoupled = count_coupled(block, larger(abs(2 * column - shift), abs(2 * row - shift)));
      if (c->purpose == LML_EVALUATE_TERMS) one.first_coupled = block->first_value;
      one.ncoupled -= one.first_coupled;
      if (one.ncoupled <= 0) continue;
      one.nproducts = count_products(block, one.rows, one.columns);
      status = keep(c, &one, error);
    }
  return status;
}

static int compare_cells(const void *left, const void *right) {
  const cell *a = left, *b = right;
  if (a->ncoupled != b->ncoupled) return b->ncoupled - a->ncoupled;
  if (a->nproducts != b->nproducts) return b->nproducts - a->nproducts;
  return a->order < b->order ? -1 : 1;
}

/* ---- writing ---- */

static int32_t byte_offset(const lml_bispectrum_plan *plan, int complex_index) {
  return (int32_t)(2 * complex_index * plan->lanes * (int)sizeof(double));
}

static int u_index(const lml_bispectrum_plan *plan, lml_label x, int ma, int mb) {
  return x.element * plan->nu + lml_bispectrum_u_offset(x.j) + mb * (x.j + 1) + ma;
}

static void write_products(const lml_bispectrum_plan *plan, const cell *from, lml_cell_list *list) {
  const lml_coupling_block *block = from->block;
  for (int mb1 = from->columns.first; mb1 <= from->columns.last; mb1++)
    for (int ma1 = from->rows.first; ma1 <= from->rows.last; ma1++) {
      const int weight = product_weight(block, from->rows, from->columns, ma1, mb1);
      if (weight == 0) continue;
      const int ma2 = from->rows.sum - ma1, mb2 = from->columns.sum - mb1;
      list->products[list->total_products++] =
          (lml_product){.u1 = byte_offset(plan, u_index(plan, block->x, ma1, mb1)),
                        .u2 = byte_offset(plan, u_index(plan, block->y, ma2, mb2))};
      for (int l = from->first_coupled; l < from->first_coupled + from->ncoupled; l++)
        list->cg[list->ncg++] =
            weight * clebsch_gordan(plan, block, l, ma1, ma2) * clebsch_gordan(plan, block, l, mb1, mb2);
    }
}

static void write_targets(const collection *c, const cell *from, lml_cell_list *list) {
  const lml_bispectrum_plan *plan = c->plan;
  const lml_coupling_block *block = from->block;
  const int shift = block->x.j + block->y.j;
  for (int l = from->first_coupled; l < from->first_coupled + from->ncoupled; l++) {
    const int j = block->largest_j - 2 * l;
    const int ma = (2 * from->rows.sum - shift + j) / 2, mb = (2 * from->columns.sum - shift + j) / 2;
    const double half = 2 * mb == j && 2 * ma == j ? 1.0 : 2.0; /* of those that are not their own conjugates */
    for (int e = 0; e < plan->nlabel_elements; e++) {
      const lml_coupling *coupling =
          &c->plan->table.couplings[block->coupling + (size_t)(l * plan->nlabel_elements + e)];
      const int y = e * plan->ny + lml_bispectrum_y_offset(j) + mb * (j + 1) + ma;
      const int u = u_index(plan, (lml_label){.j = j, .element = e}, ma, mb);
      lml_cell_target target = {.term = coupling->term};
      target.place = byte_offset(plan, c->purpose == LML_EVALUATE_TERMS ? u : y);
      target.factor =
          (c->purpose == LML_EVALUATE_TERMS ? (coupling->value ? half : 0.0) : coupling->multiplicity) / (j + 1);
      list->targets[list->ntargets++] = target;
    }
  }
}

static lml_status reserve(const collection *c, const cell *from, lml_cell_list *list, lml_error *error) {
  const char *what = "couplings";
  const size_t nproducts = (size_t)from->nproducts, ncoupled = (size_t)from->ncoupled;
  lml_status status = lml_grow(&list->nproducts, &list->cell_capacity, list->ncells + 1, sizeof(int), what, error);
  if (status == LML_OK)
    status = lml_grow(&list->products, &list->product_capacity, list->total_products + nproducts, sizeof(lml_product),
                      what, error);
  if (status == LML_OK)
    status = lml_grow(&list->cg, &list->cg_capacity, list->ncg + nproducts * ncoupled, sizeof(double), what, error);
  if (status == LML_OK)
    status =
        lml_grow(&list->targets, &list->target_capacity, list->ntargets + ncoupled * (size_t)c->plan->nlabel_elements,
                 sizeof(lml_cell_target), what, error);
  if (status == LML_OK)
    status = lml_grow(&list->runs, &list->run_capacity, list->nruns + 1, sizeof(lml_cell_run), what, error);
  return status;
}

/** Write the sorted cells; a run ends where the number of coupled j changes. */
static lml_status write_list(const collection *c, lml_cell_list *list, lml_error *error) {
  for (size_t i = 0; i < c->ncells; i++) {
    const cell *from = &c->cells[i];
    const lml_status status = reserve(c, from, list, error);
    if (status != LML_OK) return status;
    if (i == 0 || from->ncoupled != from[-1].ncoupled)
      list->runs[list->nruns++] = (lml_cell_run){.ncoupled = from->ncoupled,
                                                 .cell = list->ncells,
                                                 .product = list->total_products,
                                                 .cg = list->ncg,
                                                 .target = list->ntargets};
    list->runs[list->nruns - 1].ncells++;
    list->nproducts[list->ncells++] = from->nproducts;
    write_products(c->plan, from, list);
    write_targets(c, from, list);
  }
  return LML_OK;
}

static lml_status make_list(const lml_bispectrum_plan *plan, lml_cell_purpose what, lml_cell_list *list,
                            lml_error *error) {
  collection c = {.plan = plan, .purpose = what};
  lml_status status = LML_OK;
  for (size_t i = 0; i < plan->table.nblocks && status == LML_OK; i++)
    status = collect_block(&c, &plan->table.blocks[i], error);
  if (status == LML_OK) {
    if (c.ncells > 0) qsort(c.cells, c.ncells, sizeof(cell), compare_cells);
    status = write_list(&c, list, error);
  }
  lml_free(c.cells);
  return status;
}

lml_status lml_bispectrum_plan_cells(lml_bispectrum_plan *plan, lml_error *error) {
  const lml_status status = make_list(plan, LML_ADD_TO_Y, &plan->couplings, error);
  return status == LML_OK ? make_list(plan, LML_EVALUATE_TERMS, &plan->values, error) : status;
}

void lml_cell_list_free(lml_cell_list *list) {
  lml_free(list->runs);
  lml_free(list->nproducts);
  lml_free(list->products);
  lml_free(list->cg);
  lml_free(list->targets);
}
