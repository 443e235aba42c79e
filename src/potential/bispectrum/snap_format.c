#include "potential/bispectrum/snap_format.h"

#include <ctype.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"
#include "lmlink/structure.h"
#include "potential/bispectrum/family.h"
#include "potential/bispectrum/snap_companion.h"
#include "potential/bispectrum/snap_file.h"
#include "potential/script/script_format.h"

/* ---- models and potentials ---- */

static lml_status take(lml_potential *potential, lml_snap_model *snap, lml_error *error) {
  potential->format = &lml_snap_format;
  potential->quadratic = snap->parameters.quadraticflag;
  potential->ncoefficients = snap->ncoefficients;
  lml_status status = lml_bispectrum_create(snap, &potential->descriptor, error);
  if (status == LML_OK)
    status = lml_alloc(&potential->numbers, snap->nelements, sizeof *potential->numbers, "elements", error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < snap->nelements; e++) potential->numbers[e] = snap->elements[e].number;
  potential->coefficients = snap->coefficients;
  snap->coefficients = NULL;
  return LML_OK;
}

lml_status lml_snap_take(lml_potential *potential, lml_snap_model *snap, lml_error *error) {
  const lml_status status = take(potential, snap, error);
  lml_snap_model_free(snap);
  return status;
}

lml_snap_model lml_snap_view(const lml_potential *potential) {
  lml_snap_model snap = *lml_bispectrum_snap(potential->descriptor);
  snap.parameters.quadraticflag = potential->quadratic;
  snap.ncoefficients = potential->ncoefficients;
  snap.coefficients = potential->coefficients;
  while (snap.nelements > 0 && snap.elements[snap.nelements - 1].bare) snap.nelements--;
  return snap;
}

/* ---- reading ---- */

/** What lines of a script say beside the files: elements, and how many of the last have no SNAP. */
typedef struct wanted_elements {
  lml_element_names names;
  size_t nbare;
} wanted_elements;

/** Append the elements that have no SNAP. */
static lml_status add_bare(const wanted_elements *wanted, lml_snap_model *snap, const char *path, lml_error *error) {
  static const char what[] = "elements";
  const size_t with = snap->nelements, count = with + wanted->nbare, ncoefficients = snap->ncoefficients;
  size_t nelements = with, nnumbers = with * ncoefficients;
  if (wanted->nbare == 0) return LML_OK;
  if (snap->parameters.chemflag)
    return lml_fail(error, LML_ERR_INPUT, "%s: with chemflag all elements need SNAP, and none may be NULL", path);
  lml_status status = lml_grow(&snap->elements, &nelements, count, sizeof *snap->elements, what, error);
  if (status == LML_OK)
    status = lml_grow(&snap->coefficients, &nnumbers, count * ncoefficients, sizeof(double), what, error);
  for (size_t e = with; e < count && status == LML_OK; e++) {
    lml_snap_element *element = &snap->elements[e];
    *element = (lml_snap_element){.bare = true, .number = lml_element_number(wanted->names.names[e])};
    memcpy(element->name, wanted->names.names[e], sizeof element->name);
    memset(snap->coefficients + e * ncoefficients, 0, ncoefficients * sizeof(double));
    snap->nelements++;
  }
  return status;
}

/** Read the model from its two files, and keep their names. @p wanted is NULL for all elements of the file. */
static lml_status read_model(lml_potential *potential, const char *snapcoeff, const char *snapparam,
                             const wanted_elements *wanted, lml_error *error) {
  lml_snap_model snap = {0};
  lml_snap_remarks remarks = {0};
  lml_element_names with = {0};
  if (wanted != NULL) with = (lml_element_names){wanted->names.count - wanted->nbare, wanted->names.names};
  lml_status status = lml_snap_read(snapcoeff, snapparam, wanted == NULL ? NULL : &with, &snap, &remarks, error);
  potential->warnings = remarks.warnings;
  if (status == LML_OK && wanted != NULL) status = add_bare(wanted, &snap, snapcoeff, error);
  if (status == LML_OK)
    status = lml_snap_take(potential, &snap, error);
  else
    lml_snap_model_free(&snap);
  if (status != LML_OK) return status;
  potential->reference = remarks.reference;
  potential->coefficient_file = lml_strdup(snapcoeff, error);
  if (potential->coefficient_file != NULL) potential->parameter_file = lml_strdup(snapparam, error);
  return potential->parameter_file == NULL ? LML_ERR_MEMORY : LML_OK;
}

/** Read the model from the two files of mliap that @p styles names, and keep the files' names. */
static lml_status read_mliap(lml_potential *potential, const lml_pair_styles *styles, lml_error *error) {
  const lml_mliap_files files = {.model = styles->file,
                                 .descriptor = styles->parameters,
                                 .form = styles->quadratic ? LML_MLIAP_QUADRATIC : LML_MLIAP_LINEAR};
  lml_snap_model snap = {0};
  lml_status status = lml_mliap_read(&files, &styles->elements, &snap, &potential->warnings, error);
  if (status == LML_OK) status = lml_snap_take(potential, &snap, error);
  if (status != LML_OK) return status;
  potential->coefficient_file = lml_strdup(files.model, error);
  if (potential->coefficient_file != NULL) potential->parameter_file = lml_strdup(files.descriptor, error);
  return potential->parameter_file == NULL ? LML_ERR_MEMORY : LML_OK;
}

static lml_status read_styles(const lml_pair_styles *styles, lml_potential *potential, lml_error *error) {
  const wanted_elements wanted = {styles->elements, styles->nbare};
  return styles->kind == LML_PAIR_MLIAP ? read_mliap(potential, styles, error)
                                        : read_model(potential, styles->file, styles->parameters, &wanted, error);
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

/** A few words on the fixed terms that @p styles adds; empty where it adds none. */
static void describe_terms(const lml_pair_styles *styles, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  if (styles->zbl.outer > 0.0)
    used = lml_print_cut(text, size, "ZBL from %g to %g Å", styles->zbl.inner, styles->zbl.outer);
  if (styles->ntables > 0) lml_print_cut(text + used, size - used, "%stables", used > 0 ? " and " : "");
}

/** Refuse where @p script, which belongs to @p path, adds terms that nobody has asked for or refused. */
static lml_status check_unstated(const char *path, const char *script, lml_error *error) {
  lml_pair_styles styles = {0};
  lml_error reason = {0};
  const lml_status status = lml_pair_styles_read(script, &styles, &reason);
  char words[160];
  describe_terms(&styles, words, sizeof words);
  lml_pair_styles_free(&styles);
  if (status == LML_ERR_MEMORY) return lml_fail(error, status, "%s", reason.message);
  if (status != LML_OK)
    return lml_fail(error, status,
                    "%s: fixed terms are unclear, as the %s file beside it can't be used (%s): "
                    "say --fixed-terms none to go without, or give a .snap file that can",
                    path, strrchr(script, '.'), reason.message);
  if (words[0] == '\0') return LML_OK;
  return lml_fail(
      error, LML_ERR_INPUT,
      "%s: the file %s beside it adds fixed terms, %s, without which forces are wrong at "
      "short distances: say --fixed-terms snap to add them, --fixed-terms none to go without, or give the %s "
      "file itself",
      path, lml_path_name(script), words, strrchr(script, '.'));
}

static bool can_be_used(const char *script) {
  lml_pair_styles styles = {0};
  const bool usable = lml_pair_styles_read(script, &styles, NULL) == LML_OK;
  lml_pair_styles_free(&styles);
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
  lml_pair_styles styles = {0};
  lml_status status = lml_pair_styles_read(paths[0], &styles, error);
  const wanted_elements wanted = {styles.elements, styles.nbare};
  if (status == LML_OK)
    status = read_model(potential, path, parameters == NULL ? styles.parameters : parameters, &wanted, error);
  if (status == LML_OK) status = lml_script_complete(&styles, paths[0], potential, error);
  lml_pair_styles_free(&styles);
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
    status = check_all_unstated(path, &files, error);
    if (status == LML_OK) status = read_coefficient_file(potential, path, parameters, error);
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
  if (parameters == NULL && !lml_path_has_extension(path, ".snapcoeff"))
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: neither a .snap nor a .snapcoeff file, nor a .mod or .mliap file, by its name: give the "
                    "parameter file too",
                    path);
  return read_alone(potential, path, parameters, request->fixed_terms, error);
}

/* ---- the format ---- */

/** Parameters, or the two numbers that coefficients begin with. */
static bool is_content(const char *text) {
  static const char *const words[] = {"rcutfac", "twojmax", NULL};
  text = lml_format_first_line(text);
  if (lml_format_begins_with(text, words)) return true;
  const size_t first = strspn(text, "0123456789"), gap = strspn(text + first, " \t");
  const size_t second = strspn(text + first + gap, "0123456789");
  text += first + gap + second;
  return first > 0 && gap > 0 && second > 0 && (*text == '\0' || isspace((unsigned char)*text));
}

static bool is_name(const lml_potential_request *request) {
  static const char *const extensions[] = {".snapcoeff", ".snapparam"};
  for (size_t k = 0; k < sizeof extensions / sizeof extensions[0]; k++)
    if (lml_path_has_extension(request->path, extensions[k])) return true;
  return request->parameters != NULL;
}

static size_t style(const lml_potential *potential, char *text, size_t size) {
  (void)potential;
  return lml_print_cut(text, size, "snap");
}

static lml_status write(const lml_potential *potential, const char *path, const char *parameters, const char *comment,
                        lml_error *error) {
  const lml_snap_model snap = lml_snap_view(potential);
  return lml_snap_write(&snap, potential, path, parameters, comment, error);
}

const lml_format lml_snap_format = {
    .name = "LAMMPS SNAP",
    .files = ".snapcoeff with .snapparam",
    .extension = ".snapcoeff",
    .parameter_extension = ".snapparam",
    .holds_quadratic = true,
    .is_content = is_content,
    .is_name = is_name,
    .read = read,
    .pair_kinds = 1u << LML_PAIR_SNAP | 1u << LML_PAIR_MLIAP,
    .read_styles = read_styles,
    .style = style,
    .script_extension = ".snap",
    .write = write,
};
