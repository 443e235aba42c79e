#include "potential/bispectrum/snap_format.h"

#include <ctype.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/sys.h"
#include "potential/bispectrum/family.h"
#include "potential/bispectrum/snap_companion.h"
#include "potential/bispectrum/snap_file.h"
#include "potential/bispectrum/snap_style.h"

/* ---- models and potentials ---- */

static lml_status take(lml_potential *potential, lml_snap_model *snap, lml_zbl *zbl, lml_error *error) {
  lml_pair_term *term = NULL;
  potential->format = &lml_snap_format;
  potential->quadratic = snap->parameters.quadraticflag;
  potential->ncoefficients = snap->ncoefficients;
  lml_status status = lml_bispectrum_create(snap, &potential->descriptor, error);
  if (status == LML_OK)
    status = lml_alloc(&potential->numbers, snap->nelements, sizeof *potential->numbers, "elements", error);
  if (status == LML_OK) status = lml_zbl_term_create(zbl, snap->nelements, &term, error);
  if (status == LML_OK) status = lml_potential_add_term(potential, term, error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < snap->nelements; e++) potential->numbers[e] = snap->elements[e].number;
  potential->coefficients = snap->coefficients;
  snap->coefficients = NULL;
  return LML_OK;
}

lml_status lml_snap_take(lml_potential *potential, lml_snap_model *snap, lml_zbl *zbl, lml_error *error) {
  const lml_status status = take(potential, snap, zbl, error);
  lml_snap_model_free(snap);
  lml_zbl_free(zbl);
  return status;
}

lml_snap_model lml_snap_view(const lml_potential *potential) {
  lml_snap_model snap = *lml_bispectrum_snap(potential->descriptor);
  snap.parameters.quadraticflag = potential->quadratic;
  snap.ncoefficients = potential->ncoefficients;
  snap.coefficients = potential->coefficients;
  return snap;
}

/* ---- reading ---- */

/** Read the model from its two files, with the terms of @p zbl, which are taken over, and keep their names. *@p
 * reference becomes the parameter file's comment about the reference of its fit. */
static lml_status read_model(lml_potential *potential, const char *snapcoeff, const char *snapparam,
                             const lml_element_names *wanted, lml_zbl *zbl, lml_lammps_remark *reference,
                             lml_error *error) {
  lml_snap_model snap = {0};
  lml_snap_remarks remarks = {0};
  lml_status status = lml_snap_read(snapcoeff, snapparam, wanted, &snap, &remarks, error);
  potential->warnings = remarks.warnings;
  if (status == LML_OK) status = lml_snap_take(potential, &snap, zbl, error);
  if (status != LML_OK) return status;
  *reference = remarks.reference;
  potential->coefficient_file = lml_strdup(snapcoeff, error);
  if (potential->coefficient_file != NULL) potential->parameter_file = lml_strdup(snapparam, error);
  return potential->parameter_file == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** Warn where the terms that @p script adds are not those that the comment @p reference of the parameter file notes. */
static lml_status compare_terms(lml_potential *potential, const char *script, double inner, double outer,
                                const lml_lammps_remark *reference, lml_error *error) {
  const char *snapparam = potential->parameter_file;
  if (reference->line == 0) return LML_OK;
  if (potential->nterms > 0 && !lml_snap_style_is_zbl(reference->text, inner, outer))
    return lml_text_list_print(&potential->warnings, error,
                               "%s: adds fixed terms, ZBL from %g to %g Å, but line %zu of %s says that what was "
                               "subtracted before the coefficients were fitted is '%s': correct the one that is wrong",
                               script, inner, outer, reference->line, snapparam, reference->text);
  if (potential->nterms > 0 || !lml_snap_style_adds_terms(reference->text)) return LML_OK;
  return lml_text_list_print(
      &potential->warnings, error,
      "%s: adds no fixed terms, but line %zu of %s says that the coefficients were fitted to what "
      "is left after subtracting '%s'",
      script, reference->line, snapparam, reference->text);
}

/** Read the model from the two files of mliap that @p style names, with its terms, and keep the files' names. */
static lml_status read_mliap(lml_potential *potential, lml_snap_style *style, lml_error *error) {
  const lml_mliap_files files = {.model = style->snapcoeff, .descriptor = style->snapparam, .form = style->form};
  lml_snap_model snap = {0};
  lml_status status = lml_mliap_read(&files, &style->elements, &snap, &potential->warnings, error);
  if (status == LML_OK) status = lml_snap_take(potential, &snap, &style->zbl, error);
  if (status != LML_OK) return status;
  potential->coefficient_file = lml_strdup(files.model, error);
  if (potential->coefficient_file != NULL) potential->parameter_file = lml_strdup(files.descriptor, error);
  return potential->parameter_file == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** Read the model that the file @p script says, as @p style, from @p snapcoeff and @p snapparam, and take over its ZBL
 *  term. */
static lml_status take_style(lml_potential *potential, const char *script, lml_snap_style *style, const char *snapcoeff,
                             const char *snapparam, lml_error *error) {
  lml_lammps_remark reference = {0};
  const double inner = style->zbl.inner, outer = style->zbl.outer;
  const lml_status status =
      style->kind == LML_MLIAP_FILES
          ? read_mliap(potential, style, error)
          : read_model(potential, snapcoeff, snapparam, &style->elements, &style->zbl, &reference, error);
  if (status != LML_OK) return status;
  potential->script = lml_strdup(script, error);
  if (potential->script == NULL) return LML_ERR_MEMORY;
  return compare_terms(potential, script, inner, outer, &reference, error);
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
  lml_zbl none = {0};
  if (parameters != NULL) return read_model(potential, path, parameters, NULL, &none, reference, error);
  char *beside = lml_path_with_extension(path, ".snapparam", error);
  if (beside == NULL) return LML_ERR_MEMORY;
  lml_status status = read_model(potential, path, beside, NULL, &none, reference, error);
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
      potential->parameter_file, reference->line, reference->text, lml_path_name(potential->coefficient_file));
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

static lml_status read(const lml_potential_request *request, lml_potential *potential, lml_error *error) {
  const char *path = request->path, *parameters = request->parameters;
  if (lml_path_has_extension(path, ".snapparam"))
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: the parameters alone are no potential: give the .snap or .snapcoeff file", path);
  if (lml_path_has_extension(path, ".model") || lml_path_has_extension(path, ".descriptor"))
    return lml_fail(
        error, LML_ERR_USAGE,
        "%s: a model or descriptor of pair_style mliap alone is no potential: give the .mliap file with the "
        "pair_style line that names both",
        path);
  if (!lml_snap_style_is_name(path)) {
    if (parameters == NULL && !lml_path_has_extension(path, ".snapcoeff"))
      return lml_fail(error, LML_ERR_USAGE,
                      "%s: neither a .snap nor a .snapcoeff file, nor a .mod or .mliap file, by its name: give the "
                      "parameter file too",
                      path);
    return read_alone(potential, path, parameters, request->fixed_terms, error);
  }
  const char *extension = strrchr(path, '.');
  if (parameters != NULL)
    return lml_fail(error, LML_ERR_USAGE, "%s: a %s file names its parameter file itself: omit %s", path, extension,
                    parameters);
  if (request->fixed_terms == LML_FIXED_TERMS_NONE)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: a %s file says which fixed terms there are: give the .snapcoeff file to go without", path,
                    extension);
  return read_snap_file(potential, path, error);
}

/* ---- the format ---- */

static bool begins_with(const char *text, const char *word) {
  const size_t length = strlen(word);
  return strncmp(text, word, length) == 0 && (isspace((unsigned char)text[length]) || text[length] == '\0');
}

/** The first line that is not empty and no comment. */
static const char *first_line(const char *text) {
  for (;;) {
    text += strspn(text, " \t\r\n");
    if (*text != '#') return text;
    text += strcspn(text, "\n");
  }
}

/** A script, parameters, or the two numbers that coefficients begin with. */
static bool is_content(const char *text) {
  static const char *const words[] = {"variable", "pair_style", "pair_coeff", "rcutfac", "twojmax"};
  text = first_line(text);
  for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
    if (begins_with(text, words[k])) return true;
  const size_t first = strspn(text, "0123456789"), gap = strspn(text + first, " \t");
  const size_t second = strspn(text + first + gap, "0123456789");
  text += first + gap + second;
  return first > 0 && gap > 0 && second > 0 && (*text == '\0' || isspace((unsigned char)*text));
}

static bool is_name(const lml_potential_request *request) {
  static const char *const extensions[] = {".snap", ".mod", ".mliap", ".snapcoeff", ".snapparam"};
  for (size_t k = 0; k < sizeof extensions / sizeof extensions[0]; k++)
    if (lml_path_has_extension(request->path, extensions[k])) return true;
  return request->parameters != NULL;
}

static lml_status write(const lml_potential *potential, const char *path, const char *parameters, const char *comment,
                        lml_error *error) {
  const lml_snap_model snap = lml_snap_view(potential);
  const lml_zbl none = {0}, *zbl = potential->nterms > 0 ? lml_zbl_of(potential->terms[0]) : NULL;
  return lml_snap_write(&snap, zbl == NULL ? &none : zbl, path, parameters, comment, error);
}

const lml_format lml_snap_format = {
    .name = "LAMMPS SNAP",
    .files = ".snap, .mod or .mliap, or .snapcoeff with .snapparam",
    .extension = ".snapcoeff",
    .parameter_extension = ".snapparam",
    .holds_quadratic = true,
    .is_content = is_content,
    .is_name = is_name,
    .read = read,
    .write = write,
};
