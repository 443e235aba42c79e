#include <string.h>

#include "base/memory.h"
#include "potential/bispectrum_plan.h"

static int label_of(const lml_bispectrum_plan *plan, lml_label x) { return x.element * (plan->twojmax + 1) + x.j; }

/** Number the real parts of U that are independent, by j and in the order of the modes. */
static lml_status number_reals(lml_bispectrum_plan *plan, lml_error *error) {
  lml_term_tables *t = &plan->by_term;
  const lml_mode *last = &plan->modes[plan->nmodes - 1];
  const size_t nlevels = (size_t)(last->level + last->nlevels);
  lml_status status = lml_alloc(&t->reals, (size_t)plan->nmoments, sizeof *t->reals, "single terms", error);
  if (status == LML_OK) status = lml_alloc(&t->level_reals, nlevels, sizeof(int), "single terms", error);
  if (status != LML_OK) return status;
  int next[LML_SNAP_TWOJMAX_LIMIT + 1];
  for (int j = 0; j <= plan->twojmax; j++) next[j] = lml_bispectrum_u_offset(j);
  for (const lml_mode *mode = plan->modes; mode <= last; mode++)
    for (int n = 0; n < mode->nlevels; n++) {
      const lml_mode_level *level = &plan->mode_levels[mode->level + n];
      const lml_packed_real all[4] = {{.y = 2 * level->y_plus, .factor = level->y_plus_re},
                                      {.y = 2 * level->y_plus + 1, .factor = level->y_plus_im},
                                      {.y = 2 * level->y_minus, .factor = level->y_minus_re},
                                      {.y = 2 * level->y_minus + 1, .factor = level->y_minus_im}};
      int *real = &next[mode->s + mode->q + 2 * n];
      t->level_reals[mode->level + n] = *real;
      for (int c = 0; c < mode->ncomponents; c++) t->reals[(*real)++] = all[c];
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
    for (int k = 0; k < block->nlevels * plan->nlabel_elements; k++) {
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

lml_status lml_bispectrum_plan_by_term(lml_bispectrum_plan *plan, lml_error *error) {
  lml_status status = lml_bispectrum_plan_term_cells(plan, error);
  if (status == LML_OK) status = number_reals(plan, error);
  if (status == LML_OK) status = find_labels(plan, error);
  if (status == LML_OK) status = fill_tiles(plan, error);
  return status;
}

void lml_bispectrum_term_tables_free(lml_term_tables *tables) {
  lml_cell_list_free(&tables->cells);
  lml_free(tables->reals);
  lml_free(tables->level_reals);
  lml_free(tables->labels);
  lml_free(tables->terms);
  lml_free(tables->of_term);
  memset(tables, 0, sizeof *tables);
}
