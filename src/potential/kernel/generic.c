/* The kernel for any processor: two lanes, which SSE2 and NEON have. */
#define LML_LANES 2
#define LML_ISA generic
#include "potential/kernel/table.h"
