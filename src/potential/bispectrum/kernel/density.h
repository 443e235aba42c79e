/** @file density.h
 *  Stage one of the kernel: from the neighbours to U. See plan.h for the method.
 */
#ifndef LML_BISPECTRUM_KERNEL_DENSITY_H
#define LML_BISPECTRUM_KERNEL_DENSITY_H

#include "potential/bispectrum/kernel.h"
#include "potential/simd/vector.h"

static const double pi = 0x1.921fb54442d18p+1;

/** What is kept of one neighbour; LML_GEOMETRY_SIZE vectors. */
typedef struct {
  vec nx, ny, nz;   /**< direction */
  vec inverse_r;    /**< 1/Å */
  vec cosine, sine; /**< of θ₀: a = cos − i nz sin, b = (ny − i nx) sin; the sine is not negative (see below) */
  vec angle_slope;  /**< dθ₀/dr, 1/Å */
  vec weight;       /**< of the neighbour in the density */
  vec weight_slope; /**< its derivative by r, 1/Å */
} neighbour;

_Static_assert(sizeof(neighbour) == LML_GEOMETRY_SIZE * sizeof(vec), "the workspace has room for a neighbour");

/** Factor f of the weight and df/dr: the switching function from 1 at rmin0 to 0 at the cutoff. */
ALWAYS_INLINE void switch_off(const lml_snap_parameters *parameters, vec r, vec phase_slope, vec phase, vec *f,
                              vec *slope) {
  *f = splat(1.0);
  *slope = splat(0.0);
  if (!parameters->switchflag) return;
  vec s, c;
  sine_cosine(phase, &s, &c);
  const ivec inside = r <= splat(parameters->rmin0);
  *f = choose(inside, *f, 0.5 * (c + 1.0));
  *slope = choose(inside, *slope, -0.5 * s * phase_slope);
}

/** The inner switching function, 0 up to sinner − dinner and 1 from sinner + dinner on, times what is there already. */
ALWAYS_INLINE void switch_on(vec r, vec centre, vec half_width, vec *f, vec *slope) {
  const vec phase_slope = 0.5 * pi / half_width;
  vec s, c;
  sine_cosine((r - centre) * phase_slope, &s, &c);
  const ivec below = r <= centre - half_width, above = r >= centre + half_width;
  const vec inner = choose(below, splat(0.0), choose(above, splat(1.0), 0.5 * (1.0 + s)));
  const vec inner_slope = choose(below | above, splat(0.0), 0.5 * c * phase_slope);
  *slope = *slope * inner + *f * inner_slope;
  *f *= inner;
}

ALWAYS_INLINE neighbour make_neighbour(const lml_snap_parameters *parameters, const lml_bispectrum_batch *batch,
                                       int slot) {
  const vec *place = as_vec(batch->slots) + LML_SLOT_SIZE * slot;
  const vec x = place[LML_SLOT_X], y = place[LML_SLOT_Y], z = place[LML_SLOT_Z];
  const vec r = square_root(x * x + y * y + z * z);
  neighbour n;
  n.inverse_r = 1.0 / r;
  n.nx = x * n.inverse_r;
  n.ny = y * n.inverse_r;
  n.nz = z * n.inverse_r;
  const vec phase_slope = pi / (place[LML_SLOT_RCUT] - parameters->rmin0);
  const vec phase = (r - parameters->rmin0) * phase_slope;
  vec s, c;
  sine_cosine(parameters->rfac0 * phase, &s, &c);
  /* z₀ = r / tan θ₀ in LAMMPS's form of a and b leaves the sine's sign in a alone: outside 0 … π both change sign */
  const ivec negative = s < splat(0.0);
  n.sine = choose(negative, -s, s);
  n.cosine = choose(negative, -c, c);
  n.angle_slope = parameters->rfac0 * phase_slope;
  vec f, slope;
  switch_off(parameters, r, phase_slope, phase, &f, &slope);
  if (parameters->switchinnerflag) switch_on(r, place[LML_SLOT_SINNER], place[LML_SLOT_DINNER], &f, &slope);
  const vec weight = place[LML_SLOT_WEIGHT];
  n.weight = weight * f;
  n.weight_slope = weight * slope;
  return n;
}

/** Powers of b and of x of one neighbour. */
typedef struct {
  vec u[LML_SNAP_TWOJMAX_LIMIT + 1], v[LML_SNAP_TWOJMAX_LIMIT + 1]; /**< Re and Im of b^q */
  vec x[LML_SNAP_TWOJMAX_LIMIT / 2 + 1];                            /**< x^k */
} powers;

ALWAYS_INLINE void make_powers(int J, const neighbour *n, powers *p) {
  const vec br = n->ny * n->sine, bi = -n->nx * n->sine;
  p->u[0] = splat(1.0);
  p->v[0] = splat(0.0);
  for (int q = 1; q <= J; q++) {
    p->u[q] = br * p->u[q - 1] - bi * p->v[q - 1];
    p->v[q] = br * p->v[q - 1] + bi * p->u[q - 1];
  }
  const vec x = 1.0 - 2.0 * (br * br + bi * bi);
  p->x[0] = splat(1.0);
  for (int k = 1; k <= J / 2; k++) p->x[k] = p->x[k - 1] * x;
}

/** (re, im) ← (re, im) · a*, a = cos − i nz sin. */
ALWAYS_INLINE void times_conjugate_a(const neighbour *n, vec *re, vec *im) {
  const vec ar = n->cosine, ai = -n->nz * n->sine;
  const vec old = *re;
  *re = old * ar + *im * ai;
  *im = *im * ar - old * ai;
}

/** Add a pair of neighbours to the moments of one s: `re` and `im` are weight · a*^s of both. */
ALWAYS_INLINE vec *add_pair(int J, int s, const powers p[2], const vec re[2], const vec im[2], vec *m) {
  for (int q = 0; s + q <= J; q++) {
    const int top = (J - s - q) / 2;
    if (q == 0) {
      for (int k = 0; k <= top; k++) {
        *m++ += re[0] * p[0].x[k] + re[1] * p[1].x[k];
        if (s > 0) *m++ += im[0] * p[0].x[k] + im[1] * p[1].x[k];
      }
      continue;
    }
    const vec ru0 = re[0] * p[0].u[q], rv0 = re[0] * p[0].v[q], ru1 = re[1] * p[1].u[q], rv1 = re[1] * p[1].v[q];
    if (s == 0) {
      for (int k = 0; k <= top; k++, m += 2) {
        m[0] += ru0 * p[0].x[k] + ru1 * p[1].x[k];
        m[1] += rv0 * p[0].x[k] + rv1 * p[1].x[k];
      }
      continue;
    }
    const vec iv0 = im[0] * p[0].v[q], iu0 = im[0] * p[0].u[q], iv1 = im[1] * p[1].v[q], iu1 = im[1] * p[1].u[q];
    m[0] += ru0 + ru1;
    m[1] += iv0 + iv1;
    m[2] += rv0 + rv1;
    m[3] += iu0 + iu1;
    m += 4;
    for (int k = 1; k <= top; k++, m += 4) {
      m[0] += ru0 * p[0].x[k] + ru1 * p[1].x[k];
      m[1] += iv0 * p[0].x[k] + iv1 * p[1].x[k];
      m[2] += rv0 * p[0].x[k] + rv1 * p[1].x[k];
      m[3] += iu0 * p[0].x[k] + iu1 * p[1].x[k];
    }
  }
  return m;
}

/** Add slots `first` and `first` + 1 to the moments. */
ALWAYS_INLINE void accumulate(int J, const neighbour n[2], vec *moments) {
  powers p[2];
  make_powers(J, &n[0], &p[0]);
  make_powers(J, &n[1], &p[1]);
  vec re[2] = {n[0].weight, n[1].weight}, im[2] = {splat(0.0), splat(0.0)};
  for (int s = 0; s <= J; s++) {
    moments = add_pair(J, s, p, re, im, moments);
    times_conjugate_a(&n[0], &re[0], &im[0]);
    times_conjugate_a(&n[1], &re[1], &im[1]);
  }
}

/** Real and imaginary parts of the moments' functions a*^s b^q x^k (plus) and a*^s b*^q x^k (minus). */
ALWAYS_INLINE void complex_moments(const lml_mode *mode, const vec *m, int k, vec plus[2], vec minus[2]) {
  m += mode->ncomponents * k;
  switch (mode->ncomponents) {
    case 1:
      plus[0] = m[0];
      plus[1] = splat(0.0);
      break;
    case 2:
      plus[0] = m[0];
      plus[1] = m[1];
      break;
    default:
      plus[0] = m[0] - m[1];
      plus[1] = m[2] + m[3];
      minus[0] = m[0] + m[1];
      minus[1] = m[3] - m[2];
  }
}

static void store_u(vec *u, int index, int partner, double sign, const vec value[2]) {
  u[2 * partner] = sign * value[0];
  u[2 * partner + 1] = -sign * value[1];
  u[2 * index] = value[0];
  u[2 * index + 1] = value[1];
}

/** Moments of one element → its U. */
static void moments_to_u(const lml_bispectrum_plan *plan, const vec *moments, vec *u) {
  for (size_t i = 0; i < plan->nmodes; i++) {
    const lml_mode *mode = &plan->modes[i];
    vec plus[LML_SNAP_TWOJMAX_LIMIT / 2 + 1][2], minus[LML_SNAP_TWOJMAX_LIMIT / 2 + 1][2];
    for (int k = 0; k < mode->ncoupled; k++) complex_moments(mode, moments + mode->moment, k, plus[k], minus[k]);
    for (int n = 0; n < mode->ncoupled; n++) {
      const lml_coupled_j *coupled = &plan->coupled_js[mode->coupled + n];
      const double *c = plan->polynomials + coupled->polynomial;
      vec value[2] = {c[0] * plus[0][0], c[0] * plus[0][1]};
      for (int k = 1; k <= n; k++) {
        value[0] += c[k] * plus[k][0];
        value[1] += c[k] * plus[k][1];
      }
      store_u(u, coupled->u_plus, coupled->u_plus_partner, coupled->partner_sign, value);
      if (coupled->u_minus < 0) continue;
      c += n + 1;
      value[0] = c[0] * minus[0][0];
      value[1] = c[0] * minus[0][1];
      for (int k = 1; k <= n; k++) {
        value[0] += c[k] * minus[k][0];
        value[1] += c[k] * minus[k][1];
      }
      store_u(u, coupled->u_minus, coupled->u_minus_partner, coupled->partner_sign, value);
    }
  }
}

static void density(const lml_bispectrum_plan *plan, const lml_snap_parameters *parameters,
                    const lml_bispectrum_batch *batch, lml_bispectrum_workspace *workspace) {
  neighbour *geometry = (neighbour *)(void *)workspace->geometry;
  vec *moments = as_vec_mutable(workspace->moments), *u = as_vec_mutable(workspace->u);
  memset(moments, 0, (size_t)plan->nlabel_elements * (size_t)plan->nmoments * sizeof(vec));
  for (int e = 0; e < plan->nlabel_elements; e++, moments += plan->nmoments, u += 2 * plan->nu) {
    for (int slot = batch->group[e]; slot < batch->group[e + 1]; slot += 2) {
      geometry[slot] = make_neighbour(parameters, batch, slot);
      geometry[slot + 1] = make_neighbour(parameters, batch, slot + 1);
      switch (plan->twojmax) {
        case 6:
          accumulate(6, geometry + slot, moments);
          break;
        case 8:
          accumulate(8, geometry + slot, moments);
          break;
        default:
          accumulate(plan->twojmax, geometry + slot, moments);
      }
    }
    moments_to_u(plan, moments, u);
    for (size_t i = 0; i < plan->ndiagonal; i++) u[2 * plan->diagonal[i]] += as_vec(batch->self)[e];
  }
}

#endif
