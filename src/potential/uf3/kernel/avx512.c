/* The kernel of UF3 for x86 with AVX-512. */
#define LML_LANES 8
#define LML_ISA avx512
#include "potential/uf3/kernel/table.h"
