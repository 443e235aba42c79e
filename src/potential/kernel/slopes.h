/** @file slopes.h
 *  The gradient of each term by itself, for the design matrix: of each label, the adjoints of all its terms times the
 *  derivative of its U by every neighbour. That is a product of matrices in each lane, done tile by tile.
 */
#ifndef LML_POTENTIAL_KERNEL_SLOPES_H
#define LML_POTENTIAL_KERNEL_SLOPES_H

#include "potential/bispectrum_kernel.h"
#include "potential/kernel/density.h"
#include "potential/kernel/products.h"
#include "potential/kernel/vector.h"

/** Neighbours that a tile spans, three columns each, and terms: its sums fill the registers, 32 or 16. */
enum { TILE_SLOTS = 2, TILE_COLUMNS = 3 * TILE_SLOTS, TILE_TERMS = LML_LANES == 8 ? LML_TILE_TERMS : 2 };

/** u → adjoints of all terms, and terms. */
static void pack_adjoints(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace, vec *adjoints) {
  const cell_walk w = {
      .list = &plan->by_term.cells, .targets = plan->by_term.targets, .adjoints = adjoints, .workspace = workspace};
  memset(workspace->terms, 0, (size_t)plan->nterms * sizeof(vec));
  walk_list(plan->nlabel_elements, LML_PACK_ADJOINTS, &w);
}

/** A complex number and its gradient by the neighbour's position. */
typedef struct {
  vec re, im, d_re[3], d_im[3];
} gradual;

ALWAYS_INLINE gradual multiply_graduals(const gradual *a, const gradual *b) {
  gradual c;
  c.re = a->re * b->re - a->im * b->im;
  c.im = a->re * b->im + a->im * b->re;
  for (int d = 0; d < 3; d++) {
    c.d_re[d] = a->d_re[d] * b->re - a->d_im[d] * b->im + a->re * b->d_re[d] - a->im * b->d_im[d];
    c.d_im[d] = a->d_re[d] * b->im + a->d_im[d] * b->re + a->re * b->d_im[d] + a->im * b->d_re[d];
  }
  return c;
}

/** a* and b of one neighbour: cos + i nz sin, (ny − i nx) sin. */
ALWAYS_INLINE void make_graduals(const neighbour *n, gradual *a, gradual *b) {
  const vec direction[3] = {n->nx, n->ny, n->nz};
  const vec across = n->sine * n->inverse_r;
  a->re = n->cosine;
  a->im = n->nz * n->sine;
  b->re = n->ny * n->sine;
  b->im = -n->nx * n->sine;
  for (int d = 0; d < 3; d++) {
    const vec slope = n->angle_slope * direction[d];
    const vec along = n->cosine * slope - across * direction[d]; /* of n sin, as a multiple of n */
    a->d_re[d] = -n->sine * slope;
    a->d_im[d] = n->nz * along + (d == 2 ? across : splat(0.0));
    b->d_re[d] = n->ny * along + (d == 1 ? across : splat(0.0));
    b->d_im[d] = -n->nx * along - (d == 0 ? across : splat(0.0));
  }
}

/** Derivatives of f times a polynomial in x = 1 − 2|b|² of degree @p degree; @p parts is 1 where f is real. */
ALWAYS_INLINE void put_derivatives(const gradual *f, int parts, const double *c, int degree, vec x, const vec d_x[3],
                                   vec *to) {
  vec p = splat(c[degree]), slope = splat(0.0);
  for (int k = degree - 1; k >= 0; k--) {
    slope = slope * x + p;
    p = p * x + c[k];
  }
  const vec re = f->re * slope, im = f->im * slope;
  for (int d = 0; d < 3; d++) {
    to[d] = f->d_re[d] * p + re * d_x[d];
    if (parts > 1) to[TILE_COLUMNS + d] = f->d_im[d] * p + im * d_x[d];
  }
}

/** ∂U/∂r of one neighbour: three columns of the matrix @p to of nmoments rows. */
static void differentiate(const lml_bispectrum_plan *plan, const neighbour *n, vec *to) {
  gradual a, b, of_a = {.re = n->weight, .im = splat(0.0)}, of_b[LML_SNAP_TWOJMAX_LIMIT + 1] = {{.re = splat(1.0)}};
  const vec direction[3] = {n->nx, n->ny, n->nz};
  make_graduals(n, &a, &b);
  vec d_x[3];
  const vec x = 1.0 - 2.0 * (b.re * b.re + b.im * b.im);
  for (int d = 0; d < 3; d++) {
    d_x[d] = -4.0 * (b.re * b.d_re[d] + b.im * b.d_im[d]);
    of_a.d_re[d] = n->weight_slope * direction[d];
    of_a.d_im[d] = splat(0.0);
  }
  for (int q = 1; q <= plan->twojmax; q++) of_b[q] = multiply_graduals(&of_b[q - 1], &b);
  const lml_mode *mode = plan->modes;
  for (int s = 0; s <= plan->twojmax; s++) {
    for (int q = 0; s + q <= plan->twojmax; q++, mode++) {
      gradual plus = multiply_graduals(&of_a, &of_b[q]), minus;
      if (mode->ncomponents == 4) {
        gradual conjugate = of_b[q];
        conjugate.im = -conjugate.im;
        for (int d = 0; d < 3; d++) conjugate.d_im[d] = -conjugate.d_im[d];
        minus = multiply_graduals(&of_a, &conjugate);
      }
      for (int l = 0; l < mode->nlevels; l++) {
        const double *c = plan->polynomials + plan->mode_levels[mode->level + l].polynomial;
        vec *at = to + TILE_COLUMNS * plan->by_term.level_reals[mode->level + l];
        put_derivatives(&plus, mode->ncomponents, c, l, x, d_x, at);
        if (mode->ncomponents == 4) put_derivatives(&minus, 2, c + l + 1, l, x, d_x, at + 2 * TILE_COLUMNS);
      }
    }
    of_a = multiply_graduals(&of_a, &a);
  }
}

/** Add to the slopes of a tile of terms by a tile of neighbours what one label gives. */
ALWAYS_INLINE void add_tile(const vec *adjoints, const vec *derivatives, int size, const int *terms, vec *slopes,
                            size_t stride) {
  vec sums[TILE_TERMS][TILE_COLUMNS];
  for (int t = 0; t < TILE_TERMS; t++)
    for (int c = 0; c < TILE_COLUMNS; c++) sums[t][c] = splat(0.0);
  for (int m = 0; m < size; m++, adjoints += LML_TILE_TERMS, derivatives += TILE_COLUMNS)
    for (int c = 0; c < TILE_COLUMNS; c++) {
      const vec derivative = in_register(derivatives[c]);
      for (int t = 0; t < TILE_TERMS; t++) sums[t][c] += adjoints[t] * derivative;
    }
  for (int t = 0; t < TILE_TERMS && terms[t] >= 0; t++)
    for (int c = 0; c < TILE_COLUMNS; c++) slopes[(size_t)terms[t] * stride + (size_t)c] += sums[t][c];
}

static void slopes(const lml_bispectrum_plan *plan, const lml_bispectrum_batch *batch,
                   lml_bispectrum_workspace *workspace, const lml_bispectrum_slopes *room) {
  const neighbour *geometry = (const neighbour *)(const void *)workspace->geometry;
  vec *adjoints = as_vec_mutable(room->adjoints), *derivatives = as_vec_mutable(room->derivatives);
  vec *values = as_vec_mutable(room->values);
  const int J = plan->twojmax;
  pack_adjoints(plan, workspace, adjoints);
  for (int term = 0; term < plan->nterms; term++)
    memset(values + (size_t)term * room->stride, 0, 3 * (size_t)batch->group[plan->nlabel_elements] * sizeof(vec));
  for (int e = 0; e < plan->nlabel_elements; e++)
    for (int slot = batch->group[e]; slot < batch->group[e + 1]; slot += TILE_SLOTS) {
      for (int k = 0; k < TILE_SLOTS; k++) differentiate(plan, geometry + slot + k, derivatives + 3 * k);
      for (int j = 0; j <= J; j++) {
        const lml_label_terms *label = &plan->by_term.labels[e * (J + 1) + j];
        const int size = (j + 1) * (j + 1);
        const vec *of_label = derivatives + TILE_COLUMNS * lml_bispectrum_u_offset(j);
        const int *terms = plan->by_term.terms + label->first;
        for (int t = 0; t < label->count && terms[t] >= 0; t += TILE_TERMS)
          add_tile(adjoints + label->packed + t / LML_TILE_TERMS * LML_TILE_TERMS * size + t % LML_TILE_TERMS, of_label,
                   size, terms + t, values + 3 * slot, room->stride);
      }
    }
}

#endif
