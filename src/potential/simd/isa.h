/** @file isa.h
 *  The instruction sets that kernels are compiled for, and the choice of one at run time.
 *
 *  An array "of vectors" holds `lanes` doubles, one an atom, for each of its elements, and is aligned to LML_ALIGNMENT.
 */
#ifndef LML_SIMD_ISA_H
#define LML_SIMD_ISA_H

#include <stddef.h>

#include "lmlink/error.h"

/** Lanes of the kernels for any processor: two, which SSE2 and NEON have. The compiler can build any number of lanes
 *  from those: a build for tests asks for eight, so that this width is tried on processors that don't have it. */
#ifndef LML_GENERIC_LANES
#define LML_GENERIC_LANES 2
#endif

enum { LML_LANES_LIMIT = 8 /**< of all instruction sets */ };

/** Places in a kernel's list of its variants. */
enum {
  LML_ISA_GENERIC,
#ifdef LML_KERNEL_X86
  LML_ISA_AVX2,
  LML_ISA_AVX512,
#endif
  LML_ISA_COUNT
};

/* A kernel's variants are objects of one type whose names are that type's with _generic, _avx2, … after it. In the file
 * of one variant LML_ISA is the last word. */
#ifdef LML_KERNEL_X86
/** Declare them. */
#define LML_DECLARE_VARIANTS(type) extern const type type##_generic, type##_avx2, type##_avx512
/** Their list, which an lml_isa's place is an index into. */
#define LML_LIST_VARIANTS(type) \
  { [LML_ISA_GENERIC] = &type##_generic, [LML_ISA_AVX2] = &type##_avx2, [LML_ISA_AVX512] = &type##_avx512 }
#else
#define LML_DECLARE_VARIANTS(type) extern const type type##_generic
#define LML_LIST_VARIANTS(type) \
  { [LML_ISA_GENERIC] = &type##_generic }
#endif
/** Begin the definition of one. */
#define LML_VARIANT(type) const type LML_VARIANT_NAME(type, LML_ISA)
#define LML_VARIANT_NAME(type, isa) LML_VARIANT_JOIN(type, isa)
#define LML_VARIANT_JOIN(type, isa) type##_##isa

typedef struct lml_isa {
  const char *name; /**< "generic", "avx2", "avx512" */
  size_t lanes;     /**< doubles in a vector */
  size_t place;     /**< one of those above */
} lml_isa;

/** The widest instruction set that this processor runs, or the one that the environment variable LMLINK_ISA names
 *  ("generic", "avx2", "avx512"); an error where it names none or one that the processor lacks. */
lml_status lml_isa_best(const lml_isa **isa, lml_error *error);

#endif
