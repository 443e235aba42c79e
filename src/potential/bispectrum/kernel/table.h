/** @file table.h
 *  The kernel of one instruction set: included by generic.c, avx2.c, avx512.c, which set
 *  LML_LANES (doubles in a vector) and LML_ISA (the name in lml_bispectrum_kernel_<name>).
 */
#ifndef LML_BISPECTRUM_KERNEL_TABLE_H
#define LML_BISPECTRUM_KERNEL_TABLE_H

#include "potential/bispectrum/kernel.h"

#include "potential/bispectrum/kernel/density.h"
#include "potential/bispectrum/kernel/forces.h"
#include "potential/bispectrum/kernel/gradients.h"
#include "potential/bispectrum/kernel/products.h"
#include "potential/bispectrum/kernel/scatter.h"
#include "potential/bispectrum/kernel/several.h"

LML_VARIANT(lml_bispectrum_kernel) = {
    .density = density,
    .terms = terms,
    .adjoint = adjoint,
    .forces = forces,
    .gradients = gradients,
    .scatter = scatter,
    .adjoint_and_terms = adjoint_and_terms,
    .several_forces = several_forces,
};

#endif
