#include "potential/ace/ace_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "potential/ace/ace_graph.h"

static const char what[] = "the tables of an ACE potential";

static void free_element(lml_ace_element_plan *plan) {
  lml_free(plan->blocks);
  lml_free(plan->parts);
  lml_free(plan->products);
  lml_free(plan->first_term);
  lml_free(plan->terms);
  lml_free(plan->weights);
  lml_free(plan->rank);
  lml_free(plan->blocks_of);
  lml_free(plan->legs);
}

void lml_ace_plan_free(lml_ace_plan *plan) {
  for (int e = 0; plan->elements != NULL && e < plan->nelements; e++) free_element(&plan->elements[e]);
  lml_free(plan->elements);
  lml_free(plan->nradial);
  lml_free(plan->nbase);
  lml_free(plan->moments);
  memset(plan, 0, sizeof *plan);
}

/* ---- moments ---- */

/** Radial coefficients of a leg, by k; a function of rank 1 has gₙ by itself. */
static double coefficient_of(const lml_ace_bond *bond, const lml_ace_leg *leg, int rank, int k) {
  if (rank == 1) return k == leg->n - 1 ? 1.0 : 0.0;
  return bond->coefficients[((leg->n - 1) * (bond->lmax + 1) + leg->l) * bond->nbase + k];
}

/** How many gₖ a leg needs. */
static int base_of(const lml_ace_bond *bond, const lml_ace_leg *leg, int rank) {
  int count = bond->nbase;
  while (count > 0 && coefficient_of(bond, leg, rank, count - 1) == 0.0) count--;
  return count;
}

static const lml_ace_bond *bond_of(const lml_ace_model *model, size_t element, const lml_ace_leg *leg) {
  return &model->bonds[element * model->nelements + (size_t)leg->element];
}

static int find_lmax(const lml_ace_model *model) {
  int lmax = 0;
  for (size_t e = 0; e < model->nelements; e++)
    for (size_t f = 0; f < model->nfunctions[e]; f++)
      for (int t = 0; t < model->functions[e][f].rank; t++)
        if (model->functions[e][f].legs[t].l > lmax) lmax = model->functions[e][f].legs[t].l;
  return lmax;
}

/** Which moments are needed, by atoms of any element, and where they stand. */
static lml_status lay_out_moments(const lml_ace_model *model, lml_ace_plan *plan, lml_error *error) {
  const int nl = plan->lmax + 1;
  const size_t count = model->nelements * (size_t)nl;
  lml_status status = lml_alloc(&plan->nradial, model->nelements, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&plan->nbase, count, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&plan->moments, count, sizeof(int), what, error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < model->nelements; e++)
    for (size_t f = 0; f < model->nfunctions[e]; f++) {
      const lml_ace_function *function = &model->functions[e][f];
      for (int t = 0; t < function->rank; t++) {
        const lml_ace_leg *leg = &function->legs[t];
        const int needed = base_of(bond_of(model, e, leg), leg, function->rank);
        int *nbase = &plan->nbase[leg->element * nl + leg->l];
        if (needed > *nbase) *nbase = needed;
      }
    }
  for (size_t c = 0; c < count; c++) {
    plan->moments[c] = plan->nmoments;
    plan->nmoments += plan->nbase[c] * (2 * (int)(c % (size_t)nl) + 1);
    int *nradial = &plan->nradial[c / (size_t)nl];
    if (plan->nbase[c] > *nradial) *nradial = plan->nbase[c];
    if (*nradial > plan->most_base) plan->most_base = *nradial;
  }
  return LML_OK;
}

static void set_norms(lml_ace_plan *plan) {
  for (int l = 0; l <= plan->lmax; l++)
    for (int m = 0; m <= l; m++)
      plan->norm[l * (l + 1) / 2 + m] = sqrt((2 * l + 1) * tgamma(l - m + 1) * tgamma(l + m + 1));
}

/** Simplified Bessel functions (Kocer, Mason and Erturk, AIP Adv. 10, 015021 (2020)): two neighbouring sinc functions,
 *  made orthogonal to those before. */
static void set_bessel(lml_ace_plan *plan) {
  const double pi = 3.14159265358979323846;
  double before = 1.0;
  for (int k = 0; k < plan->most_base; k++) {
    const double a = k + 1, b = k + 2, n = k;
    const double overlap = n * n * b * b / (4.0 * a * a * a * a + 1.0), rest = k == 0 ? 1.0 : 1.0 - overlap / before;
    const double amplitude = sqrt(2.0) * pi * a * b / sqrt(a * a + b * b);
    plan->bessel[k][0] = (k % 2 == 0 ? amplitude : -amplitude) / sqrt(rest);
    plan->bessel[k][1] = k == 0 ? 0.0 : sqrt(overlap / before / rest);
    before = rest;
  }
}

/* ---- one element ---- */

/** An element's tables in the making. */
typedef struct {
  const lml_ace_model *model;
  const lml_ace_plan *plan;
  size_t element;
  lml_ace_element_plan *to;
  lml_ace_leg *keys; /**< of each block: its leg; n is negative for one of rank 1 */
  size_t key_capacity, block_capacity, part_capacity, term_capacity, weight_capacity, leg_capacity;
  lml_ace_graph graph;
} builder;

static lml_status add_parts(builder *b, const lml_ace_leg *leg, int rank, lml_ace_block *block, lml_error *error) {
  const lml_ace_bond *bond = bond_of(b->model, b->element, leg);
  const int at = leg->element * (b->plan->lmax + 1) + leg->l, count = base_of(bond, leg, rank);
  block->first = b->to->nparts;
  for (int k = 0; k < count; k++) {
    const double coefficient = coefficient_of(bond, leg, rank, k);
    if (coefficient == 0.0) continue;
    const lml_status status =
        lml_grow(&b->to->parts, &b->part_capacity, (size_t)b->to->nparts + 1, sizeof *b->to->parts, what, error);
    if (status != LML_OK) return status;
    b->to->parts[b->to->nparts++] =
        (lml_ace_part){.k = k, .moment = b->plan->moments[at] + k * (2 * leg->l + 1), .coefficient = coefficient};
  }
  block->nparts = b->to->nparts - block->first;
  return LML_OK;
}

/** The block of a leg. */
static lml_status find_block(builder *b, const lml_ace_leg *leg, int rank, int *block, lml_error *error) {
  const lml_ace_leg key = {leg->element, rank == 1 ? -leg->n : leg->n, leg->l};
  lml_ace_element_plan *to = b->to;
  for (*block = 0; b->keys != NULL && *block < to->nblocks; ++*block)
    if (memcmp(&b->keys[*block], &key, sizeof key) == 0) return LML_OK;
  const size_t count = (size_t)to->nblocks + 1;
  lml_status status = lml_grow(&b->keys, &b->key_capacity, count, sizeof key, what, error);
  if (status == LML_OK) status = lml_grow(&to->blocks, &b->block_capacity, count, sizeof *to->blocks, what, error);
  if (status != LML_OK) return status;
  lml_ace_block *new = &to->blocks[to->nblocks];
  *new = (lml_ace_block){.element = leg->element, .l = leg->l, .leaf = to->nleaves};
  status = add_parts(b, leg, rank, new, error);
  if (status != LML_OK) return status;
  b->keys[to->nblocks++] = key;
  to->nleaves += 2 * leg->l + 1;
  return LML_OK;
}

static lml_status make_blocks(builder *b, lml_error *error) {
  const size_t n = b->model->nfunctions[b->element];
  b->to->nfunctions = (int)n;
  lml_status status = lml_alloc(&b->to->rank, n, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&b->to->first_term, n + 1, sizeof(int), what, error);
  if (status == LML_OK) status = lml_alloc(&b->to->blocks_of, n * LML_ACE_MOST_RANK, sizeof(int), what, error);
  for (size_t f = 0; f < n && status == LML_OK; f++) {
    const lml_ace_function *function = &b->model->functions[b->element][f];
    b->to->rank[f] = function->rank;
    for (int t = 0; t < function->rank && status == LML_OK; t++)
      status = find_block(b, &function->legs[t], function->rank, &b->to->blocks_of[f * LML_ACE_MOST_RANK + (size_t)t],
                          error);
  }
  return status;
}

static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/** A combination of m as a product of leaves, in ascending order; −1 behind them. */
typedef struct {
  int leaves[LML_ACE_MOST_RANK], number;
} combination;

static int compare_leaves(const int *a, const int *b) {
  for (int t = 0; t < LML_ACE_MOST_RANK; t++)
    if (a[t] != b[t]) return a[t] < b[t] ? -1 : 1;
  return 0;
}

/** By leaves, and in their order where these are the same. */
static int by_leaves(const void *a, const void *b) {
  const combination *one = a, *other = b;
  const int order = compare_leaves(one->leaves, other->leaves);
  return order != 0 ? order : one->number - other->number;
}

/** The leaves of combination number @p c: of it and its complex conjugate, whose product has the same real part as the
 *  sum of m is 0, those that come first. */
static combination find_leaves(const builder *b, size_t f, int c) {
  const lml_ace_function *function = &b->model->functions[b->element][f];
  combination found = {.number = c}, conjugate = {.number = c};
  const size_t rank = (size_t)function->rank;
  for (size_t t = 0; t < LML_ACE_MOST_RANK; t++) found.leaves[t] = conjugate.leaves[t] = -1;
  for (size_t t = 0; t < rank; t++) {
    const lml_ace_block *block = &b->to->blocks[b->to->blocks_of[f * LML_ACE_MOST_RANK + t]];
    const int m = function->ms[(size_t)c * rank + t];
    found.leaves[t] = block->leaf + block->l + m;
    conjugate.leaves[t] = block->leaf + block->l - m;
  }
  qsort(found.leaves, rank, sizeof(int), by_number);
  qsort(conjugate.leaves, rank, sizeof(int), by_number);
  return compare_leaves(conjugate.leaves, found.leaves) < 0 ? conjugate : found;
}

static lml_status add_term(builder *b, int rank, const int *leaves, lml_error *error) {
  lml_ace_element_plan *to = b->to;
  const size_t count = (size_t)to->nterms + 1, legs = (size_t)to->nterms * LML_ACE_MOST_RANK;
  lml_status status = lml_grow(&to->terms, &b->term_capacity, count, sizeof *to->terms, what, error);
  if (status == LML_OK)
    status = lml_grow(&to->weights, &b->weight_capacity, count * (size_t)to->ndensities, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&to->legs, &b->leg_capacity, count * LML_ACE_MOST_RANK, sizeof(int), what, error);
  if (status != LML_OK) return status;
  for (int p = 0; p < to->ndensities; p++) to->weights[to->nterms * to->ndensities + p] = 0.0;
  memcpy(to->legs + legs, leaves, LML_ACE_MOST_RANK * sizeof *leaves);
  to->terms[to->nterms] = (lml_ace_product){leaves[0], -1};
  if (rank > 1) status = lml_ace_graph_split(&b->graph, leaves, rank, &to->terms[to->nterms], error);
  if (status == LML_OK) to->nterms++;
  return status;
}

/** The terms of one function: combinations that are the same product are one. */
static lml_status make_terms_of(builder *b, size_t f, lml_error *error) {
  const lml_ace_function *function = &b->model->functions[b->element][f];
  const size_t count = (size_t)function->ncombinations, n = (size_t)b->to->ndensities;
  combination *list;
  lml_status status = lml_alloc(&list, count, sizeof *list, what, error);
  for (size_t c = 0; c < count && status == LML_OK; c++) list[c] = find_leaves(b, f, (int)c);
  if (status == LML_OK) qsort(list, count, sizeof *list, by_leaves);
  for (size_t c = 0; c < count && status == LML_OK; c++) {
    if (c == 0 || compare_leaves(list[c].leaves, list[c - 1].leaves) != 0)
      status = add_term(b, function->rank, list[c].leaves, error);
    for (size_t p = 0; p < n && status == LML_OK; p++)
      b->to->weights[(size_t)(b->to->nterms - 1) * n + p] += function->shape[(size_t)list[c].number * n + p];
  }
  lml_free(list);
  return status;
}

static lml_status make_terms(builder *b, lml_error *error) {
  lml_status status = LML_OK;
  b->graph.nleaves = b->to->nleaves;
  for (size_t f = 0; f < (size_t)b->to->nfunctions && status == LML_OK; f++) {
    b->to->first_term[f] = b->to->nterms;
    status = make_terms_of(b, f, error);
  }
  b->to->first_term[b->to->nfunctions] = b->to->nterms;
  b->to->products = b->graph.products;
  b->to->nproducts = b->graph.nproducts;
  b->graph.products = NULL;
  return status;
}

static lml_status make_element(const lml_ace_model *model, lml_ace_plan *plan, size_t element, lml_error *error) {
  builder b = {.model = model, .plan = plan, .element = element, .to = &plan->elements[element]};
  b.to->ndensities = model->embeddings[element].ndensities;
  lml_status status = make_blocks(&b, error);
  if (status == LML_OK) status = make_terms(&b, error);
  lml_free(b.keys);
  lml_ace_graph_free(&b.graph);
  const int nodes = b.to->nleaves + b.to->nproducts;
  if (nodes > plan->most_nodes) plan->most_nodes = nodes;
  if (b.to->nblocks > plan->most_blocks) plan->most_blocks = b.to->nblocks;
  return status;
}

lml_status lml_ace_plan_make(const lml_ace_model *model, lml_ace_plan *plan, lml_error *error) {
  *plan = (lml_ace_plan){
      .nelements = (int)model->nelements, .lmax = find_lmax(model), .radial = model->radial, .inner = model->inner};
  set_norms(plan);
  lml_status status = lml_alloc(&plan->elements, model->nelements, sizeof *plan->elements, what, error);
  if (status == LML_OK) status = lay_out_moments(model, plan, error);
  set_bessel(plan);
  for (size_t e = 0; e < model->nelements && status == LML_OK; e++) status = make_element(model, plan, e, error);
  return status;
}
