/** @file unit_sums.h
 *  Forces, those of other coefficients beside them, and virial of one unit of centres, apart from all others' until it
 * is their turn to be added: whichever thread evaluates the unit, sums are then made in the order of the units.
 */
#ifndef LML_POTENTIAL_UNIT_SUMS_H
#define LML_POTENTIAL_UNIT_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

/** Initialise with `lml_unit_sums s = {0};`, reuse, release with lml_unit_sums_free. */
typedef struct lml_unit_sums {
  double *forces;         /**< natoms × 3, eV/Å; all zero between units */
  double *beside;         /**< natoms × width, eV/Å: forces of other coefficients; the same */
  size_t width;           /**< 3 × of how many coefficients; 0: none */
  double virial[9];       /**< eV; the same */
  unsigned char *touched; /**< of each block of atoms, whether it is in the list */
  int32_t *blocks;        /**< list of the blocks that the unit's forces are in */
  size_t nblocks;
  size_t capacity; /**< atoms that there is room for */
} lml_unit_sums;

/** Make room for @p natoms atoms, images among them, with @p width numbers beside the forces of each, between units. */
lml_status lml_unit_sums_reserve(lml_unit_sums *sums, size_t natoms, size_t width, lml_error *error);

/** Note that the unit adds forces to @p count atoms @p list. */
void lml_unit_sums_touch(lml_unit_sums *sums, const int32_t *list, size_t count);

/** Add the unit's @p sums to @p forces (natoms × 3), @p beside (natoms × width) and @p virial (9), and set them to
 * zero.
 */
void lml_unit_sums_move(lml_unit_sums *sums, double *forces, double *beside, size_t natoms, double *virial);

void lml_unit_sums_free(lml_unit_sums *sums);

#endif
