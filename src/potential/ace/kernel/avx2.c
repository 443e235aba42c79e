/* The kernel for x86 with AVX2 and FMA. */
#define LML_LANES 4
#define LML_ISA avx2
#include "potential/ace/kernel/table.h"
