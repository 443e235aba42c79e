/** @file gradient_columns.h
 *  Columns of gradients of components (descriptor.h, `gradients`), of families whose neighbours stand in slots.
 */
#ifndef LML_POTENTIAL_GRADIENT_COLUMNS_H
#define LML_POTENTIAL_GRADIENT_COLUMNS_H

#include "potential/descriptor.h"

/** A run's neighbours and their columns: number k of the atom in each lane stands at k × width + lane. */
typedef struct lml_gradient_columns {
  size_t nslots, width;
  const int32_t *neighbour; /**< nslots × width: atom; −1: none */
  int32_t *column;          /**< the same shape: of each neighbour; −1: none */
  int32_t *columns;         /**< the same shape: an atom of each column */
} lml_gradient_columns;

/** Give the neighbours of a lane's atom their columns; returns how many there are. */
size_t lml_gradient_columns_find(const lml_gradient_columns *columns, const lml_run_of_atoms *run,
                                 const int32_t *places, size_t lane);

/** Three rows of @p stride zeros, unless they are added to. */
void lml_gradient_place_clear(const lml_gradient_place *place, size_t stride);

#endif
