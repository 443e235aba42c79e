#include "potential/product/variants.h"

const lml_product_kernel *lml_product_kernel_for(const lml_isa *isa) {
  static const lml_product_kernel *const variants[LML_ISA_COUNT] = {
      [LML_ISA_GENERIC] = &lml_product_kernel_generic,
#ifdef LML_KERNEL_X86
      [LML_ISA_AVX2] = &lml_product_kernel_avx2,
      [LML_ISA_AVX512] = &lml_product_kernel_avx512,
#endif
  };
  return variants[isa->place];
}
