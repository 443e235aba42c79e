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

/** Read the model from its two files and keep their names. *@p reference becomes the parameter file's comment about
 *  the reference of its fit. */
static lml_status read_model(lml_potential *potential, const char *snapcoeff, const char *snapparam,
                             const lml_element_names *wanted, lml_lammps_remark *reference, lml_error *error) {
  lml_snap_remarks remarks = {0};
  const lml_status status = lml_snap_read(snapcoeff, snapparam, wanted, &potential->snap, &remarks, error);
  potential->warnings = remarks.warnings;
  if (status != LML_OK) return status;
  *reference = remarks.reference;
  potential->snapcoeff = lml_strdup(snapcoeff, error);
  if (potential->snapcoeff != NULL) potential->snapparam = lml_strdup(snapparam, error);
  return potential->snapparam == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** Read the model that the file @p script says, as @p style, from @p snapcoeff and @p snapparam, and take over its ZBL
 *  term. */
static lml_status take_style(lml_potential *potential, const char *script, lml_snap_style *style, const char *snapcoeff,
                             const char *snapparam, lml_error *error) {
  lml_lammps_remark reference = {0};
  const lml_status status = read_model(potential, snapcoeff, snapparam, &style->elements, &reference, error);
  if (status != LML_OK) return status;
  potential->zbl = style->zbl;
  style->zbl = (lml_zbl){0};
  potential->script = lml_strdup(script, error);
  if (potential->script == NULL) return LML_ERR_MEMORY;
  if (potential->zbl.outer > 0.0 || !lml_snap_style_adds_terms(reference.text)) return LML_OK;
  return lml_text_list_print(
      &potential->warnings, error,
      "%s: adds no fixed terms, but line %zu of %s says that the coefficients were fitted to what "
      "is left after subtracting '%s'",
      script, reference.line, snapparam, reference.text);
}

static lml_status read_snap_file(lml_potential *potential, const char *path, lml_error *error) {
  lml_snap_style style = {0};
  lml_status status = lml_snap_style_read(path, &style, error);
  if (status == LML_OK) status = take_style(potential, path, &style, style.snapcoeff, style.snapparam, error);
  lml_snap_style_free(&style);
  return status;
}

static lml_status read_coefficient_file(lml_potential *potential, const char *path, const char *parameters,
                                        lml_lammps_remark *reference, lml_error *error) {
  if (parameters != NULL) return read_model(potential, path, parameters, NULL, reference, error);
  char *beside = lml_path_with_extension(path, ".snapparam", error);
  if (beside == NULL) return LML_ERR_MEMORY;
  lml_status status = read_model(potential, path, beside, NULL, reference, error);
  struct stat unused;
  if (status == LML_ERR_IO && lml_sys->stat(path, &unused) == 0 && lml_sys->stat(beside, &unused) != 0)
    status = lml_fail_context(error, "%s: no parameters beside it, and --parameters names no other file", path);
  lml_free(beside);
  return status;
}

/** Refuse where @p script, which belongs to @p path, adds terms that nobody has asked for or refused. */
static lml_status check_unstated(const char *path, const char *script, lml_error *error) {
  lml_snap_style style = {0};
  lml_error reason = {0};
  const lml_status status = lml_snap_style_read(script, &style, &reason);
  const double inner = style.zbl.inner, outer = style.zbl.outer;
  lml_snap_style_free(&style);
  if (status == LML_ERR_MEMORY) return lml_fail(error, status, "%s", reason.message);
  if (status != LML_OK)
    return lml_fail(error, status,
                    "%s: fixed terms are unclear, as the %s file beside it can't be used (%s): "
                    "say --fixed-terms none to go without, or give a .snap file that can",
                    path, strrchr(script, '.'), reason.message);
  if (outer == 0.0) return LML_OK;
  return lml_fail(
      error, LML_ERR_INPUT,
      "%s: the file %s beside it adds fixed terms, ZBL from %g to %g Å, without which forces are wrong at "
      "short distances: say --fixed-terms snap to add them, --fixed-terms none to go without, or give the %s "
      "file itself",
      path, lml_path_name(script), inner, outer, strrchr(script, '.'));
}

static bool can_be_used(const char *script) {
  lml_snap_style style = {0};
  const bool usable = lml_snap_style_read(script, &style, NULL) == LML_OK;
  lml_snap_style_free(&style);
  return usable;
}

/** Refuse where a file that belongs to @p path adds terms. Where there is one of its own name, files of other names
 *  that can't be used are not about @p path alone. */
static lml_status check_all_unstated(const char *path, const lml_snap_files *files, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; status == LML_OK && k < files->paths.count; k++) {
    const bool foreign = files->nown > 0 && k >= files->nown;
    if (!foreign || can_be_used(files->paths.texts[k])) status = check_unstated(path, files->paths.texts[k], error);
  }
  return status;
}

/** Refuse where the parameter file's comment says that the fit subtracted terms. */
static lml_status check_reference(const lml_potential *potential, const lml_lammps_remark *reference,
                                  lml_error *error) {
  if (!lml_snap_style_adds_terms(reference->text)) return LML_OK;
  return lml_fail(
      error, LML_ERR_INPUT,
      "%s:%zu: the comment '%s' says that the coefficients were fitted to what is left after subtracting these "
      "terms, and no .snap or .mod file beside %s adds them: write one that does, or say --fixed-terms none "
      "to go without",
      potential->snapparam, reference->line, reference->text, lml_path_name(potential->snapcoeff));
}

/** With the terms of the .snap or .mod file that belongs to @p path. */
static lml_status read_with_terms(lml_potential *potential, const char *path, const char *parameters,
                                  const lml_snap_files *files, lml_error *error) {
  const size_t count = files->nown > 0 ? files->nown : files->paths.count;
  char *const *paths = files->paths.texts;
  if (count == 0)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: no .snap or .mod file beside it uses it, so --fixed-terms snap has no meaning: omit it", path);
  if (count > 1)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: %zu .snap or .mod files beside it use it, %s and %s among them: give one "
                    "itself",
                    path, count, lml_path_name(paths[0]), lml_path_name(paths[1]));
  lml_snap_style style = {0};
  lml_status status = lml_snap_style_read(paths[0], &style, error);
  if (status == LML_OK)
    status = take_style(potential, paths[0], &style, path, parameters == NULL ? style.snapparam : parameters, error);
  lml_snap_style_free(&style);
  return status;
}

static lml_status read_alone(lml_potential *potential, const char *path, const char *parameters,
                             lml_fixed_terms fixed_terms, lml_error *error) {
  lml_lammps_remark reference = {0};
  if (fixed_terms == LML_FIXED_TERMS_NONE) return read_coefficient_file(potential, path, parameters, &reference, error);
  lml_snap_files files = {0};
  lml_status status = lml_snap_files_beside(path, &files, error);
  if (status != LML_OK) return status;
  if (fixed_terms == LML_FIXED_TERMS_SNAP) {
    status = read_with_terms(potential, path, parameters, &files, error);
  } else {
    status = check_all_unstated(path, &files, error);
    if (status == LML_OK) status = read_coefficient_file(potential, path, parameters, &reference, error);
    if (status == LML_OK) status = check_reference(potential, &reference, error);
  }
  lml_snap_files_free(&files);
  return status;
}

static lml_status read_any(lml_potential *potential, const char *path, const char *parameters,
                           lml_fixed_terms fixed_terms, lml_error *error) {
  if (lml_path_has_extension(path, ".snapparam"))
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: the parameters alone are no potential: give the .snap or .snapcoeff file", path);
  if (!lml_snap_style_is_name(path)) {
    if (parameters == NULL && !lml_path_has_extension(path, ".snapcoeff"))
      return lml_fail(
          error, LML_ERR_USAGE,
          "%s: neither a .snap nor a .snapcoeff file, nor a .mod file, by its name: give the parameter file too", path);
    return read_alone(potential, path, parameters, fixed_terms, error);
  }
  const char *extension = strrchr(path, '.');
  if (parameters != NULL)
    return lml_fail(error, LML_ERR_USAGE, "%s: a %s file names its parameter file itself: omit %s", path, extension,
                    parameters);
  if (fixed_terms == LML_FIXED_TERMS_NONE)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: a %s file says which fixed terms there are: give the .snapcoeff file to go without", path,
                    extension);
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
  return lml_snap_write(&potential->snap, &potential->zbl, snapcoeff, snapparam, comment, error);
}

void lml_potential_destroy(lml_potential *potential) {
  if (potential == NULL) return;
  lml_snap_model_free(&potential->snap);
  lml_zbl_free(&potential->zbl);
  lml_free(potential->path);
  lml_free(potential->snapcoeff);
  lml_free(potential->snapparam);
  lml_free(potential->script);
  lml_text_list_free(&potential->warnings);
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

size_t lml_potential_nwarnings(const lml_potential *potential) { return potential->warnings.count; }

const char *lml_potential_warning(const lml_potential *potential, size_t index) {
  return potential->warnings.texts[index];
}

void lml_potential_log_warnings(const lml_potential *potential, const lml_log *log) {
  for (size_t k = 0; k < potential->warnings.count; k++) lml_log_warning(log, "%s", potential->warnings.texts[k]);
}

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
