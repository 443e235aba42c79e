/** @file format.h
 *  Formats of potentials' files. A format is a table of operations, and formats.c lists all there are.
 */
#ifndef LML_POTENTIAL_FORMAT_H
#define LML_POTENTIAL_FORMAT_H

#include "potential/potential.h"
#include "potential/script/pair_styles.h"

/** What a user asks for. */
typedef struct lml_potential_request {
  const char *path;
  const char *parameters; /**< another file beside it, NULL: none was named */
  lml_fixed_terms fixed_terms;
} lml_potential_request;

typedef struct lml_format {
  const char *name;                /**< "LAMMPS SNAP" */
  const char *files;               /**< what to tell a user of its files' names */
  const char *extension;           /**< of the files that it writes Θ to; NULL: it writes none */
  const char *parameter_extension; /**< of those that the rest goes to; NULL: one file holds all */
  bool holds_quadratic;            /**< its files can hold quadratic potentials */
  /** Whether a file that begins with @p text is in this format. */
  bool (*is_content)(const char *text);
  /** Whether one is by its name, or because of what else is asked for; it is asked where no format knows the content.
   */
  bool (*is_name)(const lml_potential_request *request);
  /** Fill all of @p potential but `path`, and `format` where that which it is written in is another one. */
  lml_status (*read)(const lml_potential_request *request, lml_potential *potential, lml_error *error);
  /** Bits 1 << kind: the pair styles of LAMMPS whose files it reads; 0: none. */
  unsigned pair_kinds;
  /** NULL without such. The same as `read` for the files and elements that lines of a LAMMPS input script name; but for
   *  the fixed terms that these add, and `script`. */
  lml_status (*read_styles)(const lml_pair_styles *styles, lml_potential *potential, lml_error *error);
  /** Of a file with lines for LAMMPS that is written beside the coefficients. */
  const char *script_extension;
  /** The pair style that these lines have, "uf3 3"; NULL without them. The number of its bytes. */
  size_t (*style)(const lml_potential *potential, char *text, size_t size);
  /** NULL without an extension. Write Θ to @p path and the rest to @p parameters, each whole or not at all; see
   * lml_potential_write. */
  lml_status (*write)(const lml_potential *potential, const char *path, const char *parameters, const char *comment,
                      lml_error *error);
} lml_format;

/** The format of the file that is asked for: by its content or else by its name. */
lml_status lml_format_find(const lml_potential_request *request, const lml_format **format, lml_error *error);

/** The format that reads the files of a pair style. */
const lml_format *lml_format_of_style(lml_pair_kind kind);

/** In the beginning of a file: the first line that is not empty and no '#' comment. */
const char *lml_format_first_line(const char *text);

/** Whether @p text begins with one of @p words, NULL-terminated, as a whole word. */
bool lml_format_begins_with(const char *text, const char *const *words);

/** The format whose coefficients are written to files with the extension of @p path; NULL: none. */
const lml_format *lml_format_written_to(const char *path);

/** Write @p potential to @p path, and its parameters to the file of the same name beside it where its format has such;
 *  see lml_potential_write. LML_ERR_USAGE where the extension of @p path is not that of its format. */
lml_status lml_format_write(const lml_potential *potential, const char *path, const char *comment, lml_error *error);

/** What can be written: "a .snapcoeff file or a .uf3 file", into @p size bytes. */
void lml_format_extensions(char *text, size_t size);

#endif
