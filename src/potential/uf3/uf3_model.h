/** @file uf3_model.h
 *  Two-body UF3: a pair's energy is a cubic B-spline of its distance.
 */
#ifndef LML_UF3_UF3_MODEL_H
#define LML_UF3_UF3_MODEL_H

#include <stddef.h>

enum { LML_UF3_ORDER = 4 /**< basis functions that are not zero at a point */ };

/** The spline of a pair of elements. */
typedef struct lml_uf3_pair {
  int a, b;      /**< elements, by index */
  double cutoff; /**< Å */
  size_t nknots; /**< at least 8 */
  double *knots; /**< Å, ascending */
  size_t first;  /**< its first component; it has nknots − 4 of them */
} lml_uf3_pair;

typedef struct lml_uf3_model {
  size_t nelements, npairs;
  lml_uf3_pair *pairs; /**< one for each unordered pair */
  size_t *pair_of;     /**< nelements × nelements: index among the pairs */
} lml_uf3_model;

/** Components of a pair. */
size_t lml_uf3_ncomponents(const lml_uf3_pair *pair);

/** The basis functions that are not zero at @p r, and their derivatives (1/Å); returns the first one's number. Below
 * the first knot the polynomials of the first interval go on. */
size_t lml_uf3_basis(const lml_uf3_pair *pair, double r, double values[LML_UF3_ORDER], double slopes[LML_UF3_ORDER]);

/** Free the arrays and make the model empty. */
void lml_uf3_model_free(lml_uf3_model *model);

#endif
