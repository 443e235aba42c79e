/** @file pairs.h
 *  An atom's neighbours, and its pairs.
 */
#ifndef LML_UF3_PAIRS_H
#define LML_UF3_PAIRS_H

#include "potential/uf3/kernel/fours.h"

/** Write each atom of the list behind the neighbours found so far, where the next one takes its place unless it is near
 *  enough: whether it is could not be predicted by a branch. */
static void gather(const lml_uf3_list *from, lml_uf3_neighbours *n) {
  const double *restrict positions = from->atoms->positions, *here = positions + 3 * (size_t)from->centre;
  const signed char *restrict elements = from->atoms->elements;
  const double *restrict pair_limits = from->pair_limits, *restrict triplet_limits = from->triplet_limits;
  const int32_t *restrict list = from->list, mask = from->atoms->mask;
  const double x = here[0], y = here[1], z = here[2];
  double *restrict vectors = n->vectors, *restrict squares = n->r;
  int32_t *restrict index = n->index, *restrict kinds = n->element, *restrict near_slots = n->near_slots;
  size_t count = 0, near = 0;
  for (size_t i = 0; i < from->length; i++) {
    const int32_t j = list[i] & mask;
    const double *there = positions + 3 * (size_t)j;
    const int element = elements[j];
    const double dx = there[0] - x, dy = there[1] - y, dz = there[2] - z;
    const double square = dx * dx + dy * dy + dz * dz;
    vectors[3 * count] = dx;
    vectors[3 * count + 1] = dy;
    vectors[3 * count + 2] = dz;
    squares[count] = square;
    index[count] = j;
    kinds[count] = element;
    near_slots[near] = (int32_t)count;
    near += (size_t)(square < triplet_limits[1 + element]);
    count += (size_t)(square < pair_limits[1 + element]);
  }
  n->count = count;
  n->near = near;
  for (size_t k = 0; k < LML_LANES; k++) {
    squares[count + k] = 1.0; /* beyond the last one, as any other number that is not 0 */
    kinds[count + k] = 0;
  }
  for (size_t k = 0; k < count; k += LML_LANES) *as_vec_mutable(n->r + k) = square_root(*as_vec(n->r + k));
}

/** The pieces of LML_LANES neighbours' polynomials: coefficients by power, and the distances from the pieces' begin. */
ALWAYS_INLINE vec find_pieces(const lml_uf3_bonds *bonds, size_t first, vec powers[LML_UF3_ORDER]) {
  static const _Alignas(LML_UF3_FOUR) double nothing[LML_UF3_ORDER];
  const lml_uf3_neighbours *n = bonds->neighbours;
  const size_t *pair_of = bonds->model->pair_of + (size_t)bonds->element * bonds->model->nelements;
  _Alignas(8 * LML_LANES) double from_begin[LML_LANES];
  four piece[LML_LANES];
  for (size_t l = 0; l < LML_LANES; l++) {
    const lml_uf3_pair *pair = &bonds->model->pairs[pair_of[n->element[first + l]]];
    const size_t interval = lml_uf3_interval(&pair->spline, n->r[first + l], &from_begin[l]);
    const double *curve = bonds->curves + pair->curve + LML_UF3_ORDER * interval;
    piece[l] = load(first + l < n->count ? curve : nothing);
  }
#if LML_LANES == 8
  vec v[4];
  for (int l = 0; l < 4; l++) v[l] = __builtin_shufflevector(piece[l], piece[l + 4], 0, 1, 2, 3, 4, 5, 6, 7);
  const vec a = __builtin_shufflevector(v[0], v[1], 0, 8, 2, 10, 4, 12, 6, 14);
  const vec b = __builtin_shufflevector(v[0], v[1], 1, 9, 3, 11, 5, 13, 7, 15);
  const vec c = __builtin_shufflevector(v[2], v[3], 0, 8, 2, 10, 4, 12, 6, 14);
  const vec d = __builtin_shufflevector(v[2], v[3], 1, 9, 3, 11, 5, 13, 7, 15);
  powers[0] = __builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13);
  powers[1] = __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13);
  powers[2] = __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15);
  powers[3] = __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15);
#elif LML_LANES == 4
  for (int l = 0; l < 4; l++) powers[l] = (vec)piece[l];
  transpose(powers);
#else
  for (int power = 0; power < LML_UF3_ORDER; power++)
    for (int l = 0; l < LML_LANES; l++) powers[power][l] = piece[l][power];
#endif
  return *as_vec(from_begin);
}

/** @p to = the vectors of LML_LANES neighbours, each times its number in @p factor. */
ALWAYS_INLINE void scale_vectors(vec factor, const double *vectors, double *to) {
#if LML_LANES == 8
  const vec x = __builtin_shufflevector(factor, factor, 0, 0, 0, 1, 1, 1, 2, 2);
  const vec y = __builtin_shufflevector(factor, factor, 2, 3, 3, 3, 4, 4, 4, 5);
  const vec z = __builtin_shufflevector(factor, factor, 5, 5, 6, 6, 6, 7, 7, 7);
#elif LML_LANES == 4
  const vec x = __builtin_shufflevector(factor, factor, 0, 0, 0, 1);
  const vec y = __builtin_shufflevector(factor, factor, 1, 1, 2, 2);
  const vec z = __builtin_shufflevector(factor, factor, 2, 3, 3, 3);
#else
  vec x, y, z;
  for (int l = 0; l < LML_LANES; l++) {
    x[l] = factor[l / 3];
    y[l] = factor[(LML_LANES + l) / 3];
    z[l] = factor[(2 * LML_LANES + l) / 3];
  }
#endif
  *as_vec_mutable(to) = x * *as_vec(vectors);
  *as_vec_mutable(to + LML_LANES) = y * *as_vec(vectors + LML_LANES);
  *as_vec_mutable(to + 2 * LML_LANES) = z * *as_vec(vectors + 2 * LML_LANES);
}

static double pairs(const lml_uf3_bonds *bonds) {
  const lml_uf3_neighbours *n = bonds->neighbours;
  vec energy = splat(0.0);
  for (size_t k = 0; k < n->count; k += LML_LANES) {
    vec c[LML_UF3_ORDER];
    const vec x = find_pieces(bonds, k, c);
    energy += c[0] + x * (c[1] + x * (c[2] + x * c[3]));
    const vec slope = c[1] + x * (2.0 * c[2] + x * (3.0 * c[3]));
    scale_vectors(slope / *as_vec(n->r + k), n->vectors + 3 * k, n->gradient + 3 * k);
  }
  const four parts = folded(energy);
  return parts[0] + parts[1] + parts[2] + parts[3];
}

#endif
