/** @file products.h
 *  Stage two of the kernel: Clebsch–Gordan products of U, giving the terms t(x, y, z) or their gradient Y.
 *
 *  The inner loop forms a product of two U's and adds it to the sums of all coupled j of its cell, which stay in
 *  registers: 4 + 2 vector operations for each coupled j a product, no stores, and one pass over the tables from end to
 * end.
 */
#ifndef LML_BISPECTRUM_KERNEL_PRODUCTS_H
#define LML_BISPECTRUM_KERNEL_PRODUCTS_H

#include "potential/bispectrum/kernel.h"
#include "potential/simd/vector.h"

enum { LEVELS_LIMIT = LML_SNAP_TWOJMAX_LIMIT / 2 + 1 };

ALWAYS_INLINE const vec *vec_at(const void *base, int32_t offset) {
  return (const vec *)(const void *)((const char *)base + offset);
}

/** Where the real and the imaginary parts of U begin. */
typedef struct {
  const double *re, *im;
} u_parts;

/** The compiler is not to know that the parts lie side by side: it would add an offset to the one base for both loads,
 *  which cost nothing where each load adds it to its own. */
ALWAYS_INLINE u_parts parts_of(const double *u) {
  u_parts parts = {u, u + LML_LANES};
  __asm__("" : "+r"(parts.im));
  return parts;
}

/** (re, im) of one product. */
ALWAYS_INLINE void multiply(u_parts u, const lml_product *product, vec *re, vec *im) {
  const vec a_re = *vec_at(u.re, product->u1), a_im = *vec_at(u.im, product->u1);
  const vec b_re = *vec_at(u.re, product->u2), b_im = *vec_at(u.im, product->u2);
  *re = a_re * b_re - a_im * b_im;
  *im = a_re * b_im + a_im * b_re;
}

/** Add the product to the sums of all coupled j. */
ALWAYS_INLINE void add_product(int ncoupled, u_parts u, const lml_product *product, const double *cg, vec (*sums)[2]) {
  vec re, im;
  multiply(u, product, &re, &im);
  for (int l = 0; l < ncoupled; l++) {
    sums[l][0] += cg[l] * re;
    sums[l][1] += cg[l] * im;
  }
}

/** sums[coupled] = Σ cg U₁U₂ of one cell, real and imaginary part. Two sets of sums keep the chains of dependent
 * additions short where there are few coupled j. */
ALWAYS_INLINE void sum_cell(int ncoupled, u_parts u, const lml_product *products, int nproducts, const double *cg,
                            vec (*sums)[2]) {
  vec other[LEVELS_LIMIT][2];
  for (int l = 0; l < ncoupled; l++) sums[l][0] = sums[l][1] = other[l][0] = other[l][1] = splat(0.0);
  int i = 0;
  for (; i + 1 < nproducts; i += 2, cg += 2 * ncoupled) {
    add_product(ncoupled, u, &products[i], cg, sums);
    add_product(ncoupled, u, &products[i + 1], cg + ncoupled, ncoupled <= 2 ? other : sums);
  }
  if (i < nproducts) add_product(ncoupled, u, &products[i], cg, sums);
  if (ncoupled <= 2)
    for (int l = 0; l < ncoupled; l++) {
      sums[l][0] += other[l][0];
      sums[l][1] += other[l][1];
    }
}

/** The tables of cells, and what is made with them. */
typedef struct {
  const lml_cell_list *list;
  const lml_adjoint_target *targets; /**< where adjoints are packed: as many as the list's */
  vec *adjoints;
  lml_bispectrum_workspace *workspace;
} cell_walk;

ALWAYS_INLINE void pack_adjoint(const lml_adjoint_target *target, const vec sum[2], const cell_walk *w) {
  w->adjoints[target->re] = target->re_factor * sum[0];
  if (target->im >= 0) w->adjoints[target->im] = target->im_factor * sum[1];
}

ALWAYS_INLINE void add_to_term(const lml_adjoint_target *target, const vec sum[2], const cell_walk *w) {
  const vec *u = vec_at(w->workspace->u, target->u);
  as_vec_mutable(w->workspace->terms)[target->term] += target->value * (u[0] * sum[0] + u[1] * sum[1]);
}

ALWAYS_INLINE void deliver(lml_cell_purpose what, size_t number, const vec sum[2], const cell_walk *walk) {
  if (what == LML_PACK_ADJOINTS || what == LML_ADD_TO_Y_AND_PACK) pack_adjoint(&walk->targets[number], sum, walk);
  if (what == LML_PACK_ADJOINTS) {
    add_to_term(&walk->targets[number], sum, walk);
    return;
  }
  const lml_cell_target *target = &walk->list->targets[number];
  lml_bispectrum_workspace *w = walk->workspace;
  if (what == LML_EVALUATE_TERMS) {
    const vec *u = vec_at(w->u, target->place);
    as_vec_mutable(w->terms)[target->term] += target->factor * (u[0] * sum[0] + u[1] * sum[1]);
    return;
  }
  vec *y = (vec *)(void *)((char *)w->y + target->place);
  const vec factor = target->factor * as_vec(w->weights)[target->term];
  y[0] += factor * sum[0];
  y[1] += factor * sum[1];
}

ALWAYS_INLINE void walk_run(int ncoupled, int elements, lml_cell_purpose what, const cell_walk *w,
                            const lml_cell_run *run) {
  const int *nproducts = w->list->nproducts + run->cell;
  const lml_product *products = w->list->products + run->product;
  const double *cg = w->list->cg + run->cg;
  const u_parts u = parts_of(w->workspace->u);
  size_t target = run->target;
  for (size_t c = 0; c < run->ncells; c++) {
    const int n = nproducts[c];
    vec sums[LEVELS_LIMIT][2];
    sum_cell(ncoupled, u, products, n, cg, sums);
    products += n;
    cg += n * ncoupled;
    for (int l = 0; l < ncoupled; l++)
      for (int e = 0; e < elements; e++) deliver(what, target++, sums[l], w);
  }
}

/** Walk a run, with the number of coupled j known to the compiler. */
ALWAYS_INLINE void walk_sized_run(int elements, lml_cell_purpose what, const cell_walk *w, const lml_cell_run *run) {
  switch (run->ncoupled) {
    case 1:
      walk_run(1, elements, what, w, run);
      break;
    case 2:
      walk_run(2, elements, what, w, run);
      break;
    case 3:
      walk_run(3, elements, what, w, run);
      break;
    case 4:
      walk_run(4, elements, what, w, run);
      break;
    case 5:
      walk_run(5, elements, what, w, run);
      break;
    case 6:
      walk_run(6, elements, what, w, run);
      break;
    case 7:
      walk_run(7, elements, what, w, run);
      break;
    case 8:
      walk_run(8, elements, what, w, run);
      break;
    default:
      walk_run(run->ncoupled, elements, what, w, run);
  }
}

ALWAYS_INLINE void walk_runs(int elements, lml_cell_purpose what, const cell_walk *w) {
  for (const lml_cell_run *run = w->list->runs; run < w->list->runs + w->list->nruns; run++)
    walk_sized_run(elements, what, w, run);
}

/** Walk a whole list, with the usual one element known to the compiler. */
ALWAYS_INLINE void walk_list(int elements, lml_cell_purpose what, const cell_walk *w) {
  if (elements == 1)
    walk_runs(1, what, w);
  else
    walk_runs(elements, what, w);
}

/** u → terms. */
static void terms(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace) {
  const cell_walk w = {.list = &plan->values, .workspace = workspace};
  memset(workspace->terms, 0, (size_t)plan->nterms * sizeof(vec));
  walk_list(plan->nlabel_elements, LML_EVALUATE_TERMS, &w);
}

static void clear_y(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace) {
  memset(workspace->y, 0, 2 * (size_t)plan->ny * (size_t)plan->nlabel_elements * sizeof(vec));
}

/** Apart from the usual case, which is a per cent slower where both are one function. */
__attribute__((noinline)) static void couple_several(int elements, const cell_walk *w) {
  walk_runs(elements, LML_ADD_TO_Y, w);
}

/** u, weights → y. */
static void couple_all(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace) {
  const cell_walk w = {.list = &plan->couplings, .workspace = workspace};
  clear_y(plan, workspace);
  if (plan->nlabel_elements == 1)
    walk_runs(1, LML_ADD_TO_Y, &w);
  else
    couple_several(plan->nlabel_elements, &w);
}

#endif
