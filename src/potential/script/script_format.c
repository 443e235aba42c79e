#include "potential/script/script_format.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "lmlink/structure.h"
#include "potential/script/style_words.h"
#include "potential/term_lines.h"

/* ---- fixed terms ---- */

/** Where the potential has each of the elements of @p styles, which must be all that it has. */
static lml_status find_places(const lml_pair_styles *styles, const char *path, const lml_potential *potential,
                              size_t *places, lml_error *error) {
  for (size_t e = 0; e < styles->elements.count; e++) {
    const int place = lml_potential_element_index(potential, lml_element_number(styles->elements.names[e]));
    if (place < 0)
      return lml_fail(error, LML_ERR_INPUT, "%s: there is no element %s in %s", path, styles->elements.names[e],
                      styles->file);
    places[e] = (size_t)place;
  }
  if (styles->elements.count == lml_potential_nelements(potential)) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "%s: the pair_coeff line names %zu of the %zu elements of %s: name all of them",
                  path, styles->elements.count, lml_potential_nelements(potential), styles->file);
}

static lml_status add_zbl(const lml_pair_styles *styles, const size_t *places, lml_potential *potential,
                          lml_error *error) {
  const size_t n = styles->elements.count;
  lml_zbl zbl = {.inner = styles->zbl.inner, .outer = styles->zbl.outer};
  lml_pair_term *term = NULL;
  if (zbl.outer <= 0.0) return LML_OK;
  lml_status status = lml_alloc(&zbl.zi, n * n, sizeof *zbl.zi, "the ZBL term", error);
  if (status == LML_OK) status = lml_alloc(&zbl.zj, n * n, sizeof *zbl.zj, "the ZBL term", error);
  for (size_t p = 0; p < n * n && status == LML_OK; p++) {
    const size_t q = places[p / n] * n + places[p % n];
    zbl.zi[q] = styles->zbl.zi[p];
    zbl.zj[q] = styles->zbl.zj[p];
  }
  if (status == LML_OK) status = lml_zbl_term_create(&zbl, n, &term, error);
  if (status == LML_OK) status = lml_potential_add_term(potential, term, error);
  lml_zbl_free(&zbl);
  return status;
}

static lml_status add_tables(const lml_pair_tables *tables, const size_t *places, size_t n, lml_potential *potential,
                             lml_error *error) {
  lml_pair_term *term = NULL;
  size_t *of_pair;
  lml_status status = lml_alloc(&of_pair, n * n, sizeof *of_pair, "tables", error);
  for (size_t p = 0; p < n * n && status == LML_OK; p++)
    of_pair[places[p / n] * n + places[p % n]] = tables->of_pair[p];
  if (status == LML_OK)
    status = lml_table_term_create(&tables->style, tables->sources, tables->nsources, of_pair, n, &potential->warnings,
                                   &term, error);
  lml_free(of_pair);
  return status == LML_OK ? lml_potential_add_term(potential, term, error) : status;
}

static lml_status add_terms(const lml_pair_styles *styles, const char *path, lml_potential *potential,
                            lml_error *error) {
  const size_t n = styles->elements.count;
  size_t *places;
  lml_status status = lml_alloc(&places, n, sizeof *places, "elements", error);
  if (status != LML_OK) return status;
  status = find_places(styles, path, potential, places, error);
  if (status == LML_OK) status = add_zbl(styles, places, potential, error);
  for (size_t k = 0; k < styles->ntables && status == LML_OK; k++)
    status = add_tables(&styles->tables[k], places, n, potential, error);
  lml_free(places);
  return status;
}

/** Warn where the terms that are added are not those which a comment of the potential's files notes. */
static lml_status compare_terms(lml_potential *potential, lml_error *error) {
  const lml_lammps_remark *reference = &potential->reference;
  const char *file = potential->parameter_file != NULL ? potential->parameter_file : potential->coefficient_file;
  char added[LML_TERM_STYLES_TEXT];
  lml_term_styles(potential, added);
  if (reference->line == 0 || lml_style_words_same_terms(added, reference->text)) return LML_OK;
  if (added[0] == '\0')
    return lml_text_list_print(&potential->warnings, error,
                               "%s: adds no fixed terms, but line %zu of %s says that the coefficients were fitted to "
                               "what is left after subtracting '%s'",
                               potential->script, reference->line, file, reference->text);
  return lml_text_list_print(&potential->warnings, error,
                             "%s: adds fixed terms, '%s', but line %zu of %s says that what was subtracted before the "
                             "coefficients were fitted is '%s': correct the one that is wrong",
                             potential->script, added, reference->line, file, reference->text);
}

lml_status lml_script_complete(const lml_pair_styles *styles, const char *path, lml_potential *potential,
                               lml_error *error) {
  potential->script = lml_strdup(path, error);
  if (potential->script == NULL) return LML_ERR_MEMORY;
  lml_status status = LML_OK;
  for (size_t k = 0; k < styles->warnings.count && status == LML_OK; k++)
    status = lml_text_list_print(&potential->warnings, error, "%s", styles->warnings.texts[k]);
  if (status == LML_OK) status = add_terms(styles, path, potential, error);
  return status == LML_OK ? compare_terms(potential, error) : status;
}

/* ---- the format ---- */

static lml_status read_as(const lml_pair_styles *styles, const char *path, lml_potential *potential, lml_error *error) {
  potential->format = lml_format_of_style(styles->kind);
  const lml_status status = potential->format->read_styles(styles, potential, error);
  return status == LML_OK ? lml_script_complete(styles, path, potential, error) : status;
}

static lml_status read(const lml_potential_request *request, lml_potential *potential, lml_error *error) {
  const char *path = request->path, *dot = strrchr(lml_path_name(path), '.');
  const char *extension = dot == NULL ? "script" : dot;
  if (request->parameters != NULL)
    return lml_fail(error, LML_ERR_USAGE, "%s: a %s file names its parameter file itself: omit %s", path, extension,
                    request->parameters);
  if (request->fixed_terms == LML_FIXED_TERMS_NONE)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s: a %s file says which fixed terms there are: give the .snapcoeff file to go without", path,
                    extension);
  lml_pair_styles styles = {0};
  lml_status status = lml_pair_styles_read(path, &styles, error);
  if (status == LML_OK) status = read_as(&styles, path, potential, error);
  lml_pair_styles_free(&styles);
  return status;
}

static bool is_content(const char *text) {
  static const char *const words[] = {"variable", "pair_style", "pair_coeff", NULL};
  return lml_format_begins_with(lml_format_first_line(text), words);
}

static bool is_name(const lml_potential_request *request) { return lml_pair_styles_is_name(request->path); }

const lml_format lml_script_format = {
    .name = "LAMMPS input lines",
    .files = ".snap, .mod or .mliap",
    .is_content = is_content,
    .is_name = is_name,
    .read = read,
};
