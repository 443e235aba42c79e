#include "potential/uf3/uf3_legs.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "structure/vec3.h"

static const char what[] = "triplets of atoms";

/** Let the arrays of numbers be parts of one, each of @p room legs. */
static void place_numbers(lml_uf3_legs *legs, size_t room) {
  lml_uf3_leg_numbers *of = &legs->of;
  double **const single[] = {&of->vector[0], &of->vector[1], &of->vector[2], &of->pull[0], &of->pull[1],
                             &of->pull[2],   &of->slope,     &of->r,         &of->inverse};
  double **const four[] = {&of->back, &of->along, &of->between};
  double *next = legs->numbers;
  for (size_t k = 0; k < sizeof single / sizeof single[0]; k++, next += room) *single[k] = next;
  for (size_t k = 0; k < sizeof four / sizeof four[0]; k++, next += 4 * room) *four[k] = next;
}

lml_status lml_uf3_legs_reserve(lml_uf3_legs *legs, const lml_uf3_model *model, size_t room, lml_error *error) {
  enum { NUMBERS = 21 /* of a leg, see place_numbers */ };
  legs->model = model;
  if (model->triplet_of == NULL || room <= legs->room) return LML_OK;
  const size_t padded = lml_uf3_padded(room);
  lml_uf3_legs_free(legs);
  lml_status status = lml_alloc(&legs->legs, room, sizeof *legs->legs, what, error);
  if (status == LML_OK) status = lml_alloc(&legs->ends, model->nelements, sizeof *legs->ends, what, error);
  if (status == LML_OK) status = lml_alloc(&legs->sides, room * model->nelements, sizeof *legs->sides, what, error);
  if (status == LML_OK) status = lml_alloc(&legs->numbers, NUMBERS * padded, sizeof *legs->numbers, what, error);
  if (status == LML_OK) status = lml_alloc(&legs->bins, padded, sizeof *legs->bins, what, error);
  if (status != LML_OK) {
    lml_uf3_legs_free(legs);
    return status;
  }
  place_numbers(legs, padded);
  legs->model = model;
  legs->room = room;
  return LML_OK;
}

void lml_uf3_legs_begin(lml_uf3_legs *legs, int centre) {
  legs->centre = centre;
  legs->count = 0;
}

/** The basis functions of a leg in triplets with another of the element @p partner. */
static void put_side(const lml_uf3_legs *legs, const lml_uf3_leg *leg, size_t partner) {
  const lml_uf3_triplet *triplet = &legs->model->triplets[leg->triplet_with[partner]];
  const lml_uf3_spline *spline = &triplet->splines[triplet->a == leg->element ? LML_UF3_TO_A : LML_UF3_TO_B];
  lml_uf3_side *side = &leg->sides[partner];
  side->inside = leg->r < triplet->cutoff && leg->r >= spline->knots[0];
  side->first = lml_uf3_basis(spline, leg->r, side->values, side->slopes);
  for (size_t k = 0; k < LML_UF3_ORDER; k++)
    for (size_t copy = 0; copy < 4; copy++) {
      side->spread[8 * k + copy] = side->values[k];
      side->spread[8 * k + 4 + copy] = side->slopes[k];
    }
}

void lml_uf3_legs_add(lml_uf3_legs *legs, const double vector[3], double r, int element, size_t slot) {
  const size_t n = legs->model->nelements;
  lml_uf3_leg *leg = &legs->legs[legs->count];
  *leg = (lml_uf3_leg){.r = r,
                       .triplet_with = legs->model->triplet_of + ((size_t)legs->centre * n + (size_t)element) * n,
                       .sides = legs->sides + legs->count * n,
                       .slot = slot,
                       .element = element};
  for (size_t partner = 0; partner < n; partner++) put_side(legs, leg, partner);
  for (size_t a = 0; a < 3; a++) legs->of.vector[a][legs->count] = vector[a];
  legs->ends[element] = ++legs->count;
}

bool lml_uf3_between_at(const lml_uf3_legs *legs, const lml_uf3_corner *corner, lml_uf3_between *between) {
  const lml_uf3_triplet *triplet = corner->triplet;
  const lml_uf3_spline *spline = &triplet->splines[LML_UF3_BETWEEN];
  double d[3];
  for (size_t k = 0; k < 3; k++) d[k] = legs->of.vector[k][corner->a] - legs->of.vector[k][corner->b];
  const double r = lml_norm(d);
  if (r < spline->knots[0]) return false;
  const size_t first = lml_uf3_basis(spline, r, between->values, between->slopes);
  for (size_t k = 0; k < 3; k++) between->direction[k] = d[k] / r;
  between->place = triplet->first + corner->to_a->first * triplet->by_a + corner->to_b->first * triplet->by_b + first;
  return true;
}

void lml_uf3_legs_free(lml_uf3_legs *legs) {
  lml_free(legs->legs);
  lml_free(legs->sides);
  lml_free(legs->ends);
  lml_free(legs->numbers);
  lml_free(legs->bins);
  memset(legs, 0, sizeof *legs);
}
