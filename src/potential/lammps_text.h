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

/** A comment that says something about the file; line is 0 where there is none. */
typedef struct lml_lammps_remark {
  size_t line;
  char text[256]; /**< without the '#' */
} lml_lammps_remark;

/** Begin of the comment that marks files which were written together; see generation.h. */
#define LML_GENERATION_WORD "lmlink-generation:"

/** Comments that are known, the first of each kind: of lmlink, and of FitSNAP, which writes the pair style of the
 *  reference that it subtracted before it fitted. */
typedef struct lml_lammps_remarks {
  lml_lammps_remark generation, pair_style;
} lml_lammps_remarks;

/** Like lml_lammps_line, passing over lines with nothing but blanks and comments. What is known of the comments goes to
 *  @p remarks (may be NULL). */
lml_status lml_lammps_full_line(lml_lines *lines, lml_lammps_remarks *remarks, lml_token *content, bool *end,
                                lml_error *error);

/** The known comments of the file @p path, whatever else is in it. */
lml_status lml_lammps_remarks_read(const char *path, lml_lammps_remarks *remarks, lml_error *error);

/** Split at blanks and at single and double quotes, as LAMMPS does in potential files. At most @p max tokens are
 *  stored, the number of all there are is returned. */
size_t lml_lammps_split(lml_token content, lml_token *tokens, size_t max);

/** The quote between which @p word is one word of an input script. */
const char *lml_lammps_quote(const char *word);

/** lml_fail with LML_ERR_INPUT and "path:line: " of the line read last in front. */
lml_status lml_lammps_fail(const lml_lines *lines, lml_error *error, const char *format, ...) LML_PRINTF(3, 4);

/** A finite decimal number; @p what names it in messages. */
lml_status lml_lammps_real(const lml_lines *lines, lml_token word, const char *what, double *value, lml_error *error);

/** A whole number from @p min to @p max. */
lml_status lml_lammps_integer(const lml_lines *lines, lml_token word, const char *what, int64_t min, int64_t max,
                              int64_t *value, lml_error *error);

#endif
