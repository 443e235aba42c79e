#include "programs/eval_committee.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"
#include "calculator/derived_results.h"
#include "potential/format.h"
#include "potential/linear_uncertainty.h"
#include "potential/potential_variant.h"

/** Name of the file of member @p member, counted from 0, to be freed with lml_free. */
static char *member_path(const char *path, size_t member, lml_error *error) {
  const char *dot = strrchr(lml_path_name(path), '.');
  char extension[64];
  lml_print_cut(extension, sizeof extension, "-%zu%s", member + 1, dot == NULL ? "" : dot);
  return lml_path_with_extension(path, extension, error);
}

static lml_status check_absent(const char *path, lml_error *error) {
  struct stat unused;
  if (lml_sys->stat(path, &unused) != 0) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "%s: exists already: choose another name, or remove it", path);
}

/** Θ + √k L S of one member. */
static lml_status write_member(const lml_potential *potential, const lml_uncertainty *from, size_t member,
                               const char *path, const char *comment, double *theta, lml_error *error) {
  lml_potential *written = NULL;
  memcpy(theta, lml_potential_coefficients(potential), from->width * sizeof *theta);
  for (size_t i = 0; i < from->width; i++)
    for (size_t k = 0; k < from->rank; k++)
      theta[i] += lml_committee_weight(from->rank, member, k) * from->factor[i * from->rank + k];
  lml_status status = lml_potential_with_coefficients(potential, theta, &written, error);
  if (status == LML_OK) status = lml_format_write(written, path, comment, error);
  lml_potential_destroy(written);
  return status;
}

static lml_status write_members(const lml_potential *potential, const lml_uncertainty *from, const char *path,
                                const char *comment, lml_error *error) {
  double *theta = NULL;
  lml_status status = lml_alloc(&theta, from->width, sizeof *theta, "coefficients", error);
  for (int turn = 0; turn < 2; turn++) /* nothing is written where one is there already */
    for (size_t member = 0; member <= from->rank && status == LML_OK; member++) {
      char *name = member_path(path, member, error);
      if (name == NULL) status = LML_ERR_MEMORY;
      if (status == LML_OK && turn == 0) status = check_absent(name, error);
      if (status == LML_OK && turn == 1) status = write_member(potential, from, member, name, comment, theta, error);
      lml_free(name);
    }
  lml_free(theta);
  return status;
}

lml_status lml_eval_write_committee(const lml_potential *potential, const char *path, const char *comment,
                                    lml_error *error) {
  lml_linear_uncertainty found = {0};
  const char *file = potential->coefficient_file;
  lml_status status = lml_linear_uncertainty_read(&found, file, potential, error);
  if (status == LML_OK) status = lml_linear_uncertainty_has(&found, LML_NEEDS_FACTOR, file, error);
  if (status == LML_OK) status = write_members(potential, &found.uncertainty, path, comment, error);
  lml_linear_uncertainty_free(&found);
  return status;
}
