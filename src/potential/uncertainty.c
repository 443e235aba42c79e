#include "potential/uncertainty.h"

#include <math.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/path.h"
#include "lmlink/structure.h"
#include "potential/uncertainty_file.h"

const char *const lml_uncertainty_names[] = {"none", "sandwich", "pops", "auto", NULL};
const double lml_distance_shares[LML_DISTANCE_QUANTILES] = {0.5, 0.9, 0.99, 0.999, 1.0};

static const char what[] = "an uncertainty";

void lml_uncertainty_free(lml_uncertainty *uncertainty) {
  for (size_t e = 0; uncertainty->distances != NULL && e < uncertainty->nelements; e++) {
    lml_free(uncertainty->distances[e].mean);
    lml_free(uncertainty->distances[e].factor);
  }
  lml_free(uncertainty->distances);
  lml_free(uncertainty->factor);
  *uncertainty = (lml_uncertainty){0};
}

lml_status lml_uncertainty_make_distances(lml_uncertainty *uncertainty, size_t nelements, size_t ncomponents,
                                          lml_error *error) {
  uncertainty->nelements = nelements;
  uncertainty->ncomponents = ncomponents;
  lml_status status = lml_alloc(&uncertainty->distances, nelements, sizeof *uncertainty->distances, what, error);
  for (size_t e = 0; e < nelements && status == LML_OK; e++) {
    lml_atom_distance *distance = &uncertainty->distances[e];
    status = lml_alloc(&distance->mean, ncomponents, sizeof(double), what, error);
    if (status == LML_OK) status = lml_alloc(&distance->factor, ncomponents * ncomponents, sizeof(double), what, error);
  }
  return status;
}

double lml_atom_distance_square(const lml_atom_distance *distance, size_t ncomponents, const double *components,
                                size_t stride) {
  double square = 0.0;
  for (size_t column = 0; column < ncomponents; column++) {
    double sum = 0.0;
    for (size_t row = 0; row <= column; row++)
      sum += distance->factor[row * ncomponents + column] * (components[row * stride] - distance->mean[row]);
    square += sum * sum;
  }
  return square;
}

lml_status lml_uncertainty_paths(const char *coefficients, char **json, char **npy, lml_error *error) {
  *npy = NULL;
  *json = lml_path_with_extension(coefficients, ".uncertainty.json", error);
  if (*json != NULL) *npy = lml_path_with_extension(coefficients, ".uncertainty.npy", error);
  if (*npy != NULL) return LML_OK;
  lml_free(*json);
  *json = NULL;
  return LML_ERR_MEMORY;
}

void lml_uncertainty_checksum(const double *numbers, size_t count, char text[LML_SHA256_TEXT]) {
  lml_sha256 sha;
  lml_sha256_begin(&sha);
  lml_sha256_add(&sha, numbers, count * sizeof *numbers);
  lml_sha256_end(&sha, text);
}

/* ---- writing ---- */

static void put_potential(lml_json_writer *w, const lml_potential *potential) {
  const size_t count = lml_potential_ncoefficients(potential);
  char checksum[LML_SHA256_TEXT];
  lml_json_writer_object(w, "potential");
  lml_json_writer_array(w, "elements");
  for (size_t e = 0; e < lml_potential_nelements(potential); e++)
    lml_json_writer_text(w, NULL, lml_element_symbol(lml_potential_element(potential, e)));
  lml_json_writer_end_array(w);
  lml_json_writer_integer(w, "coefficients_per_element", (long long)count);
  lml_uncertainty_checksum(lml_potential_coefficients(potential), lml_potential_nelements(potential) * count, checksum);
  lml_json_writer_text(w, "coefficients_sha256", checksum);
  lml_potential_hash_descriptor(potential, checksum);
  lml_json_writer_text(w, "descriptors_sha256", checksum);
  lml_json_writer_end_object(w);
}

static void put_factor(lml_json_writer *w, const lml_uncertainty *uncertainty, const char *npy) {
  char checksum[LML_SHA256_TEXT];
  if (uncertainty->factor == NULL) return;
  lml_uncertainty_checksum(uncertainty->factor, uncertainty->width * uncertainty->rank, checksum);
  lml_json_writer_object(w, "factor");
  lml_json_writer_text(w, "kind", lml_uncertainty_names[uncertainty->kind]);
  lml_json_writer_text(w, "file", lml_path_name(npy));
  lml_json_writer_text(w, "sha256", checksum);
  lml_json_writer_integer(w, "rank", (long long)uncertainty->rank);
  lml_json_writer_number(w, "trace_kept", uncertainty->share);
  lml_json_writer_integer(w, "rows", (long long)uncertainty->nrows);
  lml_json_writer_object(w, "calibration");
  lml_json_writer_number(w, "alpha", uncertainty->calibration.alpha);
  lml_json_writer_number(w, "alpha_with_noise", uncertainty->calibration.alpha_noise);
  lml_json_writer_number(w, "noise", uncertainty->calibration.noise);
  lml_json_writer_integer(w, "folds", (long long)uncertainty->calibration.nfolds);
  lml_json_writer_integer(w, "rows_left_out", (long long)uncertainty->calibration.nrows);
  lml_json_writer_end_object(w);
  lml_json_writer_end_object(w);
}

static void put_distance(lml_json_writer *w, const lml_atom_distance *distance, size_t n) {
  lml_json_writer_integer(w, "atoms", (long long)distance->natoms);
  if (distance->natoms < 2) return;
  lml_json_writer_number(w, "epsilon", distance->epsilon);
  lml_json_writer_numbers(w, "quantiles", distance->quantiles, LML_DISTANCE_QUANTILES);
  lml_json_writer_numbers(w, "mean", distance->mean, n);
  lml_json_writer_array(w, "factor");
  for (size_t row = 0; row < n; row++)
    for (size_t column = row; column < n; column++) lml_json_writer_number(w, NULL, distance->factor[row * n + column]);
  lml_json_writer_end_array(w);
}

static void put_distances(lml_json_writer *w, const lml_uncertainty *uncertainty, const lml_potential *potential) {
  if (uncertainty->distances == NULL) return;
  lml_json_writer_object(w, "distance");
  lml_json_writer_integer(w, "components", (long long)uncertainty->ncomponents);
  lml_json_writer_numbers(w, "shares", lml_distance_shares, LML_DISTANCE_QUANTILES);
  lml_json_writer_object(w, "elements");
  for (size_t e = 0; e < uncertainty->nelements; e++) {
    lml_json_writer_object(w, lml_element_symbol(lml_potential_element(potential, e)));
    put_distance(w, &uncertainty->distances[e], uncertainty->ncomponents);
    lml_json_writer_end_object(w);
  }
  lml_json_writer_end_object(w);
  lml_json_writer_end_object(w);
}

static lml_status write_json(const lml_uncertainty *uncertainty, const lml_potential *potential, const char *json,
                             const char *npy, lml_file_writer **file, lml_error *error) {
  lml_json_writer w = {0};
  lml_json_writer_begin(&w);
  lml_json_writer_text(&w, "format", LML_UNCERTAINTY_FORMAT);
  lml_json_writer_integer(&w, "version", LML_UNCERTAINTY_VERSION);
  lml_json_writer_text(&w, "lmlink", lml_version());
  put_potential(&w, potential);
  put_factor(&w, uncertainty, npy);
  put_distances(&w, uncertainty, potential);
  lml_status status = lml_json_writer_end(&w, error);
  if (status == LML_OK) status = lml_file_writer_create(json, file, error);
  if (status == LML_OK) status = lml_file_writer_write(*file, w.text, w.length, error);
  if (status == LML_OK) status = lml_file_writer_write(*file, "\n", 1, error);
  lml_json_writer_free(&w);
  return status == LML_OK ? lml_file_writer_prepare(*file, error) : status;
}

static lml_status write_npy(const lml_uncertainty *uncertainty, const char *path, lml_file_writer **file,
                            lml_error *error) {
  const size_t shape[2] = {uncertainty->width, uncertainty->rank};
  lml_npy_writer *writer = NULL;
  lml_status status = lml_npy_create(path, shape, 2, &writer, error);
  if (status == LML_OK) status = lml_npy_write(writer, uncertainty->factor, shape[0] * shape[1], error);
  if (status == LML_OK) return lml_npy_take(writer, file, error);
  lml_npy_abort(writer);
  return status;
}

lml_status lml_uncertainty_write(const lml_uncertainty *uncertainty, const lml_potential *potential,
                                 const char *coefficients, lml_uncertainty_files *files, lml_error *error) {
  char *json, *npy;
  *files = (lml_uncertainty_files){0};
  lml_status status = lml_uncertainty_paths(coefficients, &json, &npy, error);
  if (status != LML_OK) return status;
  if (uncertainty->factor != NULL) {
    status = write_npy(uncertainty, npy, &files->writers[0], error);
    if (status == LML_OK) status = lml_file_writer_prepare(files->writers[files->count++], error);
  }
  if (status == LML_OK) status = write_json(uncertainty, potential, json, npy, &files->writers[files->count++], error);
  if (status != LML_OK) lml_uncertainty_abort(files);
  lml_free(json);
  lml_free(npy);
  return status;
}

lml_status lml_uncertainty_commit(lml_uncertainty_files *files, lml_error *error) {
  const lml_status status = lml_file_writer_commit_all(files->writers, files->count, error);
  *files = (lml_uncertainty_files){0};
  return status;
}

void lml_uncertainty_abort(lml_uncertainty_files *files) {
  for (size_t k = 0; k < files->count; k++) lml_file_writer_abort(files->writers[k]);
  *files = (lml_uncertainty_files){0};
}
