/** @file structure.h
 *  An atomic structure: cell, periodicity, species, positions.
 */
#ifndef LMLINK_STRUCTURE_H
#define LMLINK_STRUCTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

LML_BEGIN_DECLS

/** Plain data: the fields may be read and written directly; natoms is changed by lml_structure_resize alone.
 *  Initialise with `lml_structure s = {0};` (an empty structure) and release with lml_structure_free. */
typedef struct lml_structure {
  size_t natoms;
  double cell[9]; /**< Å, row vectors in rows (a, then b, then c); a non-periodic direction may have a zero vector */
  bool pbc[3];    /**< periodic along a, b, c */
  int *numbers;   /**< natoms atomic numbers */
  double *positions; /**< natoms × 3, Å, Cartesian; atoms may lie outside the cell */
} lml_structure;

/** Give @p structure room for @p natoms atoms (what was there up to that number is kept, the rest is zero). */
LML_API lml_status lml_structure_resize(lml_structure *structure, size_t natoms, lml_error *error);

/** Copy @p from over @p to, whose arrays are reused or freed. */
LML_API lml_status lml_structure_copy(lml_structure *to, const lml_structure *from, lml_error *error);

/** Free the arrays and make the structure empty. */
LML_API void lml_structure_free(lml_structure *structure);

/** Check what every calculator relies on: at least one atom, finite positions and cell, no zero or linearly
 *  dependent cell vector among the periodic directions. The error names the atom or the vector. */
LML_API lml_status lml_structure_check(const lml_structure *structure, lml_error *error);

/** The cell with every non-periodic vector that is zero (or depends linearly on the others) replaced by a unit vector
 *  orthogonal to the others, so that it can be inverted. @p cell receives 9 values (Å, rows). Fails as
 *  lml_structure_check does on the cell. */
LML_API lml_status lml_structure_complete_cell(const lml_structure *structure, double cell[9], lml_error *error);

/** Volume of the cell in Å³; 0 where a non-periodic direction has no cell vector. */
LML_API double lml_structure_volume(const lml_structure *structure);

/** Atomic number of a chemical symbol ("W" → 74), 0 where there is no such element. */
LML_API int lml_element_number(const char *symbol);

/** Chemical symbol of an atomic number (74 → "W"), "X" for a number outside 1 to 118. Static storage. */
LML_API const char *lml_element_symbol(int number);

LML_END_DECLS

#endif
