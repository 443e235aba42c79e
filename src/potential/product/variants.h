/** @file variants.h
 *  The variants of the product's kernel; the rest of the library calls lml_product_kernel_for.
 */
#ifndef LML_PRODUCT_VARIANTS_H
#define LML_PRODUCT_VARIANTS_H

#include "potential/product/product.h"

extern const lml_product_kernel lml_product_kernel_generic;
#ifdef LML_KERNEL_X86
extern const lml_product_kernel lml_product_kernel_avx2;
extern const lml_product_kernel lml_product_kernel_avx512;
#endif

#endif
