#include "potential/simd/isa.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

/** Those of this build, narrowest first. */
static const lml_isa all[LML_ISA_COUNT] = {
    {"generic", LML_GENERIC_LANES, LML_ISA_GENERIC},
#ifdef LML_KERNEL_X86
    {"avx2", 4, LML_ISA_AVX2},
    {"avx512", 8, LML_ISA_AVX512},
#endif
};

_Static_assert(LML_GENERIC_LANES <= LML_LANES_LIMIT, "atoms are laid out for at most this many lanes");

static int processor_runs(const lml_isa *isa) {
#ifdef LML_KERNEL_X86
  if (isa->place == LML_ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa->place == LML_ISA_AVX512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#endif
  return isa->place == LML_ISA_GENERIC;
}

lml_status lml_isa_best(const lml_isa **isa, lml_error *error) {
  const char *wanted = getenv("LMLINK_ISA");
  *isa = NULL;
  for (size_t i = 0; i < LML_ISA_COUNT; i++) {
    if (wanted != NULL && *wanted != '\0' && strcmp(wanted, all[i].name) != 0) continue;
    if (processor_runs(&all[i]))
      *isa = &all[i];
    else if (wanted != NULL && *wanted != '\0')
      return lml_fail(error, LML_ERR_USAGE, "LMLINK_ISA=%s: this processor does not have these instructions", wanted);
  }
  if (*isa == NULL)
    return lml_fail(error, LML_ERR_USAGE, "LMLINK_ISA=%s: not known; use generic, avx2 or avx512", wanted);
  return LML_OK;
}
