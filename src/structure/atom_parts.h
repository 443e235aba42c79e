/** @file atom_parts.h
 *  Parts of a structure's atoms, of about equal work and each together in space, and the atoms that are near a part:
 * what an MPI rank searches for neighbours. Only the little that is done here is done by every rank for all atoms.
 */
#ifndef LML_STRUCTURE_ATOM_PARTS_H
#define LML_STRUCTURE_ATOM_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/thread_pool.h"
#include "lmlink/structure.h"

/** Fails as lml_structure_check does, and where there are more atoms than 32-bit indices count. */
lml_status lml_structure_check_indices(const lml_structure *structure, lml_error *error);

/** Initialise with `lml_atom_part p = {0};`, reuse, release with lml_atom_part_free. */
typedef struct lml_atom_part {
  int32_t *atoms; /**< count indices in the structure: first the part's own atoms, then others; each ascending */
  size_t nown;    /**< may be 0 */
  size_t count;   /**< at least 1 */
  int32_t *bins;  /**< of each atom of the structure */
  size_t atoms_capacity, bins_capacity;
} lml_atom_part;

/** How a structure is parted. */
typedef struct lml_atom_parting {
  double cutoff; /**< Å, > 0: all atoms that have an image nearer than this to one of the part's own are in it */
  double per_neighbour; /**< an atom's work is taken as 1 + this × its neighbours, whose number is estimated */
  size_t parts;
} lml_atom_parting;

/** Find part number @p number of @p structure, by the threads of @p pool (NULL: the caller's). The result depends on
 *  the structure and @p parting alone, so that ranks that call it with the same have each atom once. */
lml_status lml_atom_part_find(lml_atom_part *part, const lml_structure *structure, const lml_atom_parting *parting,
                              size_t number, lml_pool *pool, lml_error *error);

void lml_atom_part_free(lml_atom_part *part);

#endif
