/** @file vector.h
 *  Vectors of LML_LANES doubles, one lane an atom, and the few functions of them that kernels need.
 *
 *  GCC's vector extension (Clang has it too) lets one source serve all instruction sets. Included by kernels
 *  alone, sources that are compiled once for each instruction set with LML_LANES set.
 */
#ifndef LML_SIMD_VECTOR_H
#define LML_SIMD_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX__)
#include <immintrin.h>
#endif

typedef double vec __attribute__((vector_size(8 * LML_LANES), may_alias));
typedef int64_t ivec __attribute__((vector_size(8 * LML_LANES), may_alias));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE vec splat(double value) {
  vec v;
  for (int l = 0; l < LML_LANES; l++) v[l] = value;
  return v;
}

ALWAYS_INLINE const vec *as_vec(const double *array) { return (const vec *)(const void *)array; }
ALWAYS_INLINE vec *as_vec_mutable(double *array) { return (vec *)(void *)array; }

/** The vector, loaded once: the compiler would let each of several uses load it anew, and loads are what it waits for.
 */
ALWAYS_INLINE vec in_register(vec v) {
#if (LML_LANES == 8 && defined(__AVX512F__)) || (LML_LANES == 4 && defined(__AVX__))
  __asm__("" : "+v"(v));
#endif
  return v;
}

/** a where the mask (all bits or none) is set, else b. */
ALWAYS_INLINE vec choose(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }

ALWAYS_INLINE vec square_root(vec a) {
#if LML_LANES == 8 && defined(__AVX512F__)
  return (vec)_mm512_sqrt_pd((__m512d)a);
#elif LML_LANES == 4 && defined(__AVX__)
  return (vec)_mm256_sqrt_pd((__m256d)a);
#else
  for (int l = 0; l < LML_LANES; l++) a[l] = sqrt(a[l]);
  return a;
#endif
}

/** exp(x) to about one unit in the last place, for x from −700 to 700, in which range it is put: 2ⁿ times a Taylor sum
 *  for |x − n ln 2| ≤ ½ ln 2. */
ALWAYS_INLINE vec exponential(vec x) {
  const double round_to_integer = 0x1.8p52;
  x = choose(x < -700.0, splat(-700.0), choose(x > 700.0, splat(700.0), x));
  const vec shifted = x * 0x1.71547652b82fep+0 + round_to_integer;
  const vec n = shifted - round_to_integer;
  const vec r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
  vec sum = splat(1.0 / 6227020800.0);
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  sum = sum * r + 1.0;
  sum = sum * r + 1.0;
  const ivec power = ((ivec)shifted + 1023) << 52;
  return sum * (vec)power;
}

/** Lane c of vector r becomes lane r of vector c. */
ALWAYS_INLINE void transpose(vec v[LML_LANES]) {
#if LML_LANES == 8
  for (int i = 0; i < 4; i++) {
    const vec a = v[i], b = v[i + 4];
    v[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    v[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int i = 0; i < 8; i += i % 4 == 1 ? 3 : 1) {
    const vec a = v[i], b = v[i + 2];
    v[i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    v[i + 2] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int i = 0; i < 8; i += 2) {
    const vec a = v[i], b = v[i + 1];
    v[i] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    v[i + 1] = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
#elif LML_LANES == 4
  for (int i = 0; i < 2; i++) {
    const vec a = v[i], b = v[i + 2];
    v[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    v[i + 2] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  }
  for (int i = 0; i < 4; i += 2) {
    const vec a = v[i], b = v[i + 1];
    v[i] = __builtin_shufflevector(a, b, 0, 4, 2, 6);
    v[i + 1] = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  }
#else
  for (int r = 0; r < LML_LANES; r++)
    for (int c = r + 1; c < LML_LANES; c++) {
      const double swapped = v[r][c];
      v[r][c] = v[c][r];
      v[c][r] = swapped;
    }
#endif
}

/** Sine and cosine for |angle| < 1e6 to about one unit in the last place: reduced by multiples of π/2 in three parts
 *  (Cody and Waite), then the minimax polynomials for |r| ≤ π/4 that FDLIBM uses. */
ALWAYS_INLINE void sine_cosine(vec angle, vec *sine, vec *cosine) {
  const double round_to_integer = 0x1.8p52;
  const vec shifted = angle * 0x1.45f306dc9c883p-1 + round_to_integer;
  const vec n = shifted - round_to_integer;
  const ivec quadrant = (ivec)shifted;
  vec r = angle - n * 0x1.921fb544p+0;
  r = r - n * 0x1.0b4611a6p-34;
  r = r - n * 0x1.3198a2e037073p-69;
  const vec z = r * r;
  const vec s =
      r + r * z *
              (-0x1.5555555555549p-3 +
               z * (0x1.111111110f8a6p-7 +
                    z * (-0x1.a01a019c161d5p-13 +
                         z * (0x1.71de357b1fe7dp-19 + z * (-0x1.ae5e68a2b9cebp-26 + z * 0x1.5d93a5acfd57cp-33)))));
  const vec half = 0.5 * z;
  const vec leading = 1.0 - half;
  const vec c =
      leading +
      ((1.0 - leading) - half +
       z * z *
           (0x1.555555555554cp-5 +
            z * (-0x1.6c16c16c15177p-10 +
                 z * (0x1.a01a019cb159p-16 +
                      z * (-0x1.27e4f809c52adp-22 + z * (0x1.1ee9ebdb4b1c4p-29 - z * 0x1.8fae9be8838d4p-37))))));
  const ivec odd = -(quadrant & 1);
  *sine = (vec)((ivec)choose(odd, c, s) ^ ((quadrant & 2) << 62));
  *cosine = (vec)((ivec)choose(odd, s, c) ^ (((quadrant + 1) & 2) << 62));
}

#endif
