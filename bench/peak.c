/* bench_peak: multiply-adds that one core can do, with the vector width of the kernel that lmlink would choose here.
 *
 * Prints the kernel's name and the rate in GF/s (a fused multiply-add counts two), the best of several rounds. Twelve
 * independent chains hide the latency of the two units. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "potential/simd/isa.h"

enum { CHAINS = 12, ROUNDS = 10, STEPS = 4000000 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#define DEFINE_ROUND(name, bytes, attribute)                                \
  typedef double name##_vector __attribute__((vector_size(bytes)));         \
  attribute static double name(void) {                                      \
    name##_vector chain[CHAINS], factor = {0}, term = {0};                  \
    factor += 0.999;                                                        \
    term += 1e-3;                                                           \
    for (int i = 0; i < CHAINS; i++) chain[i] = term * (double)i;           \
    const double start = seconds();                                         \
    for (int step = 0; step < STEPS; step++)                                \
      for (int i = 0; i < CHAINS; i++) chain[i] = chain[i] * factor + term; \
    const double time = seconds() - start;                                  \
    volatile double keep = 0.0;                                             \
    for (int i = 0; i < CHAINS; i++) keep = keep + chain[i][0];             \
    return 2.0 * CHAINS * (bytes / 8) * (double)STEPS / time / 1e9;         \
  }

DEFINE_ROUND(generic, 16, )
#ifdef LML_KERNEL_X86
DEFINE_ROUND(avx2, 32, __attribute__((target("avx2,fma"))))
DEFINE_ROUND(avx512, 64, __attribute__((target("avx512f,prefer-vector-width=512"))))
#endif

int main(void) {
  const lml_isa *isa;
  lml_error error = {0};
  if (lml_isa_best(&isa, &error) != LML_OK) {
    fprintf(stderr, "bench_peak: %s\n", error.message);
    return 1;
  }
  double (*measure)(void) = generic;
#ifdef LML_KERNEL_X86
  if (strcmp(isa->name, "avx2") == 0) measure = avx2;
  if (strcmp(isa->name, "avx512") == 0) measure = avx512;
#endif
  double best = 0.0;
  for (int round = 0; round < ROUNDS; round++) {
    const double rate = measure();
    if (rate > best) best = rate;
  }
  printf("%s %.2f\n", isa->name, best);
  return 0;
}
