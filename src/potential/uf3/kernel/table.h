/** @file table.h
 *  The kernel for one instruction set: included by generic.c, avx2.c, avx512.c, which set LML_ISA (the name in
 *  lml_uf3_kernel_<name>). A vector is the four basis functions of a distance that are not zero, for any instruction
 * set.
 */
#ifndef LML_UF3_TABLE_H
#define LML_UF3_TABLE_H

#include <math.h>
#include <string.h>

#include "potential/uf3/uf3_kernel.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef double four __attribute__((vector_size(LML_UF3_FOUR), may_alias));
typedef double four_anywhere __attribute__((vector_size(LML_UF3_FOUR), may_alias, aligned(8)));

ALWAYS_INLINE four load(const double *from) { return *(const four *)(const void *)from; }
ALWAYS_INLINE four load_anywhere(const double *from) { return *(const four_anywhere *)(const void *)from; }

/** A vector that the values of a leg multiply, and one that its slopes do: side by side where registers are that wide.
 */
#ifdef __AVX512F__
typedef double eight __attribute__((vector_size(2 * LML_UF3_FOUR), may_alias));

ALWAYS_INLINE eight none(void) { return (eight){0.0}; }
ALWAYS_INLINE eight add(eight sum, const double *spread, four c) {
  return sum + *(const eight *)(const void *)spread * __builtin_shufflevector(c, c, 0, 1, 2, 3, 0, 1, 2, 3);
}
ALWAYS_INLINE eight scaled(eight sum, double factor, eight x) { return sum + factor * x; }
ALWAYS_INLINE four by_values(eight sum) { return __builtin_shufflevector(sum, sum, 0, 1, 2, 3); }
ALWAYS_INLINE four by_slopes(eight sum) { return __builtin_shufflevector(sum, sum, 4, 5, 6, 7); }
#else
typedef struct {
  four values, slopes;
} eight;

ALWAYS_INLINE eight none(void) { return (eight){.values = {0.0}}; }
ALWAYS_INLINE eight add(eight sum, const double *spread, four c) {
  return (eight){.values = sum.values + load(spread) * c, .slopes = sum.slopes + load(spread + 4) * c};
}
ALWAYS_INLINE eight scaled(eight sum, double factor, eight x) {
  return (eight){.values = sum.values + factor * x.values, .slopes = sum.slopes + factor * x.slopes};
}
ALWAYS_INLINE four by_values(eight sum) { return sum.values; }
ALWAYS_INLINE four by_slopes(eight sum) { return sum.slopes; }
#endif

/** The sums of four vectors' elements. */
ALWAYS_INLINE four sums(four a, four b, four c, four d) {
#ifdef __AVX__
  const four ab = __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
  const four cd = __builtin_shufflevector(c, d, 0, 4, 2, 6) + __builtin_shufflevector(c, d, 1, 5, 3, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
#else
  return (four){a[0] + a[1] + a[2] + a[3], b[0] + b[1] + b[2] + b[3], c[0] + c[1] + c[2] + c[3],
                d[0] + d[1] + d[2] + d[3]};
#endif
}

/** The four functions that are not zero at @p r, and their slopes; returns the first one's number. */
ALWAYS_INLINE size_t basis(const lml_uf3_spline *spline, double r, four *values, four *slopes) {
  enum { N = LML_UF3_ORDER };
  double x;
  const size_t interval = lml_uf3_interval(spline, r, &x);
  const double *piece = spline->pieces + N * N * interval;
  const four a = load(piece), b = load(piece + N), c = load(piece + 2 * N), d = load(piece + 3 * N);
  *values = a + x * (b + x * (c + x * d));
  *slopes = b + x * (2.0 * c + (3.0 * x) * d);
  return interval;
}

/** Energy and gradients of one triplet: Σ c_lmn B_l(a) B_m(b) B_n(between), and its derivatives by the three distances.
 */
ALWAYS_INLINE double add_triplet(lml_uf3_legs *legs, const lml_uf3_corner *corner, const double *tensor) {
  const lml_uf3_spline *spline = &corner->triplet->splines[LML_UF3_BETWEEN];
  const lml_uf3_side *a = corner->to_a, *b = corner->to_b;
  const four apart = load(legs->legs[corner->a].vector) - load(legs->legs[corner->b].vector);
  const four squares = apart * apart;
  const double r = sqrt(squares[0] + squares[1] + squares[2]);
  if (r < spline->knots[0]) return 0.0;
  four values, slopes;
  const size_t first = basis(spline, r, &values, &slopes), rows = corner->triplet->by_a, stride = corner->triplet->by_b;
  const double *c = tensor + corner->triplet->first + a->first * rows + b->first * stride + first;
  eight all = none();
  four by_a = {0.0};
  for (size_t l = 0; l < LML_UF3_ORDER; l++, c += rows) {
    eight sum = none();
    for (size_t m = 0; m < LML_UF3_ORDER; m++) sum = add(sum, b->spread + 8 * m, load_anywhere(c + m * stride));
    all = scaled(all, a->values[l], sum);
    by_a += a->slopes[l] * by_values(sum);
  }
  const four found = sums(by_values(all) * values, by_values(all) * slopes, by_a * values, by_slopes(all) * values);
  const four pull = found[1] / r * apart;
  four *at_a = (four *)(void *)(legs->gradient + 4 * corner->a),
       *at_b = (four *)(void *)(legs->gradient + 4 * corner->b);
  *at_a += pull + (four){0.0, 0.0, 0.0, found[2]};
  *at_b += (four){0.0, 0.0, 0.0, found[3]} - pull;
  return found[0];
}

static double triplets(lml_uf3_legs *legs, const double *tensor) {
  double energy = 0.0;
  memset(legs->gradient, 0, 4 * legs->count * sizeof *legs->gradient);
  for (size_t j = 0; j < legs->count; j++)
    for (size_t k = j + 1; k < legs->count; k++) {
      lml_uf3_corner corner;
      if (lml_uf3_corner_at(legs, j, k, &corner)) energy += add_triplet(legs, &corner, tensor);
    }
  return energy;
}

static double pairs(const lml_uf3_bonds *bonds) {
  const size_t count = bonds->count, stride = bonds->stride;
  const lml_uf3_pair *all = bonds->model->pairs;
  const size_t *pair_of = bonds->model->pair_of + (size_t)bonds->element * bonds->model->nelements;
  const lml_uf3_neighbour *n = bonds->neighbours;
  const double *curves = bonds->curves, *vector = bonds->vectors;
  double *restrict gradient = bonds->gradient, energy = 0.0;
  for (size_t k = 0; k < count; k++, n += stride, vector += 3 * stride, gradient += 3 * stride) {
    const lml_uf3_pair *pair = &all[pair_of[n->element]];
    const double r = n->r;
    double x;
    const double *c = curves + pair->curve + LML_UF3_ORDER * lml_uf3_interval(&pair->spline, r, &x);
    const double slope = (c[1] + x * (2.0 * c[2] + x * 3.0 * c[3])) / r;
    energy += c[0] + x * (c[1] + x * (c[2] + x * c[3]));
    for (size_t a = 0; a < 3; a++) gradient[a * stride] = slope * vector[a * stride];
  }
  return energy;
}

LML_VARIANT(lml_uf3_kernel) = {.pairs = pairs, .triplets = triplets};

#endif
