/** @file atom_columns.h
 *  Which neighbours of one atom share a column of its gradients: see lml_bispectrum_batch.
 */
#ifndef LML_BISPECTRUM_ATOM_COLUMNS_H
#define LML_BISPECTRUM_ATOM_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

/** A column: a neighbour and its periodic images. */
typedef struct lml_atom_column {
  int32_t owner; /**< sorted index */
  int label;     /**< of its element */
  int count;     /**< of images */
} lml_atom_column;

/** One atom's columns. Initialise with zeros, release with lml_atom_columns_free. */
typedef struct lml_atom_columns {
  lml_atom_column *list; /**< those of one label together, those with most neighbours first */
  size_t count, limit;
  int *of;       /**< column of each neighbour; −1: none */
  size_t *order; /**< scratch */
} lml_atom_columns;

/** Room for @p limit neighbours. */
lml_status lml_atom_columns_make(lml_atom_columns *columns, size_t limit, lml_error *error);
void lml_atom_columns_free(lml_atom_columns *columns);

/** No neighbour yet. */
void lml_atom_columns_begin(lml_atom_columns *columns);

/** Put neighbour number @p i, an image of @p owner, into the column of that, whose element has the label @p label. */
void lml_atom_columns_add(lml_atom_columns *columns, size_t i, int32_t owner, int label);

/** Sort the columns; the numbers of @p nnear neighbours' columns with them. */
void lml_atom_columns_sort(lml_atom_columns *columns, size_t nnear);

#endif
