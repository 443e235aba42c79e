#include "potential/linear_uncertainty.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "potential/potential_variant.h"

static const char what[] = "uncertainties";

void lml_linear_uncertainty_free(lml_linear_uncertainty *u) {
  for (size_t k = 0; u->models != NULL && k < u->rank; k++) lml_linear_model_free(&u->models[k]);
  for (size_t k = 0; u->columns != NULL && k < u->rank; k++) lml_potential_destroy(u->columns[k]);
  lml_free(u->models);
  lml_free(u->columns);
  lml_uncertainty_free(&u->uncertainty);
  *u = (lml_linear_uncertainty){0};
}

/* ---- reading ---- */

/** A model of each column of L. */
static lml_status make_models(lml_linear_uncertainty *u, const lml_potential *potential, lml_error *error) {
  const lml_uncertainty *from = &u->uncertainty;
  double *theta = NULL;
  u->rank = from->factor == NULL ? 0 : from->rank;
  lml_status status = lml_alloc(&u->columns, u->rank, sizeof(void *), what, error);
  if (status == LML_OK) status = lml_alloc(&u->models, u->rank, sizeof *u->models, what, error);
  if (status == LML_OK) status = lml_alloc(&theta, from->width, sizeof *theta, what, error);
  for (size_t k = 0; k < u->rank && status == LML_OK; k++) {
    for (size_t i = 0; i < from->width; i++) theta[i] = from->factor[i * u->rank + k];
    status = lml_potential_with_coefficients(potential, theta, &u->columns[k], error);
    if (status == LML_OK) status = lml_linear_model_make(u->columns[k], &u->models[k], error);
  }
  lml_free(theta);
  return status;
}

static lml_status read_file(lml_linear_uncertainty *u, const char *json, const lml_potential *potential,
                            lml_error *error) {
  struct stat unused;
  if (lml_sys->stat(json, &unused) != 0)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: cannot be read, and distances and sigmas are from it: write it with lmlink-retrain "
                    "--uncertainty (distances alone: --uncertainty-from), or do without them",
                    json);
  lml_status status = lml_uncertainty_read(json, potential, &u->uncertainty, error);
  if (status == LML_OK) status = make_models(u, potential, error);
  return status == LML_OK ? lml_sha256_file(json, u->checksum, error) : status;
}

lml_status lml_linear_uncertainty_read(lml_linear_uncertainty *u, const char *coefficients,
                                       const lml_potential *potential, lml_error *error) {
  char *json, *npy;
  lml_status status = lml_potential_need_components(potential, error);
  if (status == LML_OK && coefficients == NULL)
    status = lml_fail(error, LML_ERR_USAGE,
                      "distances and sigmas are from a file beside the potential's, and this potential is from none");
  if (status == LML_OK) status = lml_uncertainty_paths(coefficients, &json, &npy, error);
  if (status != LML_OK) return status;
  status = read_file(u, json, potential, error);
  if (status != LML_OK) lml_linear_uncertainty_free(u);
  lml_free(json);
  lml_free(npy);
  return status;
}

lml_status lml_linear_uncertainty_has(const lml_linear_uncertainty *u, unsigned needs, const char *coefficients,
                                      lml_error *error) {
  static const char again[] = "write it again with lmlink-retrain";
  if ((needs & LML_NEEDS_DISTANCES) != 0 && u->uncertainty.distances == NULL)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: the uncertainty beside it has no 'distance', which was asked for: %s --uncertainty-from",
                    coefficients, again);
  if ((needs & LML_NEEDS_FACTOR) != 0 && u->rank == 0)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: the uncertainty beside it has no 'factor', which every sigma is from: %s --uncertainty",
                    coefficients, again);
  return LML_OK;
}
