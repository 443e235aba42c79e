/* The kernel of UF3 for any processor. */
#include "potential/simd/isa.h"
#define LML_LANES LML_GENERIC_LANES
#define LML_ISA generic
#include "potential/uf3/kernel/table.h"
