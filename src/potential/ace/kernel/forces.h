/** @file forces.h
 *  From the adjoints of moments to the gradient by each neighbour, in one pass over them.
 *
 *  ∇(g R_lm(r̂)) = g′ R_lm r̂ + g/r (∇R_lm(r̂) − l R_lm r̂), where R_lm is a solid harmonic, homogeneous of degree l:
 *  ∂_z R_lm = R_l−1,m, (∂_x − i∂_y) R_lm = R_l−1,m−1, (∂_x + i∂_y) R_lm = −R_l−1,m+1.
 */
#ifndef LML_ACE_KERNEL_FORCES_H
#define LML_ACE_KERNEL_FORCES_H

#include "potential/ace/kernel/density.h"

/** Σ over m of weights · ∇R_lm for one l ≥ 1 is added to @p to (3); @p w is in the order of R_lm, and @p below are the
 *  harmonics of l − 1. */
ALWAYS_INLINE void add_turn(int l, const vec *w, const vec *below, vec *to) {
  to[2] += w[0] * below[0];
  if (l > 1) { /* m = 0: R_l−1,−1 is −conj R_l−1,1 */
    to[0] -= w[0] * below[1];
    to[1] -= w[0] * below[2];
  }
  for (int m = 1; m <= l; m++) {
    const vec zero = splat(0.0), real = w[2 * m - 1], imaginary = w[2 * m];
    const vec low_real = below[m == 1 ? 0 : 2 * m - 3], low_imaginary = m == 1 ? zero : below[2 * m - 2];
    vec x_real = low_real, x_imaginary = low_imaginary, y_real = -low_imaginary, y_imaginary = low_real;
    if (m < l) {
      to[2] += real * below[2 * m - 1] + imaginary * below[2 * m];
    }
    if (m + 1 < l) {
      x_real -= below[2 * m + 1];
      x_imaginary -= below[2 * m + 2];
      y_real -= below[2 * m + 2];
      y_imaginary += below[2 * m + 1];
    }
    to[0] += 0.5 * (real * x_real + imaginary * x_imaginary);
    to[1] += 0.5 * (real * y_real + imaginary * y_imaginary);
  }
}

/** What the moments of one l contribute: Σₖ gₖ w of each component, and Σ gₖ w R_lm and Σ gₖ′ w R_lm. */
ALWAYS_INLINE void contract(int width, int nbase, geometry from, const vec *w, const vec *y, vec *sums, vec *totals) {
  vec slopes[2 * LML_ACE_MOST_L + 1];
  for (int c = 0; c < width; c++) sums[c] = slopes[c] = splat(0.0);
  for (int k = 0; k < nbase; k++, w += width) {
    const vec g = in_register(from.g[k]), slope = in_register(from.slopes[k]);
    for (int c = 0; c < width; c++) {
      const vec weight = in_register(w[c]);
      sums[c] += g * weight;
      slopes[c] += slope * weight;
    }
  }
  totals[0] = totals[1] = splat(0.0);
  for (int c = 0; c < width; c++) {
    totals[0] += sums[c] * y[c];
    totals[1] += slopes[c] * y[c];
  }
}

ALWAYS_INLINE void force_of_slot(const lml_ace_plan *plan, int element, geometry from, const vec *moments, vec *to) {
  const int nl = plan->lmax + 1;
  vec along = splat(0.0), turn[3] = {splat(0.0), splat(0.0), splat(0.0)};
  for (int l = 0; l < nl; l++) {
    const int nbase = plan->nbase[element * nl + l];
    const vec *w = moments + plan->moments[element * nl + l], *y = from.harmonics + l * l;
    vec sums[2 * LML_ACE_MOST_L + 1], totals[2];
    if (nbase == 0) continue;
    FOR_L(l, contract, nbase, from, w, y, sums, totals)
    along += totals[1] - l * from.direction[3] * totals[0];
    if (l > 0) add_turn(l, sums, from.harmonics + (l - 1) * (l - 1), turn);
  }
  for (int d = 0; d < 3; d++) to[d] = along * from.direction[d] + turn[d] * from.direction[3];
}

static void forces(const lml_ace_plan *plan, const lml_ace_slots *slots, const lml_ace_workspace *workspace,
                   double *gradient) {
  const vec *moments = as_vec(workspace->moment_adjoints);
  for (int e = 0; e < plan->nelements; e++)
    for (int slot = slots->group[e]; slot < slots->group[e + 1]; slot++)
      force_of_slot(plan, e, geometry_of(plan, workspace, slot), moments, as_vec_mutable(gradient) + 3 * slot);
}

#endif
