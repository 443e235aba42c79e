/** @file table_file.h
 *  Sections of the files of LAMMPS's `pair_style table`: energies and forces of a pair at some distances.
 */
#ifndef LML_POTENTIAL_TABLE_FILE_H
#define LML_POTENTIAL_TABLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text_list.h"

/** Where the distances of a section come from. */
typedef enum lml_table_distances {
  LML_TABLE_WRITTEN,     /**< the file's second column */
  LML_TABLE_EVEN,        /**< `R`: evenly from low to high */
  LML_TABLE_EVEN_SQUARES /**< `RSQ`: their squares evenly */
} lml_table_distances;

/** Initialise with `lml_table_section s = {0};`, release with lml_table_section_free. */
typedef struct lml_table_section {
  size_t count;   /**< at least 2 */
  double *r;      /**< Å, ascending, positive */
  double *energy; /**< eV, of the whole pair */
  double *force;  /**< eV/Å, −dE/dr as the file has it */
  lml_table_distances distances;
  double low, high;             /**< Å: of `R` and `RSQ`, else the first and the last distance */
  bool has_slopes;              /**< `FPRIME` is there */
  double low_slope, high_slope; /**< eV/Å²: dF/dr at both ends, with has_slopes */
} lml_table_section;

/** Read the section that begins with the word @p name, the first of that name. What LAMMPS warns of goes to @p
 * warnings: forces that are not the slope of the energies, and distances that are not those of `R` and `RSQ`. Errors
 * name file and line. */
lml_status lml_table_section_read(const char *path, const char *name, lml_table_section *section,
                                  lml_text_list *warnings, lml_error *error);

void lml_table_section_free(lml_table_section *section);

#endif
