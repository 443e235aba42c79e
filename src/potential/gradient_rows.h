/** @file gradient_rows.h
 *  Gradients of the descriptors, −∂(Σᵢ Dᵢ)/∂r, of chosen atoms, a few atoms at a time.
 *
 *  ∂(Σᵢ Dᵢ)/∂r of one atom needs B and ∂B/∂r of the atom and of each of its neighbours, the *sources*. These are found
 *  first and kept, source by source; the quadratic part is then, for each direction, a product of two small matrices,
 *  Bᵀ (∂B/∂r), with one row for each source.
 */
#ifndef LML_POTENTIAL_GRADIENT_ROWS_H
#define LML_POTENTIAL_GRADIENT_ROWS_H

#include "potential/descriptors.h"

/** Initialise with `lml_gradient_rows r = {0};`, reuse, release with lml_gradient_rows_free. */
typedef struct lml_gradient_rows {
  const double *centre; /**< elements × components: what B is counted from in products, the caller's; NULL: zero */
  size_t most;          /**< doubles in the entries at hand, or what one atom has; 0: as many as are good, 256 MB */
  lml_descriptors *descriptors;
  const size_t *atoms; /**< chosen ones, indices in the structure */
  size_t natoms;
  size_t next;       /**< of the chosen ones: first whose rows are not written yet */
  size_t begin, end; /**< of the chosen ones: those whose sources are at hand */
  int32_t *sorted;   /**< sorted index of each of the structure's atoms */
  int32_t *place;    /**< of each sorted atom: among begin … end − 1, or that it is a source, or neither */
  double *values;    /**< sorted atoms × stride: B of the sources */
  size_t *first;     /**< chosen atoms at hand + 1: their entries, one for each source */
  size_t *count;     /**< chosen atoms at hand: entries so far */
  int32_t *seen;     /**< chosen atoms at hand: the source that was counted last */
  int32_t *source;   /**< of each entry: sorted index */
  double *entries;   /**< 3 × stride each: −∂B/∂r of the source by the chosen atom */
  lml_gradient_place *targets; /**< columns × width: the entry that a neighbour's gradient is added to */
  double *spare;               /**< 3 × stride: takes what no chosen atom needs */
  const double **pointers;     /**< 2 × sources of an atom: their B and −∂B/∂r */
  size_t stride;               /**< ncomponents, rounded up to whole vectors */
  size_t sorted_capacity, place_capacity, values_capacity, first_capacity, count_capacity, seen_capacity;
  size_t source_capacity, entries_capacity, targets_capacity, spare_capacity, pointers_capacity;
} lml_gradient_rows;

/** Where the rows of an atom go: the row of direction d and element e begins at d × @p direction + e × @p element. */
typedef struct lml_gradient_layout {
  size_t atom, direction, element; /**< strides */
} lml_gradient_layout;

/** Begin with @p natoms atoms of @p structure; both arrays must live until the last row is written. */
lml_status lml_gradient_rows_begin(lml_gradient_rows *rows, lml_descriptors *descriptors,
                                   const lml_structure *structure, const size_t *atoms, size_t natoms,
                                   lml_error *error);

/** Write the rows of the next @p natoms of the chosen atoms; each has ncoefficients − 1 numbers. */
lml_status lml_gradient_rows_next(lml_gradient_rows *rows, size_t natoms, double *to, const lml_gradient_layout *layout,
                                  lml_error *error);

/** Doubles that rows of @p nchosen of @p natoms atoms keep, at most, unless neighbours are very many. */
size_t lml_gradient_rows_room(const lml_descriptors *descriptors, size_t natoms, size_t nchosen);

void lml_gradient_rows_free(lml_gradient_rows *rows);

#endif
