/** @file forces.h
 *  Stage three of the kernel: from Y back to the moments, and from there to the gradient for each neighbour.
 */
#ifndef LML_BISPECTRUM_KERNEL_FORCES_H
#define LML_BISPECTRUM_KERNEL_FORCES_H

#include "potential/bispectrum/kernel.h"
#include "potential/bispectrum/kernel/density.h"
#include "potential/bispectrum/kernel/products.h"
#include "potential/simd/vector.h"

/** Add one coupled j's Y, weighted, to the adjoint of the complex moments of powers up to its own; returns
 * Re(conj(Y)·U).
 */
ALWAYS_INLINE vec pull_back(const vec *y, int y_index, double y_re, double y_im, const vec *u, int u_index,
                            const double *c, int n, vec (*adjoint)[2]) {
  const vec re = y_re * y[2 * y_index], im = y_im * y[2 * y_index + 1];
  for (int k = 0; k <= n; k++) {
    adjoint[k][0] += c[k] * re;
    adjoint[k][1] += c[k] * im;
  }
  return re * u[2 * u_index] + im * u[2 * u_index + 1];
}

/** Y of one element → ∂E/∂moment; returns Re Σ conj(Y)·U over all of U. */
static vec y_to_moments(const lml_bispectrum_plan *plan, const vec *y, const vec *u, vec *moments) {
  vec product = splat(0.0);
  for (size_t i = 0; i < plan->nmodes; i++) {
    const lml_mode *mode = &plan->modes[i];
    vec plus[LML_SNAP_TWOJMAX_LIMIT / 2 + 1][2], minus[LML_SNAP_TWOJMAX_LIMIT / 2 + 1][2];
    for (int k = 0; k < mode->ncoupled; k++) plus[k][0] = plus[k][1] = minus[k][0] = minus[k][1] = splat(0.0);
    for (int n = 0; n < mode->ncoupled; n++) {
      const lml_coupled_j *coupled = &plan->coupled_js[mode->coupled + n];
      const double *c = plan->polynomials + coupled->polynomial;
      product += pull_back(y, coupled->y_plus, coupled->y_plus_re, coupled->y_plus_im, u, coupled->u_plus, c, n, plus);
      if (coupled->u_minus >= 0)
        product += pull_back(y, coupled->y_minus, coupled->y_minus_re, coupled->y_minus_im, u, coupled->u_minus,
                             c + n + 1, n, minus);
    }
    vec *m = moments + mode->moment;
    for (int k = 0; k < mode->ncoupled; k++, m += mode->ncomponents) {
      m[0] = plus[k][0] + minus[k][0];
      if (mode->ncomponents == 2) m[1] = plus[k][1];
      if (mode->ncomponents < 4) continue;
      m[1] = minus[k][0] - plus[k][0];
      m[2] = plus[k][1] - minus[k][1];
      m[3] = plus[k][1] + minus[k][1];
    }
  }
  return product;
}

static void all_y_to_moments(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace) {
  vec product = splat(0.0);
  for (int e = 0; e < plan->nlabel_elements; e++)
    product += y_to_moments(plan, as_vec(workspace->y) + 2 * plan->ny * e, as_vec(workspace->u) + 2 * plan->nu * e,
                            as_vec_mutable(workspace->moments) + plan->nmoments * e);
  *as_vec_mutable(workspace->energy) = product / 3.0;
}

static void adjoint(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace) {
  couple_all(plan, workspace);
  all_y_to_moments(plan, workspace);
}

/* Two products are added to a sum in turn, a = a + b c + d e: that is two fused multiply-adds, which a += b c + d e is
 * not. */

/** Sums over q of one s: the coefficient of Re and Im of a*^s, and its derivatives by Re b, Im b and x. */
typedef struct {
  vec re, im, re_br, im_br, re_bi, im_bi, re_x, im_x;
} row;

/** Value and derivative of Σ m[stride·k] x^k for k ≤ top. */
ALWAYS_INLINE void horner(const vec *m, int stride, int top, vec x, vec *value, vec *slope) {
  vec p = m[stride * top], d = splat(0.0);
  for (int k = top - 1; k >= 0; k--) {
    d = d * x + p;
    p = p * x + m[stride * k];
  }
  *value = p;
  *slope = d;
}

ALWAYS_INLINE const vec *sum_row(int J, int s, const powers *p, const vec *m, row *r) {
  const vec zero = splat(0.0), x = p->x[1 <= J / 2 ? 1 : 0];
  *r = (row){zero, zero, zero, zero, zero, zero, zero, zero};
  for (int q = 0; s + q <= J; q++) {
    const int top = (J - s - q) / 2;
    const int ncomponents = (s > 0 ? 2 : 1) * (q > 0 ? 2 : 1);
    vec y[4], d[4];
    for (int c = 0; c < ncomponents; c++) horner(m + c, ncomponents, top, x, &y[c], &d[c]);
    m += ncomponents * (top + 1);
    if (q == 0) {
      r->re = y[0];
      r->re_x = d[0];
      if (s > 0) {
        r->im = y[1];
        r->im_x = d[1];
      }
      continue;
    }
    const vec u = p->u[q], v = p->v[q], du = (double)q * p->u[q - 1], dv = (double)q * p->v[q - 1];
    /* of Re a*^s: Re b^q and Im b^q have these coefficients */
    const vec ru = y[0], rv = s > 0 ? y[2] : y[1];
    r->re = r->re + ru * u + rv * v;
    r->re_br = r->re_br + ru * du + rv * dv;
    r->re_bi = r->re_bi + rv * du - ru * dv;
    r->re_x = r->re_x + d[0] * u + (s > 0 ? d[2] : d[1]) * v;
    if (s == 0) continue;
    /* of Im a*^s */
    r->im = r->im + y[1] * v + y[3] * u;
    r->im_br = r->im_br + y[1] * dv + y[3] * du;
    r->im_bi = r->im_bi + y[1] * du - y[3] * dv;
    r->im_x = r->im_x + d[1] * v + d[3] * u;
  }
  return m;
}

/** dE/dr of one neighbour, from ∂E/∂moment of its element. */
ALWAYS_INLINE void neighbour_gradient(int J, const neighbour *n, const vec *m, vec gradient[3]) {
  powers p;
  make_powers(J, n, &p);
  const vec ar = n->cosine, ai = -n->nz * n->sine, br = n->ny * n->sine, bi = -n->nx * n->sine;
  vec re = splat(1.0), im = splat(0.0);           /* a*^s */
  vec last_re = splat(0.0), last_im = splat(0.0); /* s a*^(s−1) */
  vec f = splat(0.0), f_ar = f, f_ai = f, f_br = f, f_bi = f, f_x = f;
  for (int s = 0; s <= J; s++) {
    row r;
    m = sum_row(J, s, &p, m, &r);
    f = f + re * r.re + im * r.im;
    f_br = f_br + re * r.re_br + im * r.im_br;
    f_bi = f_bi + re * r.re_bi + im * r.im_bi;
    f_x = f_x + re * r.re_x + im * r.im_x;
    f_ar = f_ar + last_re * r.re + last_im * r.im;
    f_ai = f_ai + last_im * r.re - last_re * r.im;
    last_re = (s + 1.0) * re;
    last_im = (s + 1.0) * im;
    times_conjugate_a(n, &re, &im);
  }
  /* x = |a|² − |b|² */
  f_ar += 2.0 * ar * f_x;
  f_ai += 2.0 * ai * f_x;
  f_br -= 2.0 * br * f_x;
  f_bi -= 2.0 * bi * f_x;
  /* a = cos − i nz sin, b = (ny − i nx) sin: along the radius, and across it */
  const vec along = n->ny * f_br - n->nx * f_bi - n->nz * f_ai;
  const vec radial = n->angle_slope * (n->cosine * along - n->sine * f_ar);
  const vec across = n->weight * n->sine * n->inverse_r;
  const vec outward = n->weight * radial + n->weight_slope * f - across * along;
  gradient[0] = outward * n->nx - across * f_bi;
  gradient[1] = outward * n->ny + across * f_br;
  gradient[2] = outward * n->nz - across * f_ai;
}

static void forces(const lml_bispectrum_plan *plan, const lml_bispectrum_batch *batch,
                   const lml_bispectrum_workspace *workspace, double *gradient) {
  const neighbour *geometry = (const neighbour *)(const void *)workspace->geometry;
  vec *g = as_vec_mutable(gradient);
  for (int e = 0; e < plan->nlabel_elements; e++) {
    const vec *m = as_vec(workspace->moments) + plan->nmoments * e;
    for (int slot = batch->group[e]; slot < batch->group[e + 1]; slot++) switch (plan->twojmax) {
        case 6:
          neighbour_gradient(6, geometry + slot, m, g + 3 * slot);
          break;
        case 8:
          neighbour_gradient(8, geometry + slot, m, g + 3 * slot);
          break;
        default:
          neighbour_gradient(plan->twojmax, geometry + slot, m, g + 3 * slot);
      }
  }
}

#endif
