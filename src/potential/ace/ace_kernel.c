#include "potential/ace/ace_kernel.h"

const lml_ace_kernel *lml_ace_kernel_for(const lml_isa *isa) {
  static const lml_ace_kernel *const variants[LML_ISA_COUNT] = {
      [LML_ISA_GENERIC] = &lml_ace_kernel_generic,
#ifdef LML_KERNEL_X86
      [LML_ISA_AVX2] = &lml_ace_kernel_avx2,
      [LML_ISA_AVX512] = &lml_ace_kernel_avx512,
#endif
  };
  return variants[isa->place];
}
