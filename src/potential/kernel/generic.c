/* The kernel for any processor: the compiler makes of four lanes what the baseline offers. */
#define LML_LANES 4
#define LML_ISA generic
#include "potential/kernel/table.h"
