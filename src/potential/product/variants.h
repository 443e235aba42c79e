/** @file variants.h
 *  The variants of the product's kernel; the rest of the library calls lml_product_kernel_for.
 */
#ifndef LML_PRODUCT_VARIANTS_H
#define LML_PRODUCT_VARIANTS_H

#include "potential/product/product.h"

LML_DECLARE_VARIANTS(lml_product_kernel);

#endif
