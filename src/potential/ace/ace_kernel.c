#include "potential/ace/ace_kernel.h"

const lml_ace_kernel *lml_ace_kernel_for(const lml_isa *isa) {
  static const lml_ace_kernel *const variants[LML_ISA_COUNT] = LML_LIST_VARIANTS(lml_ace_kernel);
  return variants[isa->place];
}
