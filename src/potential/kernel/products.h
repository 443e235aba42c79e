/** @file products.h
 *  Stage two of the kernel: Clebsch–Gordan products of U, giving the terms t(x, y, z) or their gradient Y.
 *
 *  The inner loop forms a product of two U's and adds it to the sums of all levels of its cell, which stay in
 *  registers: 4 + 2 · levels vector operations a product, no stores, and one pass over the tables from end to end.
 */
#ifndef LML_POTENTIAL_KERNEL_PRODUCTS_H
#define LML_POTENTIAL_KERNEL_PRODUCTS_H

#include "potential/bispectrum_kernel.h"
#include "potential/kernel/vector.h"

enum { LEVELS_LIMIT = LML_SNAP_TWOJMAX_LIMIT / 2 + 1 };

/** Z of one cell for `nlevels` levels: sums[level] = Σ cg U₁U₂, real and imaginary part. Of the cell's levels, `stride`
 * in number, the coefficients of those that are wanted stand first at @p cg. Two sets of sums keep the chains of
 *  dependent additions short where there are few levels. */
ALWAYS_INLINE void sum_cell(int nlevels, int stride, const lml_product *product, int nproducts, const double *cg,
                            const char *u1, const char *u2, vec (*sums)[2]) {
  vec other[LEVELS_LIMIT][2];
  for (int l = 0; l < nlevels; l++) sums[l][0] = sums[l][1] = other[l][0] = other[l][1] = splat(0.0);
  int i = 0;
  if (nlevels <= 2)
    for (; i + 1 < nproducts; i += 2, cg += 2 * stride) {
      const vec *a = (const vec *)(const void *)(u1 + product[i].u1),
                *b = (const vec *)(const void *)(u2 + product[i].u2);
      const vec *c = (const vec *)(const void *)(u1 + product[i + 1].u1),
                *d = (const vec *)(const void *)(u2 + product[i + 1].u2);
      const vec re = a[0] * b[0] - a[1] * b[1], im = a[0] * b[1] + a[1] * b[0];
      const vec re2 = c[0] * d[0] - c[1] * d[1], im2 = c[0] * d[1] + c[1] * d[0];
      for (int l = 0; l < nlevels; l++) {
        sums[l][0] += cg[l] * re;
        sums[l][1] += cg[l] * im;
        other[l][0] += cg[stride + l] * re2;
        other[l][1] += cg[stride + l] * im2;
      }
    }
  for (; i < nproducts; i++, cg += stride) {
    const vec *a = (const vec *)(const void *)(u1 + product[i].u1),
              *b = (const vec *)(const void *)(u2 + product[i].u2);
    const vec re = a[0] * b[0] - a[1] * b[1], im = a[0] * b[1] + a[1] * b[0];
    for (int l = 0; l < nlevels; l++) {
      sums[l][0] += cg[l] * re;
      sums[l][1] += cg[l] * im;
    }
  }
  if (nlevels <= 2)
    for (int l = 0; l < nlevels; l++) {
      sums[l][0] += other[l][0];
      sums[l][1] += other[l][1];
    }
}

/** Z of levels first … first + count − 1 of a cell. */
ALWAYS_INLINE void evaluate_cell(const lml_bispectrum_plan *plan, const lml_coupling_block *block, const lml_cell *cell,
                                 int first, int count, const vec *u, vec (*sums)[2]) {
  const char *u1 = (const char *)(u + 2 * block->u1), *u2 = (const char *)(u + 2 * block->u2);
  const lml_product *products = plan->products + cell->product;
  const double *cg = plan->cg + cell->cg + first;
  switch (count) {
    case 1:
      sum_cell(1, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
      break;
    case 2:
      sum_cell(2, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
      break;
    case 3:
      sum_cell(3, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
      break;
    case 4:
      sum_cell(4, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
      break;
    case 5:
      sum_cell(5, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
      break;
    case 6:
      sum_cell(6, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
      break;
    case 7:
      sum_cell(7, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
      break;
    case 8:
      sum_cell(8, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
      break;
    default:
      sum_cell(count, cell->nlevels, products, cell->nproducts, cg, u1, u2, sums);
  }
}

/** Add a block's Z, times factor · weight of the target's term, to Y. */
static void couple_block(const lml_bispectrum_plan *plan, const lml_coupling_block *block, const vec *u,
                         const vec *weights, vec *y) {
  const int elements = plan->nlabel_elements;
  const lml_cell *cell = plan->cells + block->cell;
  for (int i = 0; i < block->ncells; i++, cell++) {
    vec sums[LEVELS_LIMIT][2];
    evaluate_cell(plan, block, cell, 0, cell->nlevels, u, sums);
    const int *place = plan->places + cell->place;
    const lml_coupling_target *target = plan->targets + plan->levels[block->level].target;
    for (int l = 0; l < cell->nlevels; l++)
      for (int e = 0; e < elements; e++, target++) {
        vec *to = y + 2 * (target->y + place[l]);
        const vec factor = target->factor * weights[target->term];
        to[0] += factor * sums[l][0];
        to[1] += factor * sums[l][1];
      }
  }
}

/** Add the Z of one coupling, with weight 1, to Y. */
static void couple_one(const lml_bispectrum_plan *plan, const lml_coupling *coupling, const vec *u, vec *y) {
  const lml_coupling_block *block = &plan->blocks[coupling->block];
  const lml_coupling_target *target = &plan->targets[coupling->target];
  const lml_cell *cell = plan->cells + block->cell;
  for (int i = 0; i < block->ncells && cell->nlevels > coupling->level; i++, cell++) {
    vec sums[LEVELS_LIMIT][2];
    evaluate_cell(plan, block, cell, coupling->level, 1, u, sums);
    vec *to = y + 2 * (target->y + plan->places[cell->place + coupling->level]);
    to[0] += target->factor * sums[0][0];
    to[1] += target->factor * sums[0][1];
  }
}

static void terms(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace) {
  const int elements = plan->nlabel_elements;
  const vec *u = as_vec(workspace->u);
  vec *values = as_vec_mutable(workspace->terms);
  memset(values, 0, (size_t)plan->nterms * sizeof(vec));
  for (size_t b = 0; b < plan->nblocks; b++) {
    const lml_coupling_block *block = &plan->blocks[b];
    const lml_cell *cell = plan->cells + block->cell;
    for (int i = 0; i < block->ncells && block->nvalue_levels > 0; i++, cell++) {
      const int count = cell->nlevels < block->nvalue_levels ? cell->nlevels : block->nvalue_levels;
      vec sums[LEVELS_LIMIT][2];
      evaluate_cell(plan, block, cell, 0, count, u, sums);
      const int *place = plan->places + cell->place;
      const lml_coupling_target *target = plan->targets + plan->levels[block->level].target;
      const double half = cell->middle ? 1.0 : 2.0; /* the columns beyond the middle hold the conjugates */
      for (int l = 0; l < count; l++)
        for (int e = 0; e < elements; e++, target++) {
          const vec *with = u + 2 * (target->u + place[l]);
          values[target->term] += half * target->value * (with[0] * sums[l][0] + with[1] * sums[l][1]);
        }
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
