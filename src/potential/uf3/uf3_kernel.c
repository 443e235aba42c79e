#include "potential/uf3/uf3_kernel.h"

const lml_uf3_kernel *lml_uf3_kernel_for(const lml_isa *isa) {
  static const lml_uf3_kernel *const variants[LML_ISA_COUNT] = LML_LIST_VARIANTS(lml_uf3_kernel);
  return variants[isa->place];
}
