/** @file uf3_model.h
 *  UF3 (Xie, Rupp and Hennig, npj Comput. Mater. 9, 162 (2023)): a pair's energy is a cubic B-spline of its distance, a
 *  triplet's a sum of products of three cubic B-splines, one for each distance, with a tensor of coefficients.
 *
 *  The coefficients of an atom's element, of all its pairs and triplets, stand one after the other in its *tensor*.
 * Those that a retraining changes are *components*: a coefficient and the one with the two outer atoms of a triplet
 * exchanged, where these are of one element, are one component; coefficients that keep an energy smooth at the cutoff,
 * and are zero, are none.
 */
#ifndef LML_UF3_UF3_MODEL_H
#define LML_UF3_UF3_MODEL_H

#include "potential/uf3/uf3_spline.h"

enum {
  LML_UF3_TRIM = 3, /**< last coefficients of a distance, which are zero where an energy ends smoothly */
  LML_UF3_NO_COMPONENT = -1,
  LML_UF3_NO_TRIPLET = -1
};

/** The spline of a pair of elements. */
typedef struct lml_uf3_pair {
  int a, b;      /**< elements, by index */
  double cutoff; /**< Å */
  lml_uf3_spline spline;
  size_t trim;  /**< last coefficients that are no components: LML_UF3_TRIM or 0 */
  size_t first; /**< place of its coefficients in the tensor of either element */
  size_t curve; /**< place of its polynomials, four numbers for each interval, among those of all pairs */
} lml_uf3_pair;

enum { LML_UF3_TO_A, LML_UF3_TO_B, LML_UF3_BETWEEN, LML_UF3_DISTANCES /**< of a triplet */ };

/** The splines of a triplet of elements: a central atom and two atoms within the cutoff of it, in either order. */
typedef struct lml_uf3_triplet {
  int centre, a, b; /**< elements, by index */
  double cutoff;    /**< Å, from the central atom to either of the others */
  lml_uf3_spline splines[LML_UF3_DISTANCES];
  size_t trim;
  size_t first;      /**< place of its coefficients in the tensor of the centre: as [to a][to b][between] */
  size_t by_a, by_b; /**< how far it is from one of them to the next by the distance to a, and to b */
} lml_uf3_triplet;

/** Where an element's coefficients are among the components. */
typedef struct lml_uf3_tensor {
  size_t count;
  int32_t *component; /**< of each coefficient, or LML_UF3_NO_COMPONENT */
} lml_uf3_tensor;

/** Initialise with `lml_uf3_model m = {0};`, release with lml_uf3_model_free. */
typedef struct lml_uf3_model {
  size_t nelements, npairs, ntriplets;
  lml_uf3_pair *pairs;       /**< one for each unordered pair */
  lml_uf3_triplet *triplets; /**< none, or one for each centre and unordered pair of the others */
  size_t *pair_of;           /**< nelements × nelements: index among the pairs */
  int32_t *triplet_of;       /**< nelements³ by centre, a, b: index among the triplets; NULL: there are none */
  /** nelements × (1 + nelements), Å²: squares of the distance from a centre within which an element has pairs with it,
   *  and may be in triplets; after one that is negative, for atoms without an element. */
  double *pair_limits, *triplet_limits;
  lml_uf3_tensor *tensors; /**< nelements */
  size_t ncomponents, ncurves;
} lml_uf3_model;

/** Coefficients of a triplet. */
size_t lml_uf3_triplet_count(const lml_uf3_triplet *triplet);

/** Make all but the pairs and triplets, which are there: their places, the tables of indices, and the components. Each
 *  pair is there; with @p missing, of all triplets or none: the elements (centre, a, b) of one that lacks are written
 *  there, else -1. */
lml_status lml_uf3_model_index(lml_uf3_model *model, int missing[3], lml_error *error);

/** Free the arrays and make the model empty. */
void lml_uf3_model_free(lml_uf3_model *model);

#endif
