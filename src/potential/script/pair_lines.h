/** @file pair_lines.h
 *  The pair_coeff lines of fixed terms: which pairs of atom types each is about, and what follows for elements.
 */
#ifndef LML_SCRIPT_PAIR_LINES_H
#define LML_SCRIPT_PAIR_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

/** A range of atom types as it is written: "2", "*", "2*", "*3", "1*2"; high is 0 where it is open. */
typedef struct lml_type_range {
  size_t low, high;
} lml_type_range;

/** Read one; false where @p word is none. */
bool lml_type_range_parse(const char *word, lml_type_range *range);

/** A pair_coeff line. */
typedef struct lml_pair_line {
  size_t line;
  lml_type_range i, j;
  size_t style;  /**< number of the style on the pair_style line, among those of its kind */
  double zi, zj; /**< of zbl: charges */
  char *path;    /**< of table: the file; NULL of zbl */
  char *section; /**< of table */
  double cutoff; /**< of table, Å; 0: the table's */
} lml_pair_line;

/** Initialise with `lml_pair_lines l = {0};`, release with lml_pair_lines_free. */
typedef struct lml_pair_lines {
  lml_pair_line *lines;
  size_t count, capacity;
} lml_pair_lines;

/** Append @p line, whose texts are taken over, also on failure. */
lml_status lml_pair_lines_take(lml_pair_lines *lines, lml_pair_line line, lml_error *error);
void lml_pair_lines_free(lml_pair_lines *lines);

/** Whether a line is about atoms of type @p type (counted from 1) alone, or with those of another one, @p other. */
bool lml_pair_line_is_of(const lml_pair_line *line, size_t type, size_t *other);

/** Atom types and their elements. */
typedef struct lml_atom_types {
  size_t count;
  size_t *element; /**< of each type */
  size_t nelements;
} lml_atom_types;

/** Give each pair of elements the line that is about it: @p of_pair (nelements², NULL: none) for the lines of style
 *  @p style. As in LAMMPS, a later line wins over an earlier one. Types of one element must have the same; @p swapped
 *  (nelements²) says where the line's first charge is the second element's. Errors name @p path and the line. */
lml_status lml_pair_lines_apply(const lml_pair_lines *lines, size_t style, const lml_atom_types *types,
                                const char *path, const lml_pair_line **of_pair, bool *swapped, lml_error *error);

#endif
