/** @file term_lines.h
 *  A potential's fixed terms as lines of a LAMMPS input script, in which types are in the order of its elements.
 */
#ifndef LML_POTENTIAL_TERM_LINES_H
#define LML_POTENTIAL_TERM_LINES_H

#include "base/file.h"
#include "potential/potential.h"

enum { LML_TERM_STYLES_TEXT = 512 /**< bytes, with the NUL */ };

/** The styles that a pair_style line has for the terms, "zbl 4.0 4.8 table spline 1000"; empty where none is to be
 *  added there. */
void lml_term_styles(const lml_potential *potential, char text[LML_TERM_STYLES_TEXT]);

/** Write the pair_coeff lines of all terms to @p writer, which is of the file @p file, each behind @p before, which may
 *  make it a comment. */
lml_status lml_term_lines_write(const lml_potential *potential, const char *file, const char *before,
                                lml_file_writer *writer, lml_error *error);

/** Let @p potential know what such a comment of the file @p path, which it was read from, says. */
lml_status lml_term_remark_read(lml_potential *potential, const char *path, lml_error *error);

/** Write the pair_style line and those of pair_coeff as comments of the file @p file that tell what was subtracted
 * before a fit, each behind @p before; nothing where no term is to be added there. */
lml_status lml_term_remark_write(const lml_potential *potential, const char *file, const char *before,
                                 lml_file_writer *writer, lml_error *error);

#endif
