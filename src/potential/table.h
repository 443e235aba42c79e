/** @file table.h
 *  Energies of pairs by interpolation in a table, as LAMMPS's `pair_style table` does it.
 *
 *  LAMMPS doesn't interpolate between the file's entries: from splines through them it makes a table of its own, of as
 *  many points as the input script says, evenly in r² from the first distance to the cutoff, of energy and force/r, and
 *  interpolates both in it, each by itself. Forces are therefore the slopes of energies up to the error of either. At
 *  the cutoff both end, whatever they are there.
 */
#ifndef LML_POTENTIAL_TABLE_H
#define LML_POTENTIAL_TABLE_H

#include "potential/pair_term.h"
#include "potential/table_file.h"

/** How it is interpolated between the points: by straight lines in r², or by cubic splines in it. */
typedef enum lml_table_form { LML_TABLE_LINEAR, LML_TABLE_SPLINE } lml_table_form;

/** A `table` style of a pair_style line. */
typedef struct lml_table_style {
  lml_table_form form;
  size_t npoints; /**< at least 2 */
} lml_table_style;

/** A section of a file that a pair_coeff line names. */
typedef struct lml_table_source {
  char *path;
  char *section;
  double cutoff; /**< Å; 0: the last distance */
} lml_table_source;

/** A term of tables: read the @p nsources @p sources that the pairs of @p nelements elements name by @p of_pair
 *  (nelements², symmetric: 1 + index of a source, 0: none). What the user should know goes to @p warnings. NULL and
 *  LML_OK where no pair has one. Release with lml_pair_term_destroy. */
lml_status lml_table_term_create(const lml_table_style *style, const lml_table_source *sources, size_t nsources,
                                 const size_t *of_pair, size_t nelements, lml_text_list *warnings, lml_pair_term **term,
                                 lml_error *error);

#endif
