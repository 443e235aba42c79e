/* The kernel for x86 with AVX-512. */
#define LML_LANES 8
#define LML_ISA avx512
#include "potential/ace/kernel/table.h"
