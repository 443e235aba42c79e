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
  int nlevels, ntargets, ncolumn_pairs, nantidiagonals, ncg;
  size_t block_capacity, level_capacity, target_capacity, column_pair_capacity, antidiagonal_capacity, cg_capacity;
  size_t component_capacity;
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

static lml_status add_cg(builder *b, double value, lml_error *error) {
  const lml_status status =
      lml_grow(&b->plan->cg, &b->cg_capacity, (size_t)b->ncg + 1, sizeof(double), "Clebsch-Gordan coefficients", error);
  if (status == LML_OK) b->plan->cg[b->ncg++] = value;
  return status;
}

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

static lml_status add_column_pairs(builder *b, lml_coupling_block *block, bool same, lml_error *error) {
  lml_bispectrum_plan *plan = b->plan;
  block->column_pair = b->ncolumn_pairs;
  for (int mb1 = 0; mb1 <= block->j1; mb1++)
    for (int mb2 = 0; mb2 <= (same ? mb1 : block->j2); mb2++) {
      const int m2 = 2 * (mb1 + mb2) - block->j1 - block->j2;
      const int nlevels = count_levels(b, block, m2);
      if (m2 > 0 || nlevels == 0) continue;
      lml_status status = lml_grow(&plan->column_pairs, &b->column_pair_capacity, (size_t)b->ncolumn_pairs + 1,
                                   sizeof(lml_column_pair), "column pairs", error);
      if (status != LML_OK) return status;
      plan->column_pairs[b->ncolumn_pairs++] =
          (lml_column_pair){.mb1 = mb1, .mb2 = mb2, .m2 = m2, .nlevels = nlevels, .cg = b->ncg};
      block->ncolumn_pairs++;
      const double twice = same && mb1 != mb2 ? 2.0 : 1.0;
      for (int l = 0; l < nlevels && status == LML_OK; l++)
        status = add_cg(b, twice * lml_clebsch_gordan(block->j1, mb1, block->j2, mb2, plan->levels[block->level + l].j),
                        error);
      if (status != LML_OK) return status;
    }
  return LML_OK;
}

static lml_status add_antidiagonals(builder *b, lml_coupling_block *block, lml_error *error) {
  lml_bispectrum_plan *plan = b->plan;
  block->antidiagonal = b->nantidiagonals;
  for (int sum = 0; sum <= block->j1 + block->j2; sum++) {
    const int m2 = 2 * sum - block->j1 - block->j2;
    const int nlevels = count_levels(b, block, m2);
    if (nlevels == 0) continue;
    lml_status status = lml_grow(&plan->antidiagonals, &b->antidiagonal_capacity, (size_t)b->nantidiagonals + 1,
                                 sizeof(lml_antidiagonal), "antidiagonals", error);
    if (status != LML_OK) return status;
    const int first = larger(0, sum - block->j2), last = smaller(block->j1, sum);
    plan->antidiagonals[b->nantidiagonals++] = (lml_antidiagonal){
        .n = last - first + 1, .first1 = first, .first2 = sum - first, .m2 = m2, .nlevels = nlevels, .cg = b->ncg};
    block->nantidiagonals++;
    for (int l = 0; l < nlevels; l++)
      for (int m1 = first; m1 <= last && status == LML_OK; m1++)
        status =
            add_cg(b, lml_clebsch_gordan(block->j1, m1, block->j2, sum - m1, plan->levels[block->level + l].j), error);
    if (status != LML_OK) return status;
  }
  return LML_OK;
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
  if (status == LML_OK) status = add_column_pairs(b, block, label_index(b, x) == label_index(b, y), error);
  if (status == LML_OK) status = add_antidiagonals(b, block, error);
  const size_t scratch = (size_t)block->ncolumn_pairs * (size_t)block->nlevels * (size_t)plan->nlabel_elements;
  if (scratch > plan->largest_block) plan->largest_block = scratch;
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
