/* The kernel for any processor: two lanes, which SSE2 and NEON have. The compiler can build any number of lanes from
 * those: a build for tests asks for eight, so that this width is tried on processors that don't have it. */
#ifndef LML_GENERIC_LANES
#define LML_GENERIC_LANES 2
#endif
#define LML_LANES LML_GENERIC_LANES
#define LML_ISA generic
#include "potential/kernel/table.h"
