/* The kernel of UF3 for x86 with AVX2 and FMA. */
#define LML_LANES 4
#define LML_ISA avx2
#include "potential/uf3/kernel/table.h"
