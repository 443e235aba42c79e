/** @file fours.h
 *  Vectors of four doubles, for any instruction set: the basis functions of a distance that are not zero.
 */
#ifndef LML_UF3_FOURS_H
#define LML_UF3_FOURS_H

#include "potential/simd/vector.h"
#include "potential/uf3/uf3_kernel.h"

typedef double four __attribute__((vector_size(LML_UF3_FOUR), may_alias));
typedef double four_anywhere __attribute__((vector_size(LML_UF3_FOUR), may_alias, aligned(8)));
typedef double vec_anywhere __attribute__((vector_size(8 * LML_LANES), may_alias, aligned(8)));

ALWAYS_INLINE four load(const double *from) { return *(const four *)(const void *)from; }
ALWAYS_INLINE four load_anywhere(const double *from) { return *(const four_anywhere *)(const void *)from; }
ALWAYS_INLINE void store(double *to, four value) { *(four *)(void *)to = value; }
ALWAYS_INLINE vec load_vec(const double *from) { return *(const vec_anywhere *)(const void *)from; }
ALWAYS_INLINE void store_vec(double *to, vec value) { *(vec_anywhere *)(void *)to = value; }

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

/** A vector's lanes in four parts: their sum is that of all lanes. */
ALWAYS_INLINE four folded(vec v) {
#if LML_LANES == 8
  return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#elif LML_LANES == 4
  return (four)v;
#else
  return (four){v[0], v[1], 0.0, 0.0};
#endif
}

/** A vector that the values of a leg multiply, and one that its slopes do: side by side where registers are that wide.
 */
#ifdef __AVX512F__
typedef double eight __attribute__((vector_size(2 * LML_UF3_FOUR), may_alias));

ALWAYS_INLINE eight load_eight(const double *from) { return *(const eight *)(const void *)from; }
/** The four numbers in both. */
ALWAYS_INLINE eight twice(const double *from) { return (eight)_mm512_broadcast_f64x4(_mm256_loadu_pd(from)); }
ALWAYS_INLINE eight both(four c) { return (eight)_mm512_broadcast_f64x4((__m256d)c); }
ALWAYS_INLINE eight times(eight a, eight b) { return a * b; }
ALWAYS_INLINE eight plus_times(eight sum, eight a, eight b) { return sum + a * b; }
ALWAYS_INLINE eight plus_scaled(eight sum, double factor, eight x) { return sum + factor * x; }
ALWAYS_INLINE four by_values(eight sum) { return __builtin_shufflevector(sum, sum, 0, 1, 2, 3); }
ALWAYS_INLINE four by_slopes(eight sum) { return __builtin_shufflevector(sum, sum, 4, 5, 6, 7); }
#else
typedef struct {
  four values, slopes;
} eight;

ALWAYS_INLINE eight load_eight(const double *from) { return (eight){.values = load(from), .slopes = load(from + 4)}; }
ALWAYS_INLINE eight both(four c) { return (eight){.values = c, .slopes = c}; }
ALWAYS_INLINE eight twice(const double *from) { return both(load_anywhere(from)); }
ALWAYS_INLINE eight times(eight a, eight b) {
  return (eight){.values = a.values * b.values, .slopes = a.slopes * b.slopes};
}
ALWAYS_INLINE eight plus_times(eight sum, eight a, eight b) {
  return (eight){.values = sum.values + a.values * b.values, .slopes = sum.slopes + a.slopes * b.slopes};
}
ALWAYS_INLINE eight plus_scaled(eight sum, double factor, eight x) {
  return (eight){.values = sum.values + factor * x.values, .slopes = sum.slopes + factor * x.slopes};
}
ALWAYS_INLINE four by_values(eight sum) { return sum.values; }
ALWAYS_INLINE four by_slopes(eight sum) { return sum.slopes; }
#endif

#endif
