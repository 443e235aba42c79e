#include "potential/uf3/uf3_kernel.h"

const lml_uf3_kernel *lml_uf3_kernel_for(const lml_isa *isa) {
  static const lml_uf3_kernel *const variants[LML_ISA_COUNT] = {
      [LML_ISA_GENERIC] = &lml_uf3_kernel_generic,
#ifdef LML_KERNEL_X86
      [LML_ISA_AVX2] = &lml_uf3_kernel_avx2,
      [LML_ISA_AVX512] = &lml_uf3_kernel_avx512,
#endif
  };
  return variants[isa->place];
}
