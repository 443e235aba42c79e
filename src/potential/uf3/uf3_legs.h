/** @file uf3_legs.h
 *  The triplets of one central atom: the atoms near enough to be in one, its *legs*, and the basis functions of each.
 */
#ifndef LML_UF3_UF3_LEGS_H
#define LML_UF3_UF3_LEGS_H

#include <stdbool.h>

#include "potential/simd/isa.h"
#include "potential/uf3/uf3_model.h"

enum { LML_UF3_FOUR = 32 /**< bytes of four doubles, which kernels load at once */ };

/** The basis functions of a leg's distance, in triplets with another leg of one element. */
typedef struct lml_uf3_side {
  _Alignas(2 *
           LML_UF3_FOUR) double spread[8 * LML_UF3_ORDER]; /**< of each, four times its value, four times its slope */
  double values[LML_UF3_ORDER];
  double slopes[LML_UF3_ORDER]; /**< 1/Å */
  size_t first;                 /**< number of the first one */
  bool inside;                  /**< the distance is one that has triplets */
} lml_uf3_side;

/** A neighbour that may be in triplets. */
typedef struct lml_uf3_leg {
  double r;                    /**< Å */
  const int32_t *triplet_with; /**< by element of the other leg: index among the triplets */
  lml_uf3_side *sides;         /**< by element of the other leg */
  size_t slot;                 /**< of the neighbour */
  int element;
} lml_uf3_leg;

/** Numbers of each leg that kernels work with, arrays of vectors. They load and store up to a vector beyond the last
 *  leg. */
typedef struct lml_uf3_leg_numbers {
  double *vector[3]; /**< Å: from the central atom */
  double *pull[3];   /**< eV/Å: minus ∂E/∂r of the leg, by its distances from those before it */
  double *back;      /**< × 4, eV/Å: the same, plus, from those after it; and dE/dr by its distance from the centre */
  double *along;     /**< × 4, eV/Å: parts of dE/dr by that distance, in triplets with those before it */
  double *between;   /**< × 4, eV/Å: parts of dE/dr by the distance between two legs */
  double *slope;     /**< eV/Å: their sums */
  double *r, *inverse; /**< Å, 1/Å: that distance */
} lml_uf3_leg_numbers;

/** Initialise with `lml_uf3_legs l = {0};`, release with lml_uf3_legs_free. */
typedef struct lml_uf3_legs {
  const lml_uf3_model *model;
  size_t count, room;
  int centre;          /**< element of the central atom */
  lml_uf3_leg *legs;   /**< those of one element one after the other */
  size_t *ends;        /**< by element: number of the first leg behind those of it */
  lml_uf3_side *sides; /**< count × nelements */
  double *numbers;     /**< what `of` points into */
  int32_t *bins;       /**< of the distance between two legs, in its spline */
  lml_uf3_leg_numbers of;
} lml_uf3_legs;

/** Room for @p count numbers and up to a vector beyond them, in whole vectors. */
static inline size_t lml_uf3_padded(size_t count) {
  return (count + 2 * LML_LANES_LIMIT - 1) / LML_LANES_LIMIT * LML_LANES_LIMIT;
}

/** Two legs that make a triplet with the centre, in the order of the triplet's elements. */
typedef struct lml_uf3_corner {
  const lml_uf3_triplet *triplet;
  size_t a, b; /**< legs */
  const lml_uf3_side *to_a, *to_b;
} lml_uf3_corner;

/** Make room for @p room legs. */
lml_status lml_uf3_legs_reserve(lml_uf3_legs *legs, const lml_uf3_model *model, size_t room, lml_error *error);

void lml_uf3_legs_begin(lml_uf3_legs *legs, int centre);

/** Add a neighbour that may be in a triplet; there is room. Those of one element come one after the other. */
void lml_uf3_legs_add(lml_uf3_legs *legs, const double vector[3], double r, int element, size_t slot);

/** The triplet of legs @p j and @p k; false where one is too near or too far. */
static inline bool lml_uf3_corner_at(const lml_uf3_legs *legs, size_t j, size_t k, lml_uf3_corner *corner) {
  const lml_uf3_leg *one = &legs->legs[j], *other = &legs->legs[k];
  const lml_uf3_triplet *triplet = &legs->model->triplets[one->triplet_with[other->element]];
  const lml_uf3_side *to_one = &one->sides[other->element], *to_other = &other->sides[one->element];
  const bool ordered = triplet->a == one->element;
  corner->triplet = triplet;
  corner->a = ordered ? j : k;
  corner->b = ordered ? k : j;
  corner->to_a = ordered ? to_one : to_other;
  corner->to_b = ordered ? to_other : to_one;
  return corner->to_a->inside && corner->to_b->inside;
}

/** What is between the two outer atoms of a triplet. */
typedef struct lml_uf3_between {
  double values[LML_UF3_ORDER], slopes[LML_UF3_ORDER];
  double direction[3]; /**< from b to a, of length 1 */
  size_t place;        /**< in the tensor: of the coefficient of the first basis functions of all three distances */
} lml_uf3_between;

/** False where they are too near each other to have triplets. */
bool lml_uf3_between_at(const lml_uf3_legs *legs, const lml_uf3_corner *corner, lml_uf3_between *between);

void lml_uf3_legs_free(lml_uf3_legs *legs);

#endif
