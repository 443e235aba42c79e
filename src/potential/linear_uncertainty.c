#include "potential/linear_uncertainty.h"

#include <math.h>
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
  lml_free(u->energies);
  lml_free(u->forces);
  lml_free(u->squares);
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
                    "--uncertainty or --uncertainty-from, or ask for other results",
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
  if ((needs & (LML_NEEDS_ENERGIES | LML_NEEDS_FORCES)) != 0 && u->rank == 0)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: the uncertainty beside it has no 'factor', which every sigma is from: %s --uncertainty",
                    coefficients, again);
  return LML_OK;
}

/* ---- evaluation ---- */

/** The distances of a run's atoms. */
static void see_components(void *context, const lml_run_of_atoms *run, const double *components, size_t width) {
  lml_linear_uncertainty *u = context;
  for (size_t lane = 0; lane < run->count; lane++) {
    const size_t centre = (size_t)run->centres[lane];
    const lml_atom_distance *distance = &u->uncertainty.distances[u->elements[centre]];
    u->squares[centre] = distance->natoms < 2
                             ? NAN
                             : lml_atom_distance_square(distance, u->uncertainty.ncomponents, components + lane, width);
  }
}

lml_status lml_linear_uncertainty_begin(lml_linear_uncertainty *u, unsigned needs, size_t natoms,
                                        const signed char *elements, lml_error *error) {
  const bool wants_forces = (needs & LML_NEEDS_FORCES) != 0;
  const size_t rank = (needs & (LML_NEEDS_ENERGIES | LML_NEEDS_FORCES)) != 0 ? u->rank : 0, count = rank * natoms;
  const size_t nforces = wants_forces ? 3 * count : 0;
  lml_status status = lml_grow(&u->energies, &u->energies_capacity, count, sizeof(double), what, error);
  if (status == LML_OK) status = lml_grow(&u->forces, &u->forces_capacity, nforces, sizeof(double), what, error);
  if (status == LML_OK) status = lml_grow(&u->squares, &u->squares_capacity, natoms, sizeof(double), what, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < count; i++) u->energies[i] = 0.0;
  for (size_t i = 0; i < nforces; i++) u->forces[i] = 0.0;
  u->natoms = natoms;
  u->elements = elements;
  u->beside = (lml_evaluator_beside){.models = u->models,
                                     .nmodels = rank,
                                     .natoms = natoms,
                                     .energies = u->energies,
                                     .forces = wants_forces ? u->forces : NULL,
                                     .see = (needs & LML_NEEDS_DISTANCES) != 0 ? see_components : NULL,
                                     .context = u};
  return LML_OK;
}
