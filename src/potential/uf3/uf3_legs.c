#include "potential/uf3/uf3_legs.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "structure/vec3.h"

static const char what[] = "triplets of atoms";

lml_status lml_uf3_legs_reserve(lml_uf3_legs *legs, const lml_uf3_model *model, size_t room, lml_error *error) {
  legs->model = model;
  if (model->triplet_of == NULL || room <= legs->room) return LML_OK;
  lml_uf3_legs_free(legs);
  lml_status status = lml_alloc(&legs->legs, room, sizeof *legs->legs, what, error);
  if (status == LML_OK) status = lml_alloc(&legs->sides, room * model->nelements, sizeof *legs->sides, what, error);
  if (status == LML_OK) status = lml_alloc(&legs->gradient, 4 * room, sizeof *legs->gradient, what, error);
  if (status != LML_OK) {
    lml_uf3_legs_free(legs);
    return status;
  }
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
  *leg = (lml_uf3_leg){.vector = {vector[0], vector[1], vector[2], 0.0},
                       .r = r,
                       .triplet_with = legs->model->triplet_of + ((size_t)legs->centre * n + (size_t)element) * n,
                       .sides = legs->sides + legs->count * n,
                       .slot = slot,
                       .element = element};
  for (size_t partner = 0; partner < n; partner++) put_side(legs, leg, partner);
  legs->count++;
}

bool lml_uf3_between_at(const lml_uf3_legs *legs, const lml_uf3_corner *corner, lml_uf3_between *between) {
  const lml_uf3_triplet *triplet = corner->triplet;
  const lml_uf3_spline *spline = &triplet->splines[LML_UF3_BETWEEN];
  const double *a = legs->legs[corner->a].vector, *b = legs->legs[corner->b].vector;
  const double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
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
  lml_free(legs->gradient);
  memset(legs, 0, sizeof *legs);
}
