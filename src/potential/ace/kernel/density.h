/** @file density.h
 *  From neighbours to moments: Σⱼ gₖ(rⱼ) R_lm(r̂ⱼ).
 */
#ifndef LML_ACE_KERNEL_DENSITY_H
#define LML_ACE_KERNEL_DENSITY_H

#include "potential/ace/kernel/radial.h"

/** Parts of a slot's geometry. */
typedef struct {
  vec *direction; /**< 3, and 1/|r| */
  vec *g, *slopes;
  vec *harmonics;
} geometry;

ALWAYS_INLINE geometry geometry_of(const lml_ace_plan *plan, const lml_ace_workspace *workspace, int slot) {
  vec *begin = as_vec_mutable(workspace->geometry) + (size_t)slot * lml_ace_geometry_size(plan);
  return (geometry){begin, begin + 4, begin + 4 + plan->most_base, begin + 4 + 2 * plan->most_base};
}

/** Solid harmonics at a point at distance 1: R_mm = (x + iy)/(2m) R_m−1,m−1, and
 *  (l² − m²) R_lm = (2l − 1) z R_l−1,m − R_l−2,m. */
ALWAYS_INLINE void harmonics(int lmax, const vec *direction, vec *to) {
  const vec x = direction[0], y = direction[1], z = direction[2];
  to[0] = splat(1.0);
  for (int l = 1; l <= lmax; l++) {
    const vec *before = to + (l - 1) * (l - 1), *second = l > 1 ? to + (l - 2) * (l - 2) : to;
    vec *now = to + l * l;
    for (int c = 0; c < 2 * l - 1; c++) { /* m < l: real and imaginary parts alike */
      const int m = (c + 1) / 2;
      const double factor = 1.0 / (l * l - m * m);
      const vec rest = m < l - 1 ? second[c] : splat(0.0);
      now[c] = factor * ((2 * l - 1) * z * before[c] - rest);
    }
    const vec real = l > 1 ? before[2 * l - 3] : before[0], imaginary = l > 1 ? before[2 * l - 2] : splat(0.0);
    now[2 * l - 1] = (x * real - y * imaginary) * (0.5 / l);
    now[2 * l] = (x * imaginary + y * real) * (0.5 / l);
  }
}

ALWAYS_INLINE void find_geometry(const lml_ace_plan *plan, int element, const lml_ace_slots *slots, int slot,
                                 geometry to) {
  const vec *place = as_vec(slots->places) + slot * LML_ACE_SLOT_SIZE;
  const vec *bond = as_vec(slots->bonds) + element * LML_ACE_BOND_SIZE;
  const vec x = place[LML_ACE_SLOT_X], y = place[LML_ACE_SLOT_Y], z = place[LML_ACE_SLOT_Z];
  const vec r = square_root(x * x + y * y + z * z), inverse = 1.0 / r;
  to.direction[0] = x * inverse;
  to.direction[1] = y * inverse;
  to.direction[2] = z * inverse;
  to.direction[3] = inverse;
  splined_functions(plan, plan->nradial[element], bond, r, place[LML_ACE_SLOT_PRESENT], to.g, to.slopes);
  harmonics(plan->lmax, to.direction, to.harmonics);
}

/** Call a function for its number of 2l + 1 components, which is known to the compiler where l is small: what it sums
 * up stays in registers. */
#define FOR_L(l, call, ...)           \
  switch (l) {                        \
    case 0:                           \
      call(1, __VA_ARGS__);           \
      break;                          \
    case 1:                           \
      call(3, __VA_ARGS__);           \
      break;                          \
    case 2:                           \
      call(5, __VA_ARGS__);           \
      break;                          \
    case 3:                           \
      call(7, __VA_ARGS__);           \
      break;                          \
    case 4:                           \
      call(9, __VA_ARGS__);           \
      break;                          \
    case 5:                           \
      call(11, __VA_ARGS__);          \
      break;                          \
    case 6:                           \
      call(13, __VA_ARGS__);          \
      break;                          \
    default:                          \
      call(2 * (l) + 1, __VA_ARGS__); \
      break;                          \
  }

/** Add two slots to the moments of one l. */
ALWAYS_INLINE void add_moments_of(int width, int nbase, const vec *g, const vec *y, const vec *other_g,
                                  const vec *other_y, vec *to) {
  for (int k = 0; k < nbase; k++, to += width) {
    const vec one = in_register(g[k]), two = in_register(other_g[k]);
    for (int c = 0; c < width; c++) to[c] += one * y[c] + two * other_y[c];
  }
}

/** Add two slots of an element to its moments. */
ALWAYS_INLINE void add_moments(const lml_ace_plan *plan, int element, geometry from, geometry other, vec *moments) {
  const int nl = plan->lmax + 1;
  for (int l = 0; l < nl; l++) {
    const int nbase = plan->nbase[element * nl + l];
    vec *to = moments + plan->moments[element * nl + l];
    FOR_L(l, add_moments_of, nbase, from.g, from.harmonics + l * l, other.g, other.harmonics + l * l, to)
  }
}

/** The last of an odd number of slots. */
ALWAYS_INLINE void add_last_moments(const lml_ace_plan *plan, int element, geometry from, vec *moments) {
  const int nl = plan->lmax + 1;
  for (int l = 0; l < nl; l++) {
    const vec *y = from.harmonics + l * l;
    vec *to = moments + plan->moments[element * nl + l];
    for (int k = 0; k < plan->nbase[element * nl + l]; k++, to += 2 * l + 1)
      for (int c = 0; c < 2 * l + 1; c++) to[c] += from.g[k] * y[c];
  }
}

static void density(const lml_ace_plan *plan, const lml_ace_slots *slots, lml_ace_workspace *workspace) {
  vec *moments = as_vec_mutable(workspace->moments);
  for (int k = 0; k < plan->nmoments; k++) moments[k] = splat(0.0);
  for (int e = 0; e < plan->nelements; e++) {
    const int end = slots->group[e + 1];
    int slot = slots->group[e];
    for (int k = slot; k < end; k++) find_geometry(plan, e, slots, k, geometry_of(plan, workspace, k));
    for (; slot + 1 < end; slot += 2)
      add_moments(plan, e, geometry_of(plan, workspace, slot), geometry_of(plan, workspace, slot + 1), moments);
    if (slot < end) add_last_moments(plan, e, geometry_of(plan, workspace, slot), moments);
  }
}

#endif
