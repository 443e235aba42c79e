/** @file table.h
 *  The kernel for one instruction set: included by generic.c, avx2.c, avx512.c, which set LML_LANES (doubles in a
 *  vector) and LML_ISA (the name in lml_uf3_kernel_<name>).
 */
#ifndef LML_UF3_TABLE_H
#define LML_UF3_TABLE_H

#include "potential/uf3/uf3_kernel.h"

#include "potential/uf3/kernel/pairs.h"
#include "potential/uf3/kernel/triplets.h"

LML_VARIANT(lml_uf3_kernel) = {.gather = gather, .pairs = pairs, .triplets = triplets};

#endif
