/** @file print.h
 *  Texts in the manner of printf, where nobody forgets to look whether they fit.
 */
#ifndef LML_BASE_PRINT_H
#define LML_BASE_PRINT_H

#include <stdarg.h>
#include <stddef.h>

#include "lmlink/error.h"

/** Write a text into @p text, which has @p size bytes, cut where it does not fit: for messages, and for what is
 * known to fit, such as a number. What a file, a command or a key is called is made by lml_print_new (memory.h).
 * Returns the length of what was written. */
size_t lml_print_cut(char *text, size_t size, const char *format, ...) LML_PRINTF(3, 4);
size_t lml_print_cut_list(char *text, size_t size, const char *format, va_list arguments) LML_PRINTF(3, 0);

/** Append to what @p text holds, cut where it does not fit. */
void lml_print_behind(char *text, size_t size, const char *format, ...) LML_PRINTF(3, 4);

#endif
