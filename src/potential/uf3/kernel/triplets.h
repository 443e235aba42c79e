/** @file triplets.h
 *  An atom's triplets: Σ c_lmn B_l(j) B_m(k) B_n(between) of each two legs j and k, and its derivatives by the three
 *  distances. A leg is taken with those behind it, one element at a time; what the sums over l, m and n leave is added
 *  up over triplets as vectors of four, and these are summed up last.
 */
#ifndef LML_UF3_TRIPLETS_H
#define LML_UF3_TRIPLETS_H

#include "potential/uf3/kernel/fours.h"

typedef int32_t bins_of_vec __attribute__((vector_size(4 * LML_LANES), may_alias, aligned(4)));

/** A leg, and those behind it of one element. */
typedef struct {
  lml_uf3_legs *legs;
  const lml_uf3_spline *spline; /* of the distance between the two */
  const double *tensor;
  size_t by_one,
      by_other; /* how far it is from one coefficient to the next by the distance to the leg, and to others */
  const lml_uf3_side *side; /* of the leg */
  size_t leg, begin, end;
  int element; /* of the leg */
} row_of_legs;

/** Distances between the leg and the others, and their bins. */
ALWAYS_INLINE void measure(const row_of_legs *row) {
  const lml_uf3_leg_numbers *of = &row->legs->of;
  const lml_uf3_spline *spline = row->spline;
  const double begin = spline->knots[LML_UF3_ORDER - 1];
  const vec x = splat(of->vector[0][row->leg]), y = splat(of->vector[1][row->leg]), z = splat(of->vector[2][row->leg]);
  for (size_t k = row->begin, i = 0; k < row->end; k += LML_LANES, i += LML_LANES) {
    const vec dx = x - load_vec(of->vector[0] + k), dy = y - load_vec(of->vector[1] + k),
              dz = z - load_vec(of->vector[2] + k);
    const vec r = square_root(dx * dx + dy * dy + dz * dz), place = (r - begin) * spline->scale;
    const vec below = choose(place < spline->last_bin, place, splat(spline->last_bin));
    const vec limited = choose(below > 0.0, below, splat(0.0));
    *as_vec_mutable(of->r + i) = r;
    *as_vec_mutable(of->inverse + i) = 1.0 / r;
    *(bins_of_vec *)(void *)(row->legs->bins + i) = __builtin_convertvector(limited, bins_of_vec);
  }
}

/** The four functions of the distance between two legs that are not zero, and their slopes; returns the first one's
 *  number. */
ALWAYS_INLINE size_t between(const row_of_legs *row, size_t i, four *values, four *slopes) {
  enum { N = LML_UF3_ORDER };
  double x;
  const size_t interval = lml_uf3_interval_in(row->spline, row->legs->of.r[i], row->legs->bins[i], &x);
  const double *piece = row->spline->pieces + N * N * interval;
  const four a = load(piece), b = load(piece + N), c = load(piece + 2 * N), d = load(piece + 3 * N);
  *values = a + x * (b + x * (c + x * d));
  *slopes = b + x * (2.0 * c + (3.0 * x) * d);
  return interval;
}

/** Add the triplets' energies, and dE/dr of the leg, to @p sum, dE/dr of the others to theirs; and leave those of the
 *  distances between. */
ALWAYS_INLINE eight contract(const row_of_legs *row, eight sum) {
  enum { N = LML_UF3_ORDER };
  const lml_uf3_leg_numbers *of = &row->legs->of;
  const double nearest = row->spline->knots[0];
  eight spread[N];
  for (size_t l = 0; l < N; l++) spread[l] = load_eight(row->side->spread + 8 * l);
  for (size_t k = row->begin, i = 0; k < row->end; k++, i++) {
    const lml_uf3_side *other = &row->legs->legs[k].sides[row->element];
    if (!other->inside || of->r[i] < nearest) {
      store(of->between + 4 * i, (four){0.0});
      continue;
    }
    four values, slopes, by_other = {0.0};
    const double *c = row->tensor + other->first * row->by_other + between(row, i, &values, &slopes);
    eight all = both((four){0.0});
    for (size_t m = 0; m < N; m++, c += row->by_other) {
      eight inner = times(spread[0], twice(c));
      for (size_t l = 1; l < N; l++) inner = plus_times(inner, spread[l], twice(c + l * row->by_one));
      all = plus_scaled(all, other->values[m], inner);
      by_other += other->slopes[m] * by_values(inner);
    }
    sum = plus_times(sum, all, both(values));
    store(of->along + 4 * k, load(of->along + 4 * k) + by_other * values);
    store(of->between + 4 * i, by_values(all) * slopes);
  }
  return sum;
}

/** Hand the derivatives by the distances between to the others; the leg's parts are added to @p pull. */
ALWAYS_INLINE void pull_legs(const row_of_legs *row, vec pull[3]) {
  const lml_uf3_leg_numbers *of = &row->legs->of;
  size_t count = row->end - row->begin;
  vec here[3];
  for (; count % LML_LANES_LIMIT != 0; count++) store(of->between + 4 * count, (four){0.0});
  for (size_t i = 0; i < count; i += 4) {
    const double *from = of->between + 4 * i;
    store(of->slope + i, sums(load(from), load(from + 4), load(from + 8), load(from + 12)));
  }
  for (int a = 0; a < 3; a++) here[a] = splat(of->vector[a][row->leg]);
  for (size_t k = row->begin, i = 0; k < row->end; k += LML_LANES, i += LML_LANES) {
    const vec factor = *as_vec(of->slope + i) * *as_vec(of->inverse + i);
    for (int a = 0; a < 3; a++) {
      const vec part = factor * (here[a] - load_vec(of->vector[a] + k));
      pull[a] += part;
      store_vec(of->pull[a] + k, load_vec(of->pull[a] + k) + part);
    }
  }
}

/** The leg with those from @p next on that are of one element, and behind them the next one; false where there are
 *  none. */
ALWAYS_INLINE bool begin_row(row_of_legs *row, const double *tensor, size_t *next) {
  const lml_uf3_leg *leg = &row->legs->legs[row->leg];
  row->begin = *next;
  if (row->begin == row->legs->count) return false;
  const int other = row->legs->legs[row->begin].element;
  const lml_uf3_triplet *triplet = &row->legs->model->triplets[leg->triplet_with[other]];
  const bool first = triplet->a == leg->element;
  *next = row->end = row->legs->ends[other];
  row->element = leg->element;
  row->side = &leg->sides[other];
  row->spline = &triplet->splines[LML_UF3_BETWEEN];
  row->tensor = tensor + triplet->first + row->side->first * (first ? triplet->by_a : triplet->by_b);
  row->by_one = first ? triplet->by_a : triplet->by_b;
  row->by_other = first ? triplet->by_b : triplet->by_a;
  return true;
}

/** Zeros where sums begin, and legs beyond the last one that are far away. */
ALWAYS_INLINE void clear_legs(const lml_uf3_legs *legs) {
  static const double far = 1e6; /* Å */
  const size_t count = legs->count + LML_LANES;
  for (int a = 0; a < 3; a++) {
    memset(legs->of.pull[a], 0, count * sizeof(double));
    for (size_t k = legs->count; k < count; k++) legs->of.vector[a][k] = far;
  }
  memset(legs->of.along, 0, 4 * legs->count * sizeof(double));
}

static double triplets(lml_uf3_legs *legs, const double *tensor) {
  four energy = {0.0};
  clear_legs(legs);
  for (size_t j = 0; j < legs->count; j++) {
    eight sum = both((four){0.0});
    vec pull[3] = {splat(0.0), splat(0.0), splat(0.0)};
    row_of_legs row = {.legs = legs, .leg = j};
    for (size_t next = j + 1; begin_row(&row, tensor, &next);) {
      if (!row.side->inside) continue;
      measure(&row);
      sum = contract(&row, sum);
      pull_legs(&row, pull);
    }
    energy += by_values(sum);
    store(legs->of.back + 4 * j, sums(folded(pull[0]), folded(pull[1]), folded(pull[2]), by_slopes(sum)));
  }
  return energy[0] + energy[1] + energy[2] + energy[3];
}

#endif
