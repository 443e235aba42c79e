/* Reading the files of an uncertainty, and checking that they belong to the potential and to each other. */
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/path.h"
#include "lmlink/structure.h"
#include "potential/uncertainty.h"
#include "potential/uncertainty_file.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** What is being read. */
typedef struct {
  const char *path;
  const lml_json *document;
  const lml_potential *potential;
  lml_uncertainty *to;
} reading;

static const char remake[] =
    "it is of another potential: use the one that was written with it, or write a new "
    "uncertainty with lmlink-retrain";

/* ---- whose it is ---- */

static lml_status check_checksum(const reading *r, const lml_json_value *object, const char *key, const char *wanted,
                                 const char *of, lml_error *error) {
  const char *found = NULL;
  const lml_status status = lml_json_text(r->document, object, key, LML_JSON_REQUIRED, &found, error);
  if (status != LML_OK || strcmp(found, wanted) == 0) return status;
  return lml_json_fail(r->document, object, key, error, "is not that of the %s of %s; %s", of,
                       r->potential->path == NULL ? "the potential" : r->potential->path, remake);
}

static lml_status check_elements(const reading *r, const lml_json_value *object, lml_error *error) {
  const lml_json_value *array;
  size_t count;
  lml_status status = lml_json_array(r->document, object, "elements", LML_JSON_REQUIRED, &array, &count, error);
  bool same = status == LML_OK && count == lml_potential_nelements(r->potential);
  for (size_t e = 0; e < count && same && status == LML_OK; e++) {
    const char *name;
    status = lml_json_element_text(r->document, array, e, &name, error);
    same = status == LML_OK && strcmp(name, lml_element_symbol(lml_potential_element(r->potential, e))) == 0;
  }
  if (status != LML_OK || same) return status;
  return lml_json_fail(r->document, object, "elements", error, "are not those of the potential in their order; %s",
                       remake);
}

static lml_status check_potential(const reading *r, lml_error *error) {
  static const char *const keys[] = {"elements", "coefficients_per_element", "coefficients_sha256",
                                     "descriptors_sha256"};
  const size_t count = lml_potential_ncoefficients(r->potential);
  const lml_json_value *object;
  char descriptors[LML_SHA256_TEXT], coefficients[LML_SHA256_TEXT];
  int found = 0;
  lml_status status =
      lml_json_object(r->document, lml_json_root(r->document), "potential", LML_JSON_REQUIRED, &object, error);
  if (status == LML_OK) status = lml_json_check_keys(r->document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = check_elements(r, object, error);
  if (status == LML_OK)
    status = lml_json_integer(r->document, object, "coefficients_per_element", LML_JSON_REQUIRED, &found, error);
  if (status != LML_OK) return status;
  if (found < 0 || (size_t)found != count)
    return lml_json_fail(r->document, object, "coefficients_per_element", error, "is %d, and the potential has %zu; %s",
                         found, count, remake);
  lml_potential_hash_descriptor(r->potential, descriptors);
  lml_uncertainty_checksum(lml_potential_coefficients(r->potential), lml_potential_nelements(r->potential) * count,
                           coefficients);
  status = check_checksum(r, object, "descriptors_sha256", descriptors, "descriptors", error);
  return status == LML_OK ? check_checksum(r, object, "coefficients_sha256", coefficients, "coefficients", error)
                          : status;
}

/* ---- the factor ---- */

static lml_status read_count(const reading *r, const lml_json_value *object, const char *key, size_t least,
                             size_t *count, lml_error *error) {
  int value = 0;
  const lml_status status = lml_json_integer(r->document, object, key, LML_JSON_REQUIRED, &value, error);
  *count = (size_t)value;
  if (status != LML_OK || (value >= 0 && (size_t)value >= least)) return status;
  return lml_json_fail(r->document, object, key, error, "must be at least %zu", least);
}

static lml_status read_calibration(const reading *r, const lml_json_value *factor, lml_error *error) {
  static const char *const keys[] = {"alpha", "alpha_with_noise", "noise", "folds", "rows_left_out"};
  lml_calibration *to = &r->to->calibration;
  const lml_json_value *object;
  double *const numbers[] = {&to->alpha, &to->alpha_noise, &to->noise};
  lml_status status = lml_json_object(r->document, factor, "calibration", LML_JSON_REQUIRED, &object, error);
  if (status == LML_OK) status = lml_json_check_keys(r->document, object, keys, COUNT(keys), error);
  for (size_t k = 0; k < COUNT(numbers) && status == LML_OK; k++) {
    status = lml_json_number(r->document, object, keys[k], LML_JSON_REQUIRED, numbers[k], error);
    if (status == LML_OK && !(*numbers[k] >= 0.0))
      return lml_json_fail(r->document, object, keys[k], error, "must not be negative");
  }
  if (status == LML_OK) status = read_count(r, object, "folds", 2, &to->nfolds, error);
  return status == LML_OK ? read_count(r, object, "rows_left_out", 1, &to->nrows, error) : status;
}

/** The array, which must be the one that the JSON file was written with. */
static lml_status read_array(const reading *r, const lml_json_value *object, const char *path, lml_error *error) {
  lml_npy_array array = {0};
  char checksum[LML_SHA256_TEXT];
  const char *wanted = NULL;
  lml_status status = lml_npy_read(path, &array, error);
  if (status == LML_OK) status = lml_json_text(r->document, object, "sha256", LML_JSON_REQUIRED, &wanted, error);
  if (status == LML_OK && (array.dimensions != 2 || array.shape[0] != r->to->width || array.shape[1] != r->to->rank))
    status = lml_fail(error, LML_ERR_INPUT,
                      "%s: must be an array of %zu coefficients by rank %zu, as %s says: restore both files together",
                      path, r->to->width, r->to->rank, r->path);
  if (status == LML_OK) {
    lml_uncertainty_checksum(array.values, array.count, checksum);
    if (strcmp(checksum, wanted) != 0)
      status = lml_fail(error, LML_ERR_INPUT,
                        "%s: its numbers or their order are not those that %s was written with: restore both files "
                        "together",
                        path, r->path);
  }
  if (status == LML_OK) {
    r->to->factor = array.values;
    array.values = NULL;
  }
  lml_npy_free(&array);
  return status;
}

static lml_status read_factor(const reading *r, lml_error *error) {
  static const char *const keys[] = {"kind", "file", "sha256", "rank", "trace_kept", "rows", "calibration"};
  const lml_json_value *object = NULL;
  const char *file = NULL;
  size_t kind = 0;
  lml_status status =
      lml_json_object(r->document, lml_json_root(r->document), "factor", LML_JSON_OPTIONAL, &object, error);
  if (status != LML_OK || object == NULL) return status;
  status = lml_json_check_keys(r->document, object, keys, COUNT(keys), error);
  if (status == LML_OK)
    status =
        lml_json_choice(r->document, object, "kind", LML_JSON_REQUIRED, lml_uncertainty_names + 1, 2, &kind, error);
  if (status == LML_OK) status = lml_json_text(r->document, object, "file", LML_JSON_REQUIRED, &file, error);
  if (status == LML_OK) status = read_count(r, object, "rank", 1, &r->to->rank, error);
  if (status == LML_OK)
    status = lml_json_number(r->document, object, "trace_kept", LML_JSON_REQUIRED, &r->to->share, error);
  if (status == LML_OK) status = read_count(r, object, "rows", 1, &r->to->nrows, error);
  if (status == LML_OK) status = read_calibration(r, object, error);
  if (status != LML_OK) return status;
  r->to->kind = (lml_uncertainty_kind)(kind + 1);
  char *path = lml_path_beside(r->path, file, error);
  if (path == NULL) return LML_ERR_MEMORY;
  status = read_array(r, object, path, error);
  lml_free(path);
  return status;
}

/* ---- distances ---- */

static lml_status read_numbers(const reading *r, const lml_json_value *object, const char *key, size_t count,
                               double **values, lml_error *error) {
  size_t found = 0;
  const lml_status status = lml_json_numbers(r->document, object, key, LML_JSON_REQUIRED, values, &found, error);
  if (status != LML_OK || found == count) return status;
  return lml_json_fail(r->document, object, key, error, "must be %zu numbers, not %zu", count, found);
}

static lml_status read_quantiles(const reading *r, const lml_json_value *object, lml_atom_distance *distance,
                                 lml_error *error) {
  double *values = NULL;
  lml_status status = read_numbers(r, object, "quantiles", LML_DISTANCE_QUANTILES, &values, error);
  for (size_t k = 0; k < LML_DISTANCE_QUANTILES && status == LML_OK; k++) distance->quantiles[k] = values[k];
  lml_free(values);
  return status;
}

static lml_status read_distance(const reading *r, const lml_json_value *elements, size_t e, lml_error *error) {
  static const char *const keys[] = {"atoms", "epsilon", "quantiles", "mean", "factor"};
  lml_atom_distance *distance = &r->to->distances[e];
  const size_t n = r->to->ncomponents;
  const lml_json_value *object;
  double *packed = NULL;
  lml_status status = lml_json_object(r->document, elements, lml_element_symbol(lml_potential_element(r->potential, e)),
                                      LML_JSON_REQUIRED, &object, error);
  if (status == LML_OK) status = lml_json_check_keys(r->document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = read_count(r, object, "atoms", 0, &distance->natoms, error);
  if (status != LML_OK || distance->natoms < 2) return status;
  status = lml_json_number(r->document, object, "epsilon", LML_JSON_REQUIRED, &distance->epsilon, error);
  if (status == LML_OK) status = read_quantiles(r, object, distance, error);
  if (status == LML_OK) status = read_numbers(r, object, "mean", n, &distance->mean, error);
  if (status == LML_OK) status = read_numbers(r, object, "factor", n * (n + 1) / 2, &packed, error);
  for (size_t row = 0, k = 0; row < n && status == LML_OK; row++)
    for (size_t column = row; column < n; column++) distance->factor[row * n + column] = packed[k++];
  lml_free(packed);
  return status;
}

static lml_status read_distances(const reading *r, lml_error *error) {
  static const char *const keys[] = {"components", "shares", "elements"};
  const size_t n = r->potential->descriptor->ncomponents, nelements = lml_potential_nelements(r->potential);
  const lml_json_value *object = NULL, *elements;
  size_t found = 0;
  lml_status status =
      lml_json_object(r->document, lml_json_root(r->document), "distance", LML_JSON_OPTIONAL, &object, error);
  if (status != LML_OK || object == NULL) return status;
  status = lml_json_check_keys(r->document, object, keys, COUNT(keys), error);
  if (status == LML_OK) status = read_count(r, object, "components", 1, &found, error);
  if (status == LML_OK && found != n)
    return lml_json_fail(r->document, object, "components", error, "is %zu, and the potential has %zu; %s", found, n,
                         remake);
  if (status == LML_OK) status = lml_json_object(r->document, object, "elements", LML_JSON_REQUIRED, &elements, error);
  if (status == LML_OK) status = lml_uncertainty_make_distances(r->to, nelements, n, error);
  for (size_t e = 0; e < nelements && status == LML_OK; e++) status = read_distance(r, elements, e, error);
  return status;
}

/* ---- the file ---- */

static lml_status read_root(const reading *r, lml_error *error) {
  static const char *const keys[] = {"format", "version", "lmlink", "potential", "factor", "distance"};
  static const char *const formats[] = {LML_UNCERTAINTY_FORMAT};
  const lml_json_value *root = lml_json_root(r->document);
  size_t format;
  int version = 0;
  lml_status status = lml_json_choice(r->document, root, "format", LML_JSON_REQUIRED, formats, 1, &format, error);
  if (status == LML_OK) status = lml_json_integer(r->document, root, "version", LML_JSON_REQUIRED, &version, error);
  if (status == LML_OK && version != LML_UNCERTAINTY_VERSION)
    return lml_json_fail(r->document, root, "version", error, "version %d is not known; this lmlink reads version %d",
                         version, LML_UNCERTAINTY_VERSION);
  if (status == LML_OK) status = lml_json_check_keys(r->document, root, keys, COUNT(keys), error);
  if (status == LML_OK) status = check_potential(r, error);
  if (status == LML_OK) status = read_factor(r, error);
  return status == LML_OK ? read_distances(r, error) : status;
}

lml_status lml_uncertainty_read(const char *path, const lml_potential *potential, lml_uncertainty *uncertainty,
                                lml_error *error) {
  char *text;
  size_t length;
  lml_json *document = NULL;
  *uncertainty =
      (lml_uncertainty){.width = lml_potential_nelements(potential) * lml_potential_ncoefficients(potential)};
  lml_status status = lml_file_read(path, &text, &length, error);
  if (status != LML_OK) return status;
  status = lml_json_parse(text, length, path, &document, error);
  lml_free(text);
  const reading r = {.path = path, .document = document, .potential = potential, .to = uncertainty};
  if (status == LML_OK) status = read_root(&r, error);
  if (status != LML_OK) lml_uncertainty_free(uncertainty);
  lml_json_free(document);
  return status;
}
