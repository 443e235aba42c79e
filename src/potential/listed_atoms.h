/** @file listed_atoms.h
 *  A structure's atoms with lmlink's own lists of neighbours.
 */
#ifndef LML_POTENTIAL_LISTED_ATOMS_H
#define LML_POTENTIAL_LISTED_ATOMS_H

#include "potential/atoms.h"
#include "potential/linear_model.h"
#include "structure/neighbours.h"

/** Initialise with `lml_listed_atoms a = {0};`, reuse, release with lml_listed_atoms_free. */
typedef struct lml_listed_atoms {
  lml_neighbours neighbours;
  lml_atom_part part;    /**< where the structure is shared out */
  signed char *elements; /**< natoms + nghosts */
  lml_atoms view;        /**< of these arrays */
  double skin;           /**< Å, of the lists */
  size_t elements_capacity;
} lml_listed_atoms;

/** Find the neighbours of part number @p part of @p parts equal parts of the atoms of @p structure: lists of an
 * earlier, similar structure serve again. */
lml_status lml_listed_atoms_find(lml_listed_atoms *atoms, const lml_linear_model *model, const lml_structure *structure,
                                 size_t part, size_t parts, lml_error *error);

/** The view of @p neighbours, whose atoms' and ghosts' elements are @p elements. */
lml_atoms lml_listed_atoms_view(lml_neighbours *neighbours, const signed char *elements);

void lml_listed_atoms_free(lml_listed_atoms *atoms);

#endif
