/** @file table.h
 *  The kernel of one instruction set: included by generic.c, avx2.c, avx512.c, which set
 *  LML_LANES (doubles in a vector) and LML_ISA (the name in lml_ace_kernel_<name>).
 */
#ifndef LML_ACE_KERNEL_TABLE_H
#define LML_ACE_KERNEL_TABLE_H

#include "potential/ace/ace_kernel.h"

#include "potential/ace/kernel/density.h"
#include "potential/ace/kernel/forces.h"
#include "potential/ace/kernel/gradients.h"
#include "potential/ace/kernel/products.h"

LML_VARIANT(lml_ace_kernel) = {
    .density = density,
    .products = products,
    .functions = functions,
    .densities = densities,
    .adjoint = adjoint,
    .forces = forces,
    .turns = turns,
    .radials = radials,
    .slopes = slopes,
};

#endif
