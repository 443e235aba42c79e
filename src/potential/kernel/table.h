/** @file table.h
 *  The kernel of one instruction set: included by generic.c, avx2.c, avx512.c, which set
 *  LML_LANES (doubles in a vector) and LML_ISA (the name in lml_bispectrum_kernel_<name>).
 */
#ifndef LML_POTENTIAL_KERNEL_TABLE_H
#define LML_POTENTIAL_KERNEL_TABLE_H

#include "potential/bispectrum_kernel.h"

#include "potential/kernel/combine.h"
#include "potential/kernel/density.h"
#include "potential/kernel/forces.h"
#include "potential/kernel/hand_out.h"
#include "potential/kernel/products.h"
#include "potential/kernel/slopes.h"

_Static_assert(LML_LANES <= LML_LANES_LIMIT, "batches are laid out for at most this many lanes");

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define QUOTE_(a) #a
#define QUOTE(a) QUOTE_(a)

const lml_bispectrum_kernel JOIN(lml_bispectrum_kernel_, LML_ISA) = {
    .name = QUOTE(LML_ISA),
    .lanes = LML_LANES,
    .density = density,
    .terms = terms,
    .quadratic = quadratic,
    .adjoint = adjoint,
    .forces = forces,
    .slopes = slopes,
    .hand_out = hand_out,
    .combine = combine,
};

#endif
