/* The kernel for any processor. */
#include "potential/simd/isa.h"
#define LML_LANES LML_GENERIC_LANES
#define LML_ISA generic
#include "potential/ace/kernel/table.h"
