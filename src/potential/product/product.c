#include "potential/product/variants.h"

const lml_product_kernel *lml_product_kernel_for(const lml_isa *isa) {
  static const lml_product_kernel *const variants[LML_ISA_COUNT] = LML_LIST_VARIANTS(lml_product_kernel);
  return variants[isa->place];
}
