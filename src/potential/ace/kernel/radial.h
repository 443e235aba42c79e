/** @file radial.h
 *  Radial functions gₖ(r) and their slopes.
 *
 *  ChebExpCos: g₀ = f, gₖ = ½(1 − Tₖ(x)) f with x = 1 − 2 (exp(−λr/r_cut) − exp(−λ)) / (1 − exp(−λ)) and
 *  f = ½(1 + cos(πr/r_cut)), within dcut of r_cut once more switched off in that form (Drautz, Phys. Rev. B 99, 014104
 *  (2019), eq. 24 in the form of Lysogorskiy et al. 2021). ChebPow: gₖ = ½(1 − Tₖ₊₁(x)), x = 1 − 2 (1 − r/r_cut)^λ.
 *  SBessel: see set_bessel in ace_plan.c.
 *
 *  What is meant by a file are splines of these: on r_cut / deltaSplineBins equal bins, each is the cubic polynomial
 * with the function's values and slopes at both ends. Nothing is tabulated: Chebyshev's recursion in vectors, at both
 * ends, costs less than to gather from tables.
 */
#ifndef LML_ACE_KERNEL_RADIAL_H
#define LML_ACE_KERNEL_RADIAL_H

#include "potential/ace/ace_kernel.h"
#include "potential/simd/vector.h"

static const double ace_pi = 3.14159265358979323846;

/** A function at a point, and its slope there. */
typedef struct {
  vec value, slope;
} jet;

ALWAYS_INLINE jet jet_product(jet a, jet b) { return (jet){a.value * b.value, a.value * b.slope + a.slope * b.value}; }

/** ½(1 + cos(frequency × t)). */
ALWAYS_INLINE jet cosine_fall(vec t, vec frequency) {
  vec sine, cosine;
  sine_cosine(t * frequency, &sine, &cosine);
  return (jet){0.5 + 0.5 * cosine, -0.5 * frequency * sine};
}

/** What all functions are multiplied by, but for the envelope: 0 in empty places and below the begin; with
 *  inner_cutoff_type `distance` the polynomial that rises from the begin to the inner cutoff. */
ALWAYS_INLINE jet rise(const lml_ace_plan *plan, const vec *bond, vec r, vec present) {
  const vec zero = splat(0.0);
  const vec inside = choose(r > bond[LML_ACE_BOND_BEGIN], present, zero);
  if (plan->inner != LML_ACE_INNER_DISTANCE) return (jet){inside, zero};
  const vec t = 1.0 - 2.0 * (1.0 + (r - bond[LML_ACE_BOND_INNER]) * bond[LML_ACE_BOND_STEEPNESS]), square = t * t;
  const vec value = 0.5 - 3.75 * t * (0.25 - square * (1.0 / 6.0 - square / 20.0));
  const vec slope = 7.5 * bond[LML_ACE_BOND_STEEPNESS] * (0.25 - square * (0.5 - 0.25 * square));
  const ivec below = r < bond[LML_ACE_BOND_INNER];
  return (jet){inside * choose(below, value, splat(1.0)), inside * choose(below, slope, zero)};
}

/** gₖ = ½(1 − T) times the factor, for T of degree @p first and on; g₀ is the factor where @p first is 0. */
ALWAYS_INLINE void chebyshev(int count, int first, jet x, jet factor, vec *g, vec *slopes) {
  const vec twice = 2.0 * x.value;
  vec before = splat(1.0), now = x.value, before_slope = splat(0.0), now_slope = splat(1.0);
  if (first == 0) {
    g[0] = factor.value;
    slopes[0] = factor.slope;
  }
  for (int k = 1 - first; k < count; k++) {
    const vec value = 0.5 - 0.5 * now;
    g[k] = value * factor.value;
    slopes[k] = value * factor.slope - 0.5 * now_slope * x.slope * factor.value;
    const vec next = twice * now - before, next_slope = 2.0 * now + twice * now_slope - before_slope;
    before = now;
    now = next;
    before_slope = now_slope;
    now_slope = next_slope;
  }
}

ALWAYS_INLINE void cheb_exp_cos(int count, const vec *bond, vec r, jet factor, vec *g, vec *slopes) {
  const vec cutoff = bond[LML_ACE_BOND_CUTOFF], rate = bond[LML_ACE_BOND_LAMBDA] / cutoff;
  const vec scaled = bond[LML_ACE_BOND_SCALE] * exponential(-rate * r);
  const jet x = {bond[LML_ACE_BOND_SHIFT] + scaled, -rate * scaled};
  factor = jet_product(factor, cosine_fall(r, ace_pi / cutoff));
  const vec past = r - (cutoff - bond[LML_ACE_BOND_WIDTH]);
  const jet last = cosine_fall(choose(past > 0.0, past, splat(0.0)), ace_pi / bond[LML_ACE_BOND_WIDTH]);
  chebyshev(count, 0, x, jet_product(factor, last), g, slopes);
}

ALWAYS_INLINE void cheb_pow(int count, const vec *bond, vec r, jet factor, vec *g, vec *slopes) {
  const vec lambda = bond[LML_ACE_BOND_LAMBDA], y = 1.0 - r / bond[LML_ACE_BOND_CUTOFF];
  vec power; /* y^(λ − 1) */
  for (int l = 0; l < LML_LANES; l++) power[l] = lambda[l] == 2.0 ? y[l] : pow(y[l], lambda[l] - 1.0);
  const jet x = {1.0 - 2.0 * y * power, 2.0 * lambda / bond[LML_ACE_BOND_CUTOFF] * power};
  chebyshev(count, 1, x, factor, g, slopes);
}

ALWAYS_INLINE void sbessel(const lml_ace_plan *plan, int count, const vec *bond, vec r, jet factor, vec *g,
                           vec *slopes) {
  const vec angle = ace_pi * r / bond[LML_ACE_BOND_CUTOFF], inverse = 1.0 / r;
  vec sine, cosine, before_sine = splat(0.0), before_cosine = splat(1.0);
  sine_cosine(angle, &sine, &cosine);
  const vec twice = 2.0 * cosine;
  jet last = {sine / angle, (cosine - sine / angle) * inverse}, g_before = {splat(0.0), splat(0.0)};
  for (int k = 0; k < count; k++) {
    const vec next_sine = twice * sine - before_sine, next_cosine = twice * cosine - before_cosine;
    before_sine = sine;
    before_cosine = cosine;
    sine = next_sine;
    cosine = next_cosine;
    const vec value = sine / ((k + 2.0) * angle);
    const jet sinc = {value, (cosine - value) * inverse};
    const vec amplitude = plan->bessel[k][0] * bond[LML_ACE_BOND_SCALE];
    const double carry = plan->bessel[k][1];
    const jet now = {amplitude * (last.value + sinc.value) + carry * g_before.value,
                     amplitude * (last.slope + sinc.slope) + carry * g_before.slope};
    const jet whole = jet_product(now, factor);
    g[k] = whole.value;
    slopes[k] = whole.slope;
    last = sinc;
    g_before = now;
  }
}

/** The first @p count radial functions at @p r. */
ALWAYS_INLINE void radial_functions(const lml_ace_plan *plan, int count, const vec *bond, vec r, vec present, vec *g,
                                    vec *slopes) {
  const jet factor = rise(plan, bond, r, present);
  switch (plan->radial) {
    case LML_ACE_CHEB_EXP_COS:
      cheb_exp_cos(count, bond, r, factor, g, slopes);
      break;
    case LML_ACE_CHEB_POW:
      cheb_pow(count, bond, r, factor, g, slopes);
      break;
    case LML_ACE_SBESSEL:
      sbessel(plan, count, bond, r, factor, g, slopes);
      break;
  }
}

/** The splines of the first @p count radial functions at @p r. */
ALWAYS_INLINE void splined_functions(const lml_ace_plan *plan, int count, const vec *bond, vec r, vec present, vec *g,
                                     vec *slopes) {
  const double round_to_integer = 0x1.8p52, tiny = 1e-9; /* Å: SBessel divides by r */
  vec above[LML_ACE_MOST_RADIAL], above_slopes[LML_ACE_MOST_RADIAL];
  const vec bin = bond[LML_ACE_BOND_BIN], cutoff = bond[LML_ACE_BOND_CUTOFF], place = r / bin;
  const vec nearest = (place + round_to_integer) - round_to_integer;
  const vec low = bin * choose(nearest > place, nearest - 1.0, nearest), high = low + bin;
  const vec t = (r - low) / bin, rest = 1.0 - t;
  radial_functions(plan, count, bond, choose(low > tiny, low, splat(tiny)), present, g, slopes);
  radial_functions(plan, count, bond, choose(high < cutoff, high, cutoff), present, above, above_slopes);
  const vec blend = t * t * (3.0 - 2.0 * t), rise = 6.0 * t * rest / bin;
  const vec from_low = bin * t * rest * rest, from_high = -bin * t * t * rest;
  const vec low_slope = rest * (1.0 - 3.0 * t), high_slope = t * (3.0 * t - 2.0);
  for (int k = 0; k < count; k++) {
    const vec change = above[k] - g[k], below = slopes[k], over = above_slopes[k];
    g[k] += change * blend + below * from_low + over * from_high;
    slopes[k] = change * rise + below * low_slope + over * high_slope;
  }
}

#endif
