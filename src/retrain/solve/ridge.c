#include "retrain/solve/ridge.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/npy.h"
#include "potential/potential.h"

const char *const lml_degree_names[] = {"constant", "linear", "quadratic", NULL};

static lml_status put_degrees(lml_ridge *ridge, const double degrees[LML_DEGREES], const lml_potential *potential,
                              size_t width, lml_error *error) {
  const size_t nlinear = 1 + potential->descriptor->ncomponents;
  const size_t per_element = lml_potential_ncoefficients(potential);
  const lml_status status = lml_alloc(&ridge->factors, width, sizeof(double), "factors of the ridge penalty", error);
  for (size_t i = 0; i < width && status == LML_OK; i++) {
    const size_t c = i % per_element;
    ridge->factors[i] = degrees[c == 0 ? LML_DEGREE_CONSTANT : c < nlinear ? LML_DEGREE_LINEAR : LML_DEGREE_QUADRATIC];
  }
  return status;
}

static lml_status read_factors(lml_ridge *ridge, const char *path, size_t width, lml_error *error) {
  lml_npy_array array;
  lml_status status = lml_sha256_file(path, ridge->checksum, error);
  if (status == LML_OK) status = lml_npy_read(path, &array, error);
  if (status != LML_OK) return status;
  ridge->factors = array.values;
  if (array.dimensions != 1 || array.count != width)
    return lml_fail(error, LML_ERR_INPUT, "%s: must be a vector of %zu numbers, one for each coefficient; it holds %zu",
                    path, width, array.count);
  for (size_t i = 0; i < width; i++)
    if (!isfinite(ridge->factors[i]) || ridge->factors[i] < 0.0)
      return lml_fail(error, LML_ERR_INPUT, "%s: number %zu (counted from 0) is %g; it must not be negative", path, i,
                      ridge->factors[i]);
  return LML_OK;
}

lml_status lml_ridge_make(lml_ridge *ridge, const lml_ridge_scale *scale, const lml_potential *potential,
                          lml_error *error) {
  const size_t width = lml_potential_nelements(potential) * lml_potential_ncoefficients(potential);
  const lml_status status = scale->path != NULL ? read_factors(ridge, scale->path, width, error)
                                                : put_degrees(ridge, scale->degrees, potential, width, error);
  if (status != LML_OK) return status;
  ridge->smallest = ridge->largest = ridge->factors[0];
  for (size_t i = 1; i < width; i++) {
    ridge->smallest = fmin(ridge->smallest, ridge->factors[i]);
    ridge->largest = fmax(ridge->largest, ridge->factors[i]);
  }
  return LML_OK;
}

void lml_ridge_free(lml_ridge *ridge) {
  lml_free(ridge->factors);
  *ridge = (lml_ridge){0};
}
