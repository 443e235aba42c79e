#include "programs/eval_write.h"

#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"
#include "calculator/derived_results.h"
#include "lmlink/version.h"
#include "potential/format.h"
#include "potential/linear_uncertainty.h"
#include "potential/potential.h"
#include "potential/potential_variant.h"
#include "potential/term_lines.h"

static lml_status check_absent(const char *path, lml_error *error) {
  struct stat unused;
  if (lml_sys->stat(path, &unused) != 0) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "%s: exists already: choose another name, or remove it", path);
}

/* ---- a committee ---- */

/** Name of the file of member @p member, counted from 0, to be freed with lml_free. */
static char *member_path(const char *path, size_t member, lml_error *error) {
  const char *dot = strrchr(lml_path_name(path), '.');
  char extension[64];
  lml_print_cut(extension, sizeof extension, "-%zu%s", member + 1, dot == NULL ? "" : dot);
  return lml_path_with_extension(path, extension, error);
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

static lml_status write_committee(const lml_potential *potential, const char *path, const char *comment,
                                  lml_error *error) {
  lml_linear_uncertainty found = {0};
  const char *file = potential->coefficient_file;
  lml_status status = lml_linear_uncertainty_read(&found, file, potential, error);
  if (status == LML_OK) status = lml_linear_uncertainty_has(&found, LML_NEEDS_FACTOR, file, error);
  if (status == LML_OK) status = write_members(potential, &found.uncertainty, path, comment, error);
  lml_linear_uncertainty_free(&found);
  return status;
}

/* ---- what is asked for ---- */

/** Coefficients alone give wrong forces at short distances, and LAMMPS does not ask. */
static void warn_of_terms(const char *program, const lml_potential *potential, const char *path) {
  char terms[LML_TERM_STYLES_TEXT];
  lml_term_styles(potential, terms);
  if (terms[0] != '\0')
    fprintf(stderr,
            "%s: warning: %s: the fixed terms (%s) are not part of it: use it by a %s file that adds them, as %s "
            "does\n",
            program, path, terms, potential->format->script_extension, lml_path_name(potential->path));
}

lml_status lml_eval_write(const lml_arguments *arguments, const lml_potential *potential, lml_error *error) {
  const char *path = lml_arguments_text(arguments, "write", 0);
  const bool committee = lml_arguments_count(arguments, "committee") > 0;
  char comment[256];
  if (path == NULL && committee) return lml_fail(error, LML_ERR_USAGE, "--committee needs --write FILE");
  if (path == NULL) return LML_OK;
  if (potential == NULL) return lml_fail(error, LML_ERR_USAGE, "--write needs --potential FILE");
  lml_print_cut(comment, sizeof comment, "lmlink %s: from %s", lml_version(), lml_path_name(potential->path));
  lml_status status = LML_OK;
  if (committee) {
    status = write_committee(potential, path, comment, error);
  } else {
    status = check_absent(path, error);
    if (status == LML_OK) status = lml_format_write(potential, path, comment, error);
  }
  if (status == LML_OK) warn_of_terms(arguments->command->program, potential, path);
  return status;
}
