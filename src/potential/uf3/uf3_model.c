#include "potential/uf3/uf3_model.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

static const char what[] = "a UF3 potential";

size_t lml_uf3_triplet_count(const lml_uf3_triplet *triplet) {
  size_t count = 1;
  for (size_t d = 0; d < LML_UF3_DISTANCES; d++) count *= lml_uf3_spline_count(&triplet->splines[d]);
  return count;
}

/* ---- which pair and triplet elements make ---- */

static lml_status index_pairs(lml_uf3_model *model, lml_error *error) {
  const size_t n = model->nelements, width = 1 + n;
  lml_status status = lml_alloc(&model->pair_of, n * n, sizeof *model->pair_of, what, error);
  if (status == LML_OK) status = lml_alloc(&model->pair_limits, n * width, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&model->triplet_limits, n * width, sizeof(double), what, error);
  for (size_t e = 0; status == LML_OK && e < n; e++) model->pair_limits[e * width] = -1.0;
  for (size_t k = 0; status == LML_OK && k < n * width; k++) model->triplet_limits[k] = -1.0;
  for (size_t p = 0; status == LML_OK && p < model->npairs; p++) {
    const size_t a = (size_t)model->pairs[p].a, b = (size_t)model->pairs[p].b;
    const double cutoff = model->pairs[p].cutoff;
    model->pair_of[a * n + b] = model->pair_of[b * n + a] = p;
    model->pair_limits[a * width + 1 + b] = model->pair_limits[b * width + 1 + a] = cutoff * cutoff;
  }
  return status;
}

/** Let @p element be in triplets with @p centre up to @p cutoff, but no further than their pairs reach. */
static void extend_limit(lml_uf3_model *model, size_t centre, size_t element, double cutoff) {
  const size_t k = centre * (1 + model->nelements) + 1 + element;
  const double square = cutoff * cutoff, pairs = model->pair_limits[k];
  double *limit = &model->triplet_limits[k];
  if (square > *limit) *limit = square < pairs ? square : pairs;
}

static lml_status index_triplets(lml_uf3_model *model, int missing[3], lml_error *error) {
  const size_t n = model->nelements;
  if (model->ntriplets == 0) return LML_OK;
  const lml_status status = lml_alloc(&model->triplet_of, n * n * n, sizeof *model->triplet_of, what, error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < n * n * n; k++) model->triplet_of[k] = LML_UF3_NO_TRIPLET;
  for (size_t t = 0; t < model->ntriplets; t++) {
    const lml_uf3_triplet *triplet = &model->triplets[t];
    const size_t row = (size_t)triplet->centre * n, a = (size_t)triplet->a, b = (size_t)triplet->b;
    model->triplet_of[(row + a) * n + b] = model->triplet_of[(row + b) * n + a] = (int32_t)t;
    extend_limit(model, (size_t)triplet->centre, a, triplet->cutoff);
    extend_limit(model, (size_t)triplet->centre, b, triplet->cutoff);
  }
  for (size_t k = 0; k < n * n * n; k++)
    if (model->triplet_of[k] == LML_UF3_NO_TRIPLET) {
      missing[0] = (int)(k / (n * n));
      missing[1] = (int)(k / n % n);
      missing[2] = (int)(k % n);
    }
  return LML_OK;
}

/* ---- places and components ---- */

/** Give pairs and triplets their places; all elements have those of all pairs, and their own triplets'. */
static lml_status make_tensors(lml_uf3_model *model, lml_error *error) {
  size_t npairs = 0;
  lml_status status = lml_alloc(&model->tensors, model->nelements, sizeof *model->tensors, what, error);
  if (status != LML_OK) return status;
  for (size_t p = 0; p < model->npairs; p++) {
    model->pairs[p].first = npairs;
    model->pairs[p].curve = model->ncurves;
    npairs += lml_uf3_spline_count(&model->pairs[p].spline);
    model->ncurves += LML_UF3_ORDER * lml_uf3_spline_intervals(&model->pairs[p].spline);
  }
  for (size_t e = 0; e < model->nelements; e++) model->tensors[e].count = npairs;
  for (size_t t = 0; t < model->ntriplets; t++) {
    lml_uf3_triplet *triplet = &model->triplets[t];
    size_t *count = &model->tensors[triplet->centre].count;
    triplet->first = *count;
    triplet->by_b = lml_uf3_spline_count(&triplet->splines[LML_UF3_BETWEEN]);
    triplet->by_a = triplet->by_b * lml_uf3_spline_count(&triplet->splines[LML_UF3_TO_B]);
    *count += lml_uf3_triplet_count(triplet);
  }
  for (size_t e = 0; e < model->nelements && status == LML_OK; e++)
    status = lml_alloc(&model->tensors[e].component, model->tensors[e].count, sizeof(int32_t), what, error);
  return status;
}

static void number_pair(const lml_uf3_pair *pair, int32_t *component, size_t *count) {
  const size_t n = lml_uf3_spline_count(&pair->spline);
  for (size_t k = 0; k < n; k++)
    component[pair->first + k] = k + pair->trim < n ? (int32_t)(*count)++ : LML_UF3_NO_COMPONENT;
}

/** With two outer atoms of one element, coefficients [m][l] and [l][m] are one component. */
static void number_triplet(const lml_uf3_triplet *triplet, int32_t *component, size_t *count) {
  size_t n[LML_UF3_DISTANCES];
  for (size_t d = 0; d < LML_UF3_DISTANCES; d++) n[d] = lml_uf3_spline_count(&triplet->splines[d]);
  component += triplet->first;
  for (size_t l = 0; l < n[0]; l++)
    for (size_t m = 0; m < n[1]; m++)
      for (size_t k = 0; k < n[2]; k++) {
        const bool trimmed = l + triplet->trim >= n[0] || m + triplet->trim >= n[1] || k + triplet->trim >= n[2];
        int32_t *to = &component[(l * n[1] + m) * n[2] + k];
        if (trimmed)
          *to = LML_UF3_NO_COMPONENT;
        else if (triplet->a == triplet->b && m < l)
          *to = component[(m * n[1] + l) * n[2] + k];
        else
          *to = (int32_t)(*count)++;
      }
}

static void number_components(lml_uf3_model *model) {
  for (size_t e = 0; e < model->nelements; e++) {
    size_t count = 0;
    for (size_t p = 0; p < model->npairs; p++) number_pair(&model->pairs[p], model->tensors[e].component, &count);
    for (size_t t = 0; t < model->ntriplets; t++)
      if (model->triplets[t].centre == (int)e) number_triplet(&model->triplets[t], model->tensors[e].component, &count);
    if (count > model->ncomponents) model->ncomponents = count;
  }
}

lml_status lml_uf3_model_index(lml_uf3_model *model, int missing[3], lml_error *error) {
  missing[0] = -1;
  lml_status status = index_pairs(model, error);
  if (status == LML_OK) status = index_triplets(model, missing, error);
  if (status == LML_OK) status = make_tensors(model, error);
  if (status == LML_OK) number_components(model);
  return status;
}

void lml_uf3_model_free(lml_uf3_model *model) {
  for (size_t p = 0; p < model->npairs; p++) lml_uf3_spline_free(&model->pairs[p].spline);
  for (size_t t = 0; t < model->ntriplets; t++)
    for (size_t d = 0; d < LML_UF3_DISTANCES; d++) lml_uf3_spline_free(&model->triplets[t].splines[d]);
  for (size_t e = 0; model->tensors != NULL && e < model->nelements; e++) lml_free(model->tensors[e].component);
  lml_free(model->pairs);
  lml_free(model->triplets);
  lml_free(model->pair_of);
  lml_free(model->triplet_of);
  lml_free(model->pair_limits);
  lml_free(model->triplet_limits);
  lml_free(model->tensors);
  memset(model, 0, sizeof *model);
}
