/** @file lammps_text.h
 *  What LAMMPS's text files have in common: comments, words, numbers, and errors that name file and line.
 */
#ifndef LML_POTENTIAL_LAMMPS_TEXT_H
#define LML_POTENTIAL_LAMMPS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/text.h"

/** The next line of @p lines without its comment ('#' and what follows) and without blanks at its ends, valid until
 *  the next call; *@p end becomes true at the end of the file. */
lml_status lml_lammps_line(lml_lines *lines, lml_token *content, bool *end, lml_error *error);

/** Like lml_lammps_line, passing over lines with nothing but blanks and comments. */
lml_status lml_lammps_full_line(lml_lines *lines, lml_token *content, bool *end, lml_error *error);

/** Split at blanks and at single and double quotes, as LAMMPS does in potential files. At most @p max tokens are
 *  stored, the number of all there are is returned. */
size_t lml_lammps_split(lml_token content, lml_token *tokens, size_t max);

/** lml_fail with LML_ERR_INPUT and "path:line: " of the line read last in front. */
lml_status lml_lammps_fail(const lml_lines *lines, lml_error *error, const char *format, ...) LML_PRINTF(3, 4);

/** A finite decimal number; @p what names it in messages. */
lml_status lml_lammps_real(const lml_lines *lines, lml_token word, const char *what, double *value, lml_error *error);

/** A whole number from @p min to @p max. */
lml_status lml_lammps_integer(const lml_lines *lines, lml_token word, const char *what, int64_t min, int64_t max,
                              int64_t *value, lml_error *error);

#endif
