/* The kernel of UF3 for any processor. */
#define LML_ISA generic
#include "potential/uf3/kernel/table.h"
