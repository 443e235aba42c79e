/** @file memory.h
 *  Arrays from the seam, with overflow checks and errors that say what the memory was for.
 */
#ifndef LML_BASE_MEMORY_H
#define LML_BASE_MEMORY_H

#include <stddef.h>

#include "lmlink/error.h"

enum { LML_ALIGNMENT = 64 /**< bytes: a cache line, and the widest vector register */ };

/** Zeroed, 64-byte aligned array of @p count elements of @p size bytes into *@p array (any object pointer's address).
 *  @p what names the array in the error message. A count of 0 gives a valid pointer that may be freed.
 *  Free with lml_free. */
lml_status lml_alloc(void *array, size_t count, size_t size, const char *what, lml_error *error);

/** The same, but not zeroed: memory that is not used takes none of the machine's, and what is used comes to be the
 *  processor's that writes it. */
lml_status lml_alloc_untouched(void *array, size_t count, size_t size, const char *what, lml_error *error);

/** Resize *@p array, which came from lml_alloc or lml_grow or is NULL, to hold at least @p count elements,
 *  growing by at least half when it grows; *@p capacity (elements) is updated. New elements are not zeroed. On
 *  failure the old array stays valid. */
lml_status lml_grow(void *array, size_t *capacity, size_t count, size_t size, const char *what, lml_error *error);

/** Free what lml_alloc or lml_grow gave; NULL is fine. */
void lml_free(void *array);

/** Copy of the string @p text (may not be NULL), to be freed with lml_free; NULL and an error where memory is out. */
char *lml_strdup(const char *text, lml_error *error);

/** A text of any length, to be freed with lml_free; NULL and an error, which says what it is, where memory is out. */
char *lml_print_new(const char *what, lml_error *error, const char *format, ...) LML_PRINTF(3, 4);

#endif
