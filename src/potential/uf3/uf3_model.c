#include "potential/uf3/uf3_model.h"

#include <string.h>

#include "base/memory.h"

size_t lml_uf3_ncomponents(const lml_uf3_pair *pair) { return pair->nknots - LML_UF3_ORDER; }

void lml_uf3_model_free(lml_uf3_model *model) {
  for (size_t p = 0; model->pairs != NULL && p < model->npairs; p++) lml_free(model->pairs[p].knots);
  lml_free(model->pairs);
  lml_free(model->pair_of);
  memset(model, 0, sizeof *model);
}

/** Number of the interval that @p r is in: that of knots @p i and i + 1, from 3 to nknots − 5. */
static size_t find_interval(const lml_uf3_pair *pair, double r) {
  size_t low = LML_UF3_ORDER - 1, high = pair->nknots - LML_UF3_ORDER;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    if (r < pair->knots[middle])
      high = middle;
    else
      low = middle;
  }
  return low;
}

/** De Boor's recursion (A Practical Guide to Splines, chapter X): functions of degree d from those of degree d − 1. */
size_t lml_uf3_basis(const lml_uf3_pair *pair, double r, double values[LML_UF3_ORDER], double slopes[LML_UF3_ORDER]) {
  enum { DEGREE = LML_UF3_ORDER - 1 };
  const size_t interval = find_interval(pair, r);
  const double *knots = pair->knots + interval;
  double left[LML_UF3_ORDER], right[LML_UF3_ORDER], lower[LML_UF3_ORDER] = {0.0};
  values[0] = 1.0;
  for (int d = 1; d <= DEGREE; d++) {
    left[d] = r - knots[1 - d];
    right[d] = knots[d] - r;
    if (d == DEGREE) memcpy(lower, values, DEGREE * sizeof *lower);
    double saved = 0.0;
    for (int k = 0; k < d; k++) {
      const double term = values[k] / (right[k + 1] + left[d - k]);
      values[k] = saved + right[k + 1] * term;
      saved = left[d - k] * term;
    }
    values[d] = saved;
  }
  for (int k = 0; k <= DEGREE; k++) {
    const double rise = k > 0 ? lower[k - 1] / (knots[k] - knots[k - DEGREE]) : 0.0;
    const double fall = k < DEGREE ? lower[k] / (knots[k + 1] - knots[k + 1 - DEGREE]) : 0.0;
    slopes[k] = DEGREE * (rise - fall);
  }
  return interval - DEGREE;
}
