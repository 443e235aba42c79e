#include "lmlink/potential.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/sys.h"
#include "potential/snap_beside.h"
#include "potential/snap_file.h"
#include "potential/snap_style.h"

/* ---- reading ---- */

/** Read the model from its two files and keep their names. */
static lml_status read_model(lml_potential *potential, const char *snapcoeff, const char *snapparam,
                             const lml_element_names *wanted, lml_error *error) {
  const lml_status status = lml_snap_read(snapcoeff, snapparam, wanted, &potential->snap, error);
  if (status != LML_OK) return status;
  potential->snapcoeff = lml_strdup(snapcoeff, error);
  if (potential->snapcoeff != NULL) potential->snapparam = lml_strdup(snapparam, error);
  return potential->snapparam == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** Read the model that @p style describes from @p snapcoeff and @p snapparam, and take over its ZBL term. */
static lml_status take_style(lml_potential *potential, lml_snap_style *style, const char *snapcoeff,
                             const char *snapparam, lml_error *error) {
  const lml_status status = read_model(potential, snapcoeff, snapparam, &style->elements, error);
  if (status != LML_OK) return status;
  potential->zbl = style->zbl;
  style->zbl = (lml_zbl){0};
  return LML_OK;
}

static lml_status read_snap_file(lml_potential *potential, const char *path, lml_error *error) {
  lml_snap_style style = {0};
  lml_status status = lml_snap_style_read(path, &style, error);
  if (status == LML_OK) status = take_style(potential, &style, style.snapcoeff, style.snapparam, error);
  lml_snap_style_free(&style);
  return status;
}

static lml_status read_coefficient_file(lml_potential *potential, const char *path, const char *parameters,
                                        lml_error *error) {
  if (parameters != NULL) return read_model(potential, path, parameters, NULL, error);
  char *beside = lml_path_with_extension(path, ".snapparam", error);
  if (beside == NULL) return LML_ERR_MEMORY;
  lml_status status = read_model(potential, path, beside, NULL, error);
  struct stat unused;
  if (status == LML_ERR_IO && lml_sys->stat(path, &unused) == 0 && lml_sys->stat(beside, &unused) != 0)
    status = lml_fail_context(error, "%s: no parameters beside it, and --parameters names no other file", path);
  lml_free(beside);
  return status;
}

static const char ways_out[] =
    "say --fixed-terms snap to add them, --fixed-terms none to go without, or give the "
    ".snap file itself";

/** Refuse where @p snap_file, which belongs to @p path, adds terms that nobody has asked for or refused. */
static lml_status check_unstated(const char *path, const char *snap_file, lml_error *error) {
  lml_snap_style style = {0};
  lml_error reason = {0};
  const lml_status status = lml_snap_style_read(snap_file, &style, &reason);
  const double inner = style.zbl.inner, outer = style.zbl.outer;
  lml_snap_style_free(&style);
  if (status == LML_ERR_MEMORY) return lml_fail(error, status, "%s", reason.message);
  if (status != LML_OK)
    return lml_fail(error, status,
                    "%s: fixed terms are unclear, as the .snap file beside it can't be used (%s): "
                    "say --fixed-terms none to go without, or give a .snap file that can",
                    path, reason.message);
  if (outer == 0.0) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT,
                  "%s: the file %s beside it adds fixed terms, ZBL from %g to %g Å, without which forces are wrong at "
                  "short distances: %s",
                  path, lml_path_name(snap_file), inner, outer, ways_out);
}

/** With the terms of the .snap file that belongs to @p path. */
static lml_status read_with_terms(lml_potential *potential, const char *path, const char *parameters,
                                  const lml_snap_files *files, lml_error *error) {
  if (files->count == 0)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: no .snap file beside it uses it, so --fixed-terms snap has no meaning: leave it out", path);
  if (files->count > 1)
    return lml_fail(error, LML_ERR_INPUT, "%s: %zu .snap files beside it use it, %s and %s among them: give one itself",
                    path, files->count, lml_path_name(files->paths[0]), lml_path_name(files->paths[1]));
  lml_snap_style style = {0};
  lml_status status = lml_snap_style_read(files->paths[0], &style, error);
  if (status == LML_OK)
    status = take_style(potential, &style, path, parameters == NULL ? style.snapparam : parameters, error);
  lml_snap_style_free(&style);
  return status;
}

static lml_status read_alone(lml_potential *potential, const char *path, const char *parameters,
                             lml_fixed_terms fixed_terms, lml_error *error) {
  if (fixed_terms == LML_FIXED_TERMS_NONE) return read_coefficient_file(potential, path, parameters, error);
  lml_snap_files files = {0};
  lml_status status = lml_snap_files_beside(path, &files, error);
  if (status != LML_OK) return status;
  if (fixed_terms == LML_FIXED_TERMS_SNAP) {
    status = read_with_terms(potential, path, parameters, &files, error);
  } else {
    for (size_t k = 0; status == LML_OK && k < files.count; k++) status = check_unstated(path, files.paths[k], error);
    if (status == LML_OK) status = read_coefficient_file(potential, path, parameters, error);
  }
  lml_snap_files_free(&files);
  return status;
}

static lml_status read_any(lml_potential *potential, const char *path, const char *parameters,
                           lml_fixed_terms fixed_terms, lml_error *error) {
  if (lml_path_has_extension(path, ".snapparam"))
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: the parameters alone are no potential: give the .snap or .snapcoeff file", path);
  if (!lml_path_has_extension(path, ".snap")) {
    if (parameters == NULL && !lml_path_has_extension(path, ".snapcoeff"))
      return lml_fail(error, LML_ERR_USAGE,
                      "%s: neither a .snap nor a .snapcoeff file by its name: give the parameter file too", path);
    return read_alone(potential, path, parameters, fixed_terms, error);
  }
  if (parameters != NULL)
    return lml_fail(error, LML_ERR_USAGE, "%s: a .snap file names its parameter file itself: leave %s out", path,
                    parameters);
  if (fixed_terms == LML_FIXED_TERMS_NONE)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: a .snap file says which fixed terms there are: give the .snapcoeff file to go without", path);
  return read_snap_file(potential, path, error);
}

lml_status lml_potential_read(const char *path, const char *parameters, lml_fixed_terms fixed_terms,
                              lml_potential **potential, lml_error *error) {
  lml_potential *p;
  *potential = NULL;
  lml_status status = lml_alloc(&p, 1, sizeof *p, "a potential", error);
  if (status != LML_OK) return status;
  p->path = lml_strdup(path, error);
  status = p->path == NULL ? LML_ERR_MEMORY : read_any(p, path, parameters, fixed_terms, error);
  if (status == LML_OK)
    *potential = p;
  else
    lml_potential_destroy(p);
  return status;
}

lml_status lml_potential_write(const lml_potential *potential, const char *snapcoeff, const char *snapparam,
                               const char *comment, lml_error *error) {
  return lml_snap_write(&potential->snap, snapcoeff, snapparam, comment, error);
}

void lml_potential_destroy(lml_potential *potential) {
  if (potential == NULL) return;
  lml_snap_model_free(&potential->snap);
  lml_zbl_free(&potential->zbl);
  lml_free(potential->path);
  lml_free(potential->snapcoeff);
  lml_free(potential->snapparam);
  lml_free(potential);
}

/* ---- queries ---- */

size_t lml_potential_nelements(const lml_potential *potential) { return potential->snap.nelements; }

int lml_potential_element(const lml_potential *potential, size_t index) {
  return potential->snap.elements[index].number;
}

int lml_potential_element_index(const lml_potential *potential, int atomic_number) {
  for (size_t e = 0; e < potential->snap.nelements; e++)
    if (potential->snap.elements[e].number == atomic_number) return (int)e;
  return -1;
}

size_t lml_potential_ncoefficients(const lml_potential *potential) { return potential->snap.ncoefficients; }

const double *lml_potential_coefficients(const lml_potential *potential) { return potential->snap.coefficients; }

double lml_potential_cutoff(const lml_potential *potential) {
  const double cutoff = lml_snap_cutoff(&potential->snap);
  return potential->zbl.outer > cutoff ? potential->zbl.outer : cutoff;
}

/** printf behind what *@p text holds already, with what room is left in *@p size. */
static void append(char **text, size_t *size, const char *format, ...) LML_PRINTF(3, 4);
static void append(char **text, size_t *size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(*text, *size, format, arguments);
  va_end(arguments);
  const size_t used = length < 0 ? 0 : (size_t)length < *size ? (size_t)length : *size - 1;
  *text += used;
  *size -= used;
}

void lml_potential_describe(const lml_potential *potential, char *text, size_t size) {
  if (size == 0) return;
  text[0] = '\0';
  const lml_snap_parameters *p = &potential->snap.parameters;
  append(&text, &size, "%s%sSNAP of", p->chemflag ? "multi-element " : "", p->quadraticflag ? "quadratic " : "");
  for (size_t e = 0; e < potential->snap.nelements; e++) append(&text, &size, " %s", potential->snap.elements[e].name);
  append(&text, &size, ", 2J = %d, cutoff %g Å, %zu coefficients%s", p->twojmax, lml_snap_cutoff(&potential->snap),
         potential->snap.ncoefficients, potential->snap.nelements > 1 ? " per element" : "");
  if (potential->zbl.outer > 0.0)
    append(&text, &size, ", ZBL switched off from %g to %g Å", potential->zbl.inner, potential->zbl.outer);
  else
    append(&text, &size, ", no fixed terms");
}
