/** @file unknown_species.h
 *  Atoms of species that the ML calculator does not know, such as helium in tungsten: invisible to it.
 */
#ifndef LML_MIXING_UNKNOWN_SPECIES_H
#define LML_MIXING_UNKNOWN_SPECIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "lmlink/structure.h"
#include "mixing/mixing_region.h"
#include "structure/lattice.h"

/** Initialise with `lml_unknown_species f = {0};`, release with lml_unknown_species_free. */
typedef struct lml_unknown_species {
  size_t count;          /**< foreign atoms */
  size_t *parents;       /**< index in the parent of each atom that is visible; NULL where all are */
  size_t nvisible;       /**< likewise */
  unsigned char *flags;  /**< 1 for each foreign atom of the parent; NULL where there is none */
  lml_structure visible; /**< without them, as last stripped */
} lml_unknown_species;

/** Find the atoms of @p structure whose species are not among the @p nknown in @p known (NULL: there are none). */
lml_status lml_unknown_species_find(lml_unknown_species *unknown, const lml_structure *structure, const int *known,
                                    size_t nknown, lml_error *error);

/** LML_ERR_INPUT where one of them is a QM atom of none of the regions, in a structure whose atoms are those of
 *  @p structure: nothing would give it a force. */
lml_status lml_unknown_species_check(const lml_unknown_species *unknown, const lml_structure *structure,
                                     const lml_mixing_region *regions, size_t nregions, lml_error *error);

/** Tell which atoms whose force is the ML calculator's, wholly or in part, lie within @p distance (Å) of one. */
void lml_unknown_species_warn(const lml_unknown_species *unknown, const lml_structure *structure,
                              const lml_mixing_region *regions, size_t nregions, double distance, const lml_log *log);

/** Whether atom @p i of a cluster, whose lattice is @p lattice, is foreign, or within @p distance (Å) of one of its
 * atoms that is. */
bool lml_unknown_species_touch(const lml_unknown_species *unknown, const lml_cluster *cluster,
                               const lml_lattice *lattice, size_t i, double distance);

/** Set the @p values (natoms × @p width) of foreign atoms, and of those within @p distance (Å) of one, to NaN: what the
 *  ML calculator cannot say of atoms whose neighbours it does not see. */
lml_status lml_unknown_species_blank(const lml_unknown_species *unknown, const lml_structure *structure,
                                     double distance, size_t width, double *values, lml_error *error);

/** Whether none of the other atoms of @p structure is at the place of a foreign one, which the ML calculator cannot
 *  tell: LML_ERR_INPUT, as of lml_structure_check_apart. */
lml_status lml_unknown_species_check_apart(const lml_unknown_species *unknown, const lml_structure *structure,
                                           lml_error *error);

/** @p structure without foreign atoms; itself where there are none. */
lml_status lml_unknown_species_strip(lml_unknown_species *unknown, const lml_structure *structure,
                                     const lml_structure **seen, lml_error *error);

/** Index in the parent of visible atom @p i. */
size_t lml_unknown_species_parent(const lml_unknown_species *unknown, size_t i);

void lml_unknown_species_free(lml_unknown_species *unknown);

#endif
