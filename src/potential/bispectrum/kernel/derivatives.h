/** @file derivatives.h
 *  The derivatives of U by the neighbours' positions, for a tile of neighbours: a matrix for the gradients' products.
 */
#ifndef LML_BISPECTRUM_KERNEL_DERIVATIVES_H
#define LML_BISPECTRUM_KERNEL_DERIVATIVES_H

#include "potential/bispectrum/kernel.h"
#include "potential/bispectrum/kernel/density.h"
#include "potential/bispectrum/kernel/products.h"
#include "potential/simd/vector.h"

/** Columns of neighbours that a tile has, and columns of its matrix: three for each. */
enum { TILE_SLOTS = 2, TILE_COLUMNS = 3 * TILE_SLOTS };

/** A complex number and its gradient by the neighbour's position. */
typedef struct {
  vec re, im, d_re[3], d_im[3];
} dual;

ALWAYS_INLINE dual multiply_duals(const dual *a, const dual *b) {
  dual c;
  c.re = a->re * b->re - a->im * b->im;
  c.im = a->re * b->im + a->im * b->re;
  for (int d = 0; d < 3; d++) {
    c.d_re[d] = a->d_re[d] * b->re - a->d_im[d] * b->im + a->re * b->d_re[d] - a->im * b->d_im[d];
    c.d_im[d] = a->d_re[d] * b->im + a->d_im[d] * b->re + a->re * b->d_im[d] + a->im * b->d_re[d];
  }
  return c;
}

/** a* and b of one neighbour: cos + i nz sin, (ny − i nx) sin. */
ALWAYS_INLINE void make_duals(const neighbour *n, dual *a, dual *b) {
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

/** What the derivatives of one neighbour's U are made of. */
typedef struct {
  dual a, of_a;                          /**< a*, and weight · a*^s */
  dual of_b[LML_SNAP_TWOJMAX_LIMIT + 1]; /**< b^q */
  vec x, d_x[3];                         /**< x = 1 − 2|b|² */
} factors;

/** A function of the distance alone. */
ALWAYS_INLINE dual radial(const neighbour *n, vec value, vec slope) {
  const vec zero = splat(0.0);
  return (dual){value, zero, {slope * n->nx, slope * n->ny, slope * n->nz}, {zero, zero, zero}};
}

static void make_factors(int J, const neighbour *n, factors *f) {
  dual b;
  make_duals(n, &f->a, &b);
  f->x = 1.0 - 2.0 * (b.re * b.re + b.im * b.im);
  for (int d = 0; d < 3; d++) f->d_x[d] = -4.0 * (b.re * b.d_re[d] + b.im * b.d_im[d]);
  f->of_a = radial(n, n->weight, n->weight_slope);
  f->of_b[0] = radial(n, splat(1.0), splat(0.0));
  for (int q = 1; q <= J; q++) f->of_b[q] = multiply_duals(&f->of_b[q - 1], &b);
}

/** A mode's polynomials, plus and minus, of each coupled j: their values, and their derivatives in x; the first coupled
 * j's are constant. */
typedef struct {
  vec value[2][LEVELS_LIMIT], slope[2][LEVELS_LIMIT];
} polynomials;

ALWAYS_INLINE void make_polynomials(int nsigns, int ncoupled, const double *c, vec x, polynomials *p) {
  for (int n = 0; n < ncoupled; n++, c += 2 * n)
    for (int sign = 0; sign < nsigns; sign++) {
      const double *of_sign = c + sign * (n + 1);
      vec value = splat(of_sign[n]), slope = value;
      if (n > 0) value = value * x + of_sign[n - 1];
      for (int k = n - 2; k >= 0; k--) {
        slope = slope * x + value;
        value = value * x + of_sign[k];
      }
      p->value[sign][n] = value;
      p->slope[sign][n] = slope;
    }
}

/** Whether a neighbour is the first of its column. */
typedef enum { FIRST, FURTHER } turn;

ALWAYS_INLINE void put(turn which, vec *to, vec value) {
  if (which == FURTHER) value += *to;
  *to = value;
}

/** One direction of the derivatives of a mode: @p value and @p slope of its components, times the polynomials. */
ALWAYS_INLINE void put_direction(turn which, int ncomponents, int ncoupled, const vec *value, const vec *slope, vec d_x,
                                 const polynomials *p, vec *const *to, int column) {
  for (int c = 0; c < ncomponents; c++) {
    const int place = TILE_COLUMNS * c + column;
    put(which, &to[0][place], slope[c] * p->value[c / 2][0]);
    if (ncoupled == 1) continue;
    const vec of_x = value[c] * d_x;
    for (int l = 1; l < ncoupled; l++)
      put(which, &to[l][place], slope[c] * p->value[c / 2][l] + of_x * p->slope[c / 2][l]);
  }
}

/** One neighbour's derivatives of a mode: of a*^s b^q, and where there are four components of a*^s b*^q too. @p b is
 *  NULL where it is 1. */
ALWAYS_INLINE void put_functions(turn which, int ncomponents, int ncoupled, const dual *a, const dual *b,
                                 const vec d_x[3], const polynomials *p, vec *const *to, int column) {
  if (ncomponents < 4) {
    const dual product = b == NULL ? *a : multiply_duals(a, b);
    const vec value[2] = {product.re, product.im};
    for (int d = 0; d < 3; d++) {
      const vec slope[2] = {product.d_re[d], product.d_im[d]};
      put_direction(which, ncomponents, ncoupled, value, slope, d_x[d], p, to, column + d);
    }
    return;
  }
  const vec rr = a->re * b->re, ii = a->im * b->im, ri = a->re * b->im, ir = a->im * b->re;
  const vec value[4] = {rr - ii, ri + ir, rr + ii, ir - ri};
  for (int d = 0; d < 3; d++) {
    const vec d_rr = a->d_re[d] * b->re + a->re * b->d_re[d], d_ii = a->d_im[d] * b->im + a->im * b->d_im[d];
    const vec d_ri = a->d_re[d] * b->im + a->re * b->d_im[d], d_ir = a->d_im[d] * b->re + a->im * b->d_re[d];
    const vec slope[4] = {d_rr - d_ii, d_ri + d_ir, d_rr + d_ii, d_ir - d_ri};
    put_direction(which, 4, ncoupled, value, slope, d_x[d], p, to, column + d);
  }
}

/** One mode of a tile of neighbours. */
ALWAYS_INLINE void put_mode(turn which, int ncomponents, int ncoupled, const lml_bispectrum_plan *plan,
                            const lml_mode *mode, const factors *f, vec *matrix) {
  vec *to[LEVELS_LIMIT];
  for (int l = 0; l < ncoupled; l++)
    to[l] = matrix + TILE_COLUMNS * (size_t)plan->by_term.coupled_reals[mode->coupled + l];
  const double *c = plan->polynomials + plan->coupled_js[mode->coupled].polynomial;
  for (int k = 0; k < TILE_SLOTS; k++, f++) {
    polynomials p;
    make_polynomials(ncomponents == 4 ? 2 : 1, ncoupled, c, f->x, &p);
    put_functions(which, ncomponents, ncoupled, &f->of_a, mode->q == 0 ? NULL : &f->of_b[mode->q], f->d_x, &p, to,
                  3 * k);
  }
}

/** The same, with the number of coupled j known to the compiler. */
ALWAYS_INLINE void put_coupled(turn which, int ncomponents, const lml_bispectrum_plan *plan, const lml_mode *mode,
                               const factors *f, vec *matrix) {
  switch (mode->ncoupled) {
    case 1:
      put_mode(which, ncomponents, 1, plan, mode, f, matrix);
      break;
    case 2:
      put_mode(which, ncomponents, 2, plan, mode, f, matrix);
      break;
    case 3:
      put_mode(which, ncomponents, 3, plan, mode, f, matrix);
      break;
    case 4:
      put_mode(which, ncomponents, 4, plan, mode, f, matrix);
      break;
    default:
      put_mode(which, ncomponents, mode->ncoupled, plan, mode, f, matrix);
  }
}

/** ∂U/∂r of one neighbour of each column of a tile: a matrix of nmoments rows and TILE_COLUMNS columns. */
ALWAYS_INLINE void differentiate_neighbours(turn which, const lml_bispectrum_plan *plan, const neighbour *n, vec *to) {
  factors f[TILE_SLOTS];
  for (int k = 0; k < TILE_SLOTS; k++) make_factors(plan->twojmax, n + k, &f[k]);
  const lml_mode *mode = plan->modes;
  for (int s = 0; s <= plan->twojmax; s++) {
    for (int q = 0; s + q <= plan->twojmax; q++, mode++)
      if (mode->ncomponents == 4)
        put_coupled(which, 4, plan, mode, f, to);
      else if (mode->ncomponents == 2)
        put_coupled(which, 2, plan, mode, f, to);
      else
        put_mode(which, 1, mode->ncoupled, plan, mode, f, to);
    for (int k = 0; k < TILE_SLOTS; k++) f[k].of_a = multiply_duals(&f[k].of_a, &f[k].a);
  }
}

static void differentiate_first(const lml_bispectrum_plan *plan, const neighbour *n, vec *to) {
  differentiate_neighbours(FIRST, plan, n, to);
}

static void differentiate_further(const lml_bispectrum_plan *plan, const neighbour *n, vec *to) {
  differentiate_neighbours(FURTHER, plan, n, to);
}

/** The sums of them over all neighbours of a tile, which stand in the slots from @p slots[0] to before @p slots[1]. */
static void differentiate(const lml_bispectrum_plan *plan, const neighbour *geometry, const int slots[2], vec *to) {
  differentiate_first(plan, geometry + slots[0], to);
  for (int slot = slots[0] + TILE_SLOTS; slot < slots[1]; slot += TILE_SLOTS)
    differentiate_further(plan, geometry + slot, to);
}

#endif
