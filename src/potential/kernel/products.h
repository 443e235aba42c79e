/** @file products.h
 *  Stage two of the kernel: Clebsch–Gordan products of U, giving the terms t(x, y, z) or their gradient Y.
 *
 *  For a block (x, y) and a column pair, the products P = U_x[ma1][mb1] U_y[ma2][mb2] along one antidiagonal are formed
 *  once and serve all j that the block couples to: W_j = Σ cg P, then Y_j[ma][mb] += cg' W_j.
 */
#ifndef LML_POTENTIAL_KERNEL_PRODUCTS_H
#define LML_POTENTIAL_KERNEL_PRODUCTS_H

#include "potential/bispectrum_kernel.h"
#include "potential/kernel/vector.h"

/** One antidiagonal of one block, ready to be walked along by the column pairs. */
typedef struct {
  const lml_bispectrum_plan *plan;
  const lml_coupling_block *block;
  const lml_antidiagonal *antidiagonal;
  const vec *u;
  int first_level, end_level;
} walk;

/** P along the antidiagonal for one column pair; n complex numbers, real parts first. */
ALWAYS_INLINE void products(int n, const walk *w, const lml_column_pair *pair, vec *re, vec *im) {
  const lml_coupling_block *b = w->block;
  const vec *u1 = w->u + 2 * (b->u1 + pair->mb1 * (b->j1 + 1) + w->antidiagonal->first1);
  const vec *u2 = w->u + 2 * (b->u2 + pair->mb2 * (b->j2 + 1) + w->antidiagonal->first2);
  for (int k = 0; k < n; k++, u1 += 2, u2 -= 2) {
    re[k] = u1[0] * u2[0] - u1[1] * u2[1];
    im[k] = u1[0] * u2[1] + u1[1] * u2[0];
  }
}

ALWAYS_INLINE void contract(int n, const double *cg, const vec *re, const vec *im, vec w[2]) {
  w[0] = cg[0] * re[0];
  w[1] = cg[0] * im[0];
  for (int k = 1; k < n; k++) {
    w[0] += cg[k] * re[k];
    w[1] += cg[k] * im[k];
  }
}

/** Add the antidiagonal to Y; `factors` holds a vector for each column pair, level of the block and element. */
ALWAYS_INLINE void add_to_y(int n, const walk *w, const vec *factors, vec *y) {
  const lml_bispectrum_plan *plan = w->plan;
  const int elements = plan->nlabel_elements;
  vec re[LML_SNAP_TWOJMAX_LIMIT + 1], im[LML_SNAP_TWOJMAX_LIMIT + 1];
  const lml_column_pair *pair = plan->column_pairs + w->block->column_pair;
  for (int i = 0; i < w->block->ncolumn_pairs; i++, pair++, factors += w->block->nlevels * elements) {
    const int end = pair->nlevels < w->end_level ? pair->nlevels : w->end_level;
    if (end <= w->first_level) continue;
    products(n, w, pair, re, im);
    for (int l = w->first_level; l < end; l++) {
      const lml_coupling_level *level = &plan->levels[w->block->level + l];
      vec sum[2];
      contract(n, plan->cg + w->antidiagonal->cg + l * n, re, im, sum);
      const int place = (pair->m2 + level->j) / 2 * (level->j + 1) + (w->antidiagonal->m2 + level->j) / 2;
      for (int e = 0; e < elements; e++) {
        vec *to = y + 2 * (plan->targets[level->target + e].y + place);
        to[0] += factors[l * elements + e] * sum[0];
        to[1] += factors[l * elements + e] * sum[1];
      }
    }
  }
}

/** Add the antidiagonal to the terms that are evaluated from this block. */
ALWAYS_INLINE void add_to_terms(int n, const walk *w, vec *terms) {
  const lml_bispectrum_plan *plan = w->plan;
  vec re[LML_SNAP_TWOJMAX_LIMIT + 1], im[LML_SNAP_TWOJMAX_LIMIT + 1];
  const lml_column_pair *pair = plan->column_pairs + w->block->column_pair;
  for (int i = 0; i < w->block->ncolumn_pairs; i++, pair++) {
    const int end = pair->nlevels < w->end_level ? pair->nlevels : w->end_level;
    if (end <= w->first_level) continue;
    products(n, w, pair, re, im);
    for (int l = w->first_level; l < end; l++) {
      const lml_coupling_level *level = &plan->levels[w->block->level + l];
      vec sum[2];
      contract(n, plan->cg + w->antidiagonal->cg + l * n, re, im, sum);
      const int place = (pair->m2 + level->j) / 2 * (level->j + 1) + (w->antidiagonal->m2 + level->j) / 2;
      const double half = pair->m2 == 0 ? 1.0 : 2.0; /* the columns beyond the middle hold the conjugates */
      const double cg = half * plan->cg[pair->cg + l];
      for (int e = 0; e < plan->nlabel_elements; e++) {
        const lml_coupling_target *target = &plan->targets[level->target + e];
        const vec *u = w->u + 2 * (target->u + place);
        terms[target->term] += cg * target->value * (u[0] * sum[0] + u[1] * sum[1]);
      }
    }
  }
}

static void walk_to_y(const walk *w, const vec *factors, vec *y) {
  switch (w->antidiagonal->n) {
    case 1:
      add_to_y(1, w, factors, y);
      break;
    case 2:
      add_to_y(2, w, factors, y);
      break;
    case 3:
      add_to_y(3, w, factors, y);
      break;
    case 4:
      add_to_y(4, w, factors, y);
      break;
    case 5:
      add_to_y(5, w, factors, y);
      break;
    case 6:
      add_to_y(6, w, factors, y);
      break;
    case 7:
      add_to_y(7, w, factors, y);
      break;
    case 8:
      add_to_y(8, w, factors, y);
      break;
    case 9:
      add_to_y(9, w, factors, y);
      break;
    default:
      add_to_y(w->antidiagonal->n, w, factors, y);
  }
}

static void walk_to_terms(const walk *w, vec *terms) {
  switch (w->antidiagonal->n) {
    case 1:
      add_to_terms(1, w, terms);
      break;
    case 2:
      add_to_terms(2, w, terms);
      break;
    case 3:
      add_to_terms(3, w, terms);
      break;
    case 4:
      add_to_terms(4, w, terms);
      break;
    case 5:
      add_to_terms(5, w, terms);
      break;
    case 6:
      add_to_terms(6, w, terms);
      break;
    case 7:
      add_to_terms(7, w, terms);
      break;
    case 8:
      add_to_terms(8, w, terms);
      break;
    case 9:
      add_to_terms(9, w, terms);
      break;
    default:
      add_to_terms(w->antidiagonal->n, w, terms);
  }
}

/** Add levels first_level … end_level − 1 of a block to Y. */
static void couple_block(const lml_bispectrum_plan *plan, const lml_coupling_block *block, int first_level,
                         int end_level, const vec *u, const vec *factors, vec *y) {
  walk w = {.plan = plan, .block = block, .u = u, .first_level = first_level};
  for (int a = 0; a < block->nantidiagonals; a++) {
    w.antidiagonal = &plan->antidiagonals[block->antidiagonal + a];
    w.end_level = w.antidiagonal->nlevels < end_level ? w.antidiagonal->nlevels : end_level;
    if (w.end_level > first_level) walk_to_y(&w, factors, y);
  }
}

static void terms(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace) {
  vec *values = as_vec_mutable(workspace->terms);
  memset(values, 0, (size_t)plan->nterms * sizeof(vec));
  for (size_t i = 0; i < plan->nblocks; i++) {
    const lml_coupling_block *block = &plan->blocks[i];
    walk w = {.plan = plan, .block = block, .u = as_vec(workspace->u)};
    for (int a = 0; a < block->nantidiagonals; a++) {
      w.antidiagonal = &plan->antidiagonals[block->antidiagonal + a];
      w.end_level = w.antidiagonal->nlevels < block->nvalue_levels ? w.antidiagonal->nlevels : block->nvalue_levels;
      if (w.end_level > 0) walk_to_terms(&w, values);
    }
  }
}

/** One model's effective Θ: β = Θ + A B, and E = Θ₀ + ½ (Θ + β)·B. */
static void quadratic(const lml_bispectrum_plan *plan, const lml_bispectrum_quadratic *model, const double *mask,
                      lml_bispectrum_workspace *workspace) {
  enum { ROWS = 8 };
  const int n = plan->ncomponents;
  vec *b = as_vec_mutable(workspace->components), *beta = b + n;
  for (int c = 0; c < n; c++)
    b[c] = plan->components[c].scale * as_vec(workspace->terms)[plan->components[c].term] - model->shift[c];
  vec energy = splat(0.0);
  for (int first = 0; first < n; first += ROWS) {
    const int rows = n - first < ROWS ? n - first : ROWS;
    vec sum[ROWS];
    for (int r = 0; r < ROWS; r++) sum[r] = splat(r < rows ? model->linear[first + r] : 0.0);
    if (rows == ROWS)
      for (int d = 0; d < n; d++)
        for (int r = 0; r < ROWS; r++) sum[r] += model->matrix[d * n + first + r] * b[d];
    else
      for (int d = 0; d < n; d++)
        for (int r = 0; r < rows; r++) sum[r] += model->matrix[d * n + first + r] * b[d];
    for (int r = 0; r < rows; r++) {
      beta[first + r] = sum[r];
      energy += b[first + r] * (sum[r] + model->linear[first + r]);
    }
  }
  const ivec here = *as_vec(mask) != splat(0.0);
  vec *weights = as_vec_mutable(workspace->weights);
  for (int t = 0; t < plan->nterms; t++) weights[t] = choose(here, splat(0.0), weights[t]);
  for (int c = 0; c < n; c++) {
    vec *weight = &weights[plan->components[c].term];
    *weight = choose(here, *weight + plan->components[c].scale * beta[c], *weight);
  }
  vec *total = as_vec_mutable(workspace->energy);
  *total = choose(here, model->constant + 0.5 * energy, *total);
}

#endif
