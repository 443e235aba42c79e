/* The kernel for x86 with AVX-512 F, DQ and VL. */
#define LML_LANES 8
#define LML_ISA avx512
#include "potential/bispectrum/kernel/table.h"
