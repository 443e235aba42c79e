/** @file energy_offset.h
 *  Offsets of energies, one for each element, that are fitted beside Θ and are no part of it: what the zero of energy
 * of the code that gave them differs by.
 *
 *  Minimised over δ and o is Σ w (r − a·δ − c·o)² over the rows of energies per atom, where c are the fractions of each
 *  element's atoms. With Z Zᵀ the pseudo-inverse of Σ w c cᵀ, the best o is Z Zᵀ (Σ w r c − Σ w c aᵀ δ), the one of
 *  minimum norm; what is left is a problem in δ alone, whose sums are those over all rows less Uᵀ U, where U = Zᵀ Σ w c
 *  aᵀ. As the fractions are the columns of the elements' constants, these columns are zero in a.
 */
#ifndef LML_RETRAIN_SUMS_ENERGY_OFFSET_H
#define LML_RETRAIN_SUMS_ENERGY_OFFSET_H

#include <stddef.h>

#include "base/comm.h"
#include "lmlink/error.h"

/** Sums over rows whose energies are offset. Initialise with `lml_offset_sums s = {0};`, release with
 *  lml_offset_sums_free. */
typedef struct lml_offset_sums {
  size_t count, width; /**< elements, 0: no offsets; coefficients */
  double *numbers;     /**< all of the following */
  size_t nnumbers;
  double *gram;    /**< count²: Σ w c cᵀ */
  double *rows;    /**< count × width: Σ w c aᵀ */
  double *rhs;     /**< count: Σ w r c */
  double *factor;  /**< room: count², the columns of Z one after the other */
  double *reduced; /**< room: count × width, U */
} lml_offset_sums;

lml_status lml_offset_sums_make(lml_offset_sums *sums, size_t count, size_t width, lml_error *error);
void lml_offset_sums_free(lml_offset_sums *sums);

/** Back to no rows. */
void lml_offset_sums_clear(lml_offset_sums *sums);
void lml_offset_sums_add(lml_offset_sums *to, const lml_offset_sums *from);

/** Add up the sums of all ranks on rank 0; give rank 0's to all. */
lml_status lml_offset_sums_collect(lml_offset_sums *sums, lml_comm *comm, lml_error *error);
lml_status lml_offset_sums_share(lml_offset_sums *sums, lml_comm *comm, lml_error *error);

/** Add a row a (width) of fractions c (count), deviation r and weight w. */
void lml_offset_sums_accumulate(lml_offset_sums *sums, const double *fractions, const double *row, double deviation,
                                double weight);

/** Find Z and U: their number of columns and rows, which is how many offsets the compositions determine. */
size_t lml_offset_sums_reduce(const lml_offset_sums *sums);

/** With Z and U found: the @p count offsets that are best for δ; @p delta NULL: zero. */
void lml_offset_sums_find(const lml_offset_sums *sums, size_t rank, const double *delta, double *offsets);

/** With Z found: make a row a − (Z Zᵀ c) · Σ w c aᵀ of it, which tells of δ alone. Returns cᵀ Z Zᵀ c. */
double lml_offset_sums_project(const lml_offset_sums *sums, size_t rank, const double *fractions, double *row);

#endif
