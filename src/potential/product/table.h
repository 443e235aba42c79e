/** @file table.h
 *  The product's kernel for one instruction set: included by generic.c, avx2.c, avx512.c, which set LML_LANES (doubles
 *  in a vector) and LML_ISA (the name in lml_product_kernel_<name>).
 */
#ifndef LML_PRODUCT_TABLE_H
#define LML_PRODUCT_TABLE_H

#include "potential/product/components.h"
#include "potential/product/quadratic.h"
#include "potential/product/quadratic_gradients.h"
#include "potential/product/variants.h"

LML_VARIANT(lml_product_kernel) = {.quadratic = quadratic,
                                   .add_products = add_products,
                                   .squares = squares,
                                   .quadratic_gradients = quadratic_gradients};

#endif
