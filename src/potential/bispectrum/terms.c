#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "potential/bispectrum/plan.h"

static int label_of(const lml_bispectrum_plan *plan, lml_label x) { return x.element * (plan->twojmax + 1) + x.j; }

/** Number the real parts of U that are independent, by j and in the order of the modes. */
static lml_status number_reals(lml_bispectrum_plan *plan, lml_error *error) {
  lml_term_tables *t = &plan->by_term;
  const lml_mode *last = &plan->modes[plan->nmodes - 1];
  const size_t ncoupled = (size_t)(last->coupled + last->ncoupled);
  const lml_status status = lml_alloc(&t->coupled_reals, ncoupled, sizeof(int), "single terms", error);
  if (status != LML_OK) return status;
  int next[LML_SNAP_TWOJMAX_LIMIT + 1];
  for (int j = 0; j <= plan->twojmax; j++) next[j] = lml_bispectrum_u_offset(j);
  for (const lml_mode *mode = plan->modes; mode <= last; mode++)
    for (int n = 0; n < mode->ncoupled; n++) {
      int *real = &next[mode->s + mode->q + 2 * n];
      t->coupled_reals[mode->coupled + n] = *real;
      *real += mode->ncomponents;
    }
  return LML_OK;
}

static void add_label(lml_term_label *labels, int label) {
  for (int k = 0; k < 3; k++) {
    if (labels[k].label == label) return;
    if (labels[k].label >= 0) continue;
    labels[k].label = label;
    return;
  }
}

/** The labels of each term, from the table of couplings. */
static lml_status find_labels(lml_bispectrum_plan *plan, lml_error *error) {
  lml_term_tables *t = &plan->by_term;
  const lml_status status = lml_alloc(&t->of_term, 3 * (size_t)plan->nterms, sizeof *t->of_term, "single terms", error);
  if (status != LML_OK) return status;
  for (int k = 0; k < 3 * plan->nterms; k++) t->of_term[k].label = -1;
  for (size_t i = 0; i < plan->table.nblocks; i++) {
    const lml_coupling_block *block = &plan->table.blocks[i];
    for (int k = 0; k < block->ncoupled * plan->nlabel_elements; k++) {
      const lml_label z = {.j = block->largest_j - 2 * (k / plan->nlabel_elements),
                           .element = k % plan->nlabel_elements};
      lml_term_label *labels = t->of_term + 3 * plan->table.couplings[block->coupling + (size_t)k].term;
      add_label(labels, label_of(plan, block->x));
      add_label(labels, label_of(plan, block->y));
      add_label(labels, label_of(plan, z));
    }
  }
  return LML_OK;
}

/** Give each term a place among those of each of its labels. */
static lml_status fill_tiles(lml_bispectrum_plan *plan, lml_error *error) {
  lml_term_tables *t = &plan->by_term;
  const int nlabels = plan->nlabel_elements * (plan->twojmax + 1);
  lml_status status = lml_alloc(&t->labels, (size_t)nlabels, sizeof *t->labels, "single terms", error);
  if (status != LML_OK) return status;
  for (int k = 0; k < 3 * plan->nterms; k++)
    if (t->of_term[k].label >= 0) t->of_term[k].place = t->labels[t->of_term[k].label].count++;
  int total = 0;
  for (int l = 0; l < nlabels; l++) {
    lml_label_terms *label = &t->labels[l];
    const int size = l % (plan->twojmax + 1) + 1;
    label->first = total;
    label->packed = t->npacked;
    label->count = (label->count + LML_TILE_TERMS - 1) / LML_TILE_TERMS * LML_TILE_TERMS;
    total += label->count;
    t->npacked += (size_t)(label->count * size * size);
  }
  status = lml_alloc(&t->terms, (size_t)total, sizeof(int), "single terms", error);
  if (status != LML_OK) return status;
  for (int i = 0; i < total; i++) t->terms[i] = -1;
  for (int k = 0; k < 3 * plan->nterms; k++)
    if (t->of_term[k].label >= 0) t->terms[t->labels[t->of_term[k].label].first + t->of_term[k].place] = k / 3;
  return LML_OK;
}

/** What one complex number of Y is made of: the independent real numbers of U that it stands for. */
typedef struct {
  int re, im; /**< among the reals of all j, −1 where there is none */
  double re_factor, im_factor;
} y_reals;

/** The reals of each Y of one element. */
static void find_y_reals(const lml_bispectrum_plan *plan, y_reals *of_y) {
  const int *coupled_reals = plan->by_term.coupled_reals;
  for (int y = 0; y < plan->ny; y++) of_y[y] = (y_reals){.re = -1, .im = -1};
  for (size_t m = 0; m < plan->nmodes; m++)
    for (int n = plan->modes[m].coupled; n < plan->modes[m].coupled + plan->modes[m].ncoupled; n++) {
      const lml_coupled_j *coupled = &plan->coupled_js[n];
      const int real = coupled_reals[n], ncomponents = plan->modes[m].ncomponents;
      of_y[coupled->y_plus] = (y_reals){.re = real,
                                        .im = ncomponents > 1 ? real + 1 : -1,
                                        .re_factor = coupled->y_plus_re,
                                        .im_factor = coupled->y_plus_im};
      if (ncomponents == 4)
        of_y[coupled->y_minus] = (y_reals){
            .re = real + 2, .im = real + 3, .re_factor = coupled->y_minus_re, .im_factor = coupled->y_minus_im};
    }
}

/** The target among the adjoints of one that is meant for Y. */
static lml_adjoint_target adjoint_target(const lml_bispectrum_plan *plan, const y_reals *of_y,
                                         const lml_cell_target *from) {
  const lml_term_tables *t = &plan->by_term;
  const int complex_bytes = 2 * plan->lanes * (int)sizeof(double), index = from->place / complex_bytes;
  const int element = index / plan->ny, y = index % plan->ny;
  int j = plan->twojmax;
  while (lml_bispectrum_y_offset(j) > y) j--;
  const int u = lml_bispectrum_u_offset(j), label = element * (plan->twojmax + 1) + j, size = (j + 1) * (j + 1);
  const lml_term_label *of_term = t->of_term + 3 * from->term;
  while (of_term->label != label) of_term++;
  const int first = (int)t->labels[label].packed + of_term->place / LML_TILE_TERMS * LML_TILE_TERMS * size +
                    of_term->place % LML_TILE_TERMS;
  const y_reals *reals = &of_y[y];
  return (lml_adjoint_target){
      .re = first + LML_TILE_TERMS * (reals->re - u),
      .im = reals->im < 0 ? -1 : first + LML_TILE_TERMS * (reals->im - u),
      .u = complex_bytes * (element * plan->nu + u + y - lml_bispectrum_y_offset(j)),
      .term = from->term,
      .re_factor = from->factor * reals->re_factor,
      .im_factor = from->factor * reals->im_factor,
      .value = from->factor * fabs(reals->re_factor) / 3.0,
  };
}

/** Let the cells' sums go where the adjoints are packed. */
static lml_status aim_at_adjoints(lml_bispectrum_plan *plan, lml_error *error) {
  lml_term_tables *t = &plan->by_term;
  y_reals *of_y;
  const lml_cell_list *cells = &plan->couplings;
  lml_status status = lml_alloc(&t->targets, cells->ntargets, sizeof *t->targets, "single terms", error);
  if (status == LML_OK) status = lml_alloc(&of_y, (size_t)plan->ny, sizeof *of_y, "single terms", error);
  if (status != LML_OK) return status;
  find_y_reals(plan, of_y);
  for (size_t i = 0; i < cells->ntargets; i++) t->targets[i] = adjoint_target(plan, of_y, &cells->targets[i]);
  lml_free(of_y);
  return LML_OK;
}

lml_status lml_bispectrum_plan_by_term(lml_bispectrum_plan *plan, lml_error *error) {
  lml_status status = number_reals(plan, error);
  if (status == LML_OK) status = find_labels(plan, error);
  if (status == LML_OK) status = fill_tiles(plan, error);
  return status == LML_OK ? aim_at_adjoints(plan, error) : status;
}

void lml_bispectrum_term_tables_free(lml_term_tables *tables) {
  lml_free(tables->targets);
  lml_free(tables->coupled_reals);
  lml_free(tables->labels);
  lml_free(tables->terms);
  lml_free(tables->of_term);
  memset(tables, 0, sizeof *tables);
}
