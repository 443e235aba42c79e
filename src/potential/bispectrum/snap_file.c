#include "potential/bispectrum/snap_file.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "lmlink/structure.h"
#include "potential/bispectrum/generation.h"
#include "potential/bispectrum/snap_exchange.h"
#include "potential/bispectrum/snap_parameters.h"
#include "potential/term_lines.h"

/** How often, and after which pause, files of two potentials are looked at again before they count as such. */
enum { REPLACING_TRIES = 20 };
static const double replacing_wait = 0.02; /* s */

/* ---- the coefficient file ---- */

/** A coefficient file being read: all of its elements, wanted or not. */
typedef struct reader {
  lml_lines *lines;
  lml_snap_model *file;
  const lml_snap_model *announced; /* has the elements, which the file doesn't; NULL: it does */
  lml_lammps_remarks *remarks;
  size_t header_line;
  size_t ncoefficients; /* as the header says */
  size_t elements_capacity, coefficients_capacity;
} reader;

static lml_status fail_cut(const reader *r, lml_error *error, const char *what) {
  return lml_lammps_fail(r->lines, error, "the file ends too early: %s", what);
}

/** "nelem ncoeff", behind any number of blank and comment lines. */
static lml_status read_header(reader *r, size_t *nelements, lml_error *error) {
  lml_token content, words[2];
  bool end;
  lml_status status = lml_lammps_full_line(r->lines, r->remarks, &content, &end, error);
  if (status != LML_OK) return status;
  if (end) return fail_cut(r, error, "the line with the numbers of elements and coefficients is missing");
  if (lml_lammps_split(content, words, 2) != 2)
    return lml_lammps_fail(r->lines, error, "expected two numbers, of elements and of coefficients per element");
  int64_t elements, coefficients;
  status =
      lml_lammps_integer(r->lines, words[0], "the number of elements", 1, LML_SNAP_ELEMENTS_LIMIT, &elements, error);
  if (status != LML_OK) return status;
  status = lml_lammps_integer(r->lines, words[1], "the number of coefficients", 1, INT32_MAX, &coefficients, error);
  if (status != LML_OK) return status;
  r->header_line = lml_lines_number(r->lines);
  r->ncoefficients = (size_t)coefficients;
  *nelements = (size_t)elements;
  return LML_OK;
}

static size_t find_element(const lml_snap_model *model, const char *name) {
  size_t e = 0;
  while (e < model->nelements && strcmp(model->elements[e].name, name) != 0) e++;
  return e;
}

/** "name R w". */
static lml_status read_element_line(reader *r, lml_snap_element *element, lml_error *error) {
  lml_token content, words[3];
  bool end;
  lml_status status = lml_lammps_line(r->lines, &content, &end, error);
  if (status != LML_OK) return status;
  if (end) return fail_cut(r, error, "an element announced in the header is missing");
  if (lml_lammps_split(content, words, 3) != 3)
    return lml_lammps_fail(r->lines, error,
                           "expected the line 'NAME RADIUS WEIGHT' of an element (blank and comment lines are allowed "
                           "above the header only): is the number of coefficients on line %zu right?",
                           r->header_line);
  *element = (lml_snap_element){0};
  if (words[0].length >= sizeof element->name)
    return lml_lammps_fail(r->lines, error, "'%.*s' is no element", LML_TOKEN_ARGS(words[0]));
  memcpy(element->name, words[0].text, words[0].length);
  if (find_element(r->file, element->name) < r->file->nelements)
    return lml_lammps_fail(r->lines, error, "element %s is there twice", element->name);
  status = lml_lammps_real(r->lines, words[1], "the radius", &element->radius, error);
  if (status == LML_OK) status = lml_lammps_real(r->lines, words[2], "the weight", &element->weight, error);
  if (status == LML_OK && element->radius <= 0.0)
    return lml_lammps_fail(r->lines, error, "the radius of %s is not positive: its cutoff would be none",
                           element->name);
  return status;
}

static lml_status read_coefficient(reader *r, const char *element, size_t index, double *coefficient,
                                   lml_error *error) {
  lml_token content;
  bool end;
  const lml_status status = lml_lammps_line(r->lines, &content, &end, error);
  if (status != LML_OK) return status;
  if (end)
    return lml_lammps_fail(r->lines, error, "the file ends too early: %s has %zu of %zu coefficients", element, index,
                           r->ncoefficients);
  if (content.length == 0)
    return lml_lammps_fail(
        r->lines, error, "blank or comment line among the coefficients of %s, of which %zu of %zu are read: remove it",
        element, index, r->ncoefficients);
  if (lml_lines_torn(r->lines) && strchr(content.text, '#') == NULL)
    return lml_lammps_fail(r->lines, error,
                           "the last coefficient has no line break after it, so the file may be cut off: if it is "
                           "whole, add one with 'echo >> %s'",
                           lml_lines_path(r->lines));
  return lml_lammps_real(r->lines, content, "coefficient", coefficient, error);
}

static lml_status read_element(reader *r, lml_error *error) {
  lml_snap_model *file = r->file;
  lml_status status =
      lml_grow(&file->elements, &r->elements_capacity, file->nelements + 1, sizeof *file->elements, "elements", error);
  if (status != LML_OK) return status;
  lml_snap_element *element = &file->elements[file->nelements];
  if (r->announced == NULL)
    status = read_element_line(r, element, error);
  else
    *element = r->announced->elements[file->nelements];
  const size_t first = file->nelements * r->ncoefficients;
  for (size_t k = 0; status == LML_OK && k < r->ncoefficients; k++) {
    status =
        lml_grow(&file->coefficients, &r->coefficients_capacity, first + k + 1, sizeof(double), "coefficients", error);
    if (status == LML_OK) status = read_coefficient(r, element->name, k, &file->coefficients[first + k], error);
  }
  if (status == LML_OK) file->nelements++;
  return status;
}

static lml_status read_to_end(reader *r, lml_error *error) {
  lml_token content;
  bool end;
  const lml_status status = lml_lammps_full_line(r->lines, NULL, &content, &end, error);
  if (status != LML_OK || end) return status;
  return lml_lammps_fail(r->lines, error,
                         "more lines than the header on line %zu announces, %zu elements with %zu coefficients each",
                         r->header_line, r->file->nelements, r->ncoefficients);
}

/** Read @p path, whose elements are those of @p announced, or its own where that is NULL. */
static lml_status read_coefficients(const char *path, const lml_snap_model *announced, lml_snap_model *file,
                                    lml_lammps_remarks *remarks, size_t *header_line, lml_error *error) {
  reader r = {.file = file, .announced = announced, .remarks = remarks};
  *remarks = (lml_lammps_remarks){0};
  lml_status status = lml_lines_open(path, &r.lines, error);
  if (status != LML_OK) return status;
  size_t nelements = 0;
  status = read_header(&r, &nelements, error);
  if (status == LML_OK && announced != NULL && nelements != announced->nelements)
    status = lml_lammps_fail(r.lines, error, "coefficients of %zu elements, but the descriptor file has %zu", nelements,
                             announced->nelements);
  while (status == LML_OK && file->nelements < nelements) status = read_element(&r, error);
  if (status == LML_OK) status = read_to_end(&r, error);
  lml_lines_close(r.lines);
  file->ncoefficients = r.ncoefficients;
  *header_line = r.header_line;
  return status;
}

/* ---- from the file to the model ---- */

static lml_status select_element(const lml_snap_model *file, const char *path, const char *name, lml_snap_model *model,
                                 lml_error *error) {
  const size_t from = find_element(file, name), to = model->nelements;
  if (from == file->nelements) return lml_fail(error, LML_ERR_INPUT, "%s: there is no element %s", path, name);
  model->elements[to] = file->elements[from];
  model->elements[to].number = lml_element_number(name);
  if (model->elements[to].number == 0)
    return lml_fail(error, LML_ERR_INPUT, "%s: element name '%s' is no chemical symbol", path, name);
  memcpy(model->coefficients + to * model->ncoefficients, file->coefficients + from * file->ncoefficients,
         model->ncoefficients * sizeof(double));
  model->nelements++;
  return LML_OK;
}

/** Copy the elements of @p wanted, or all. */
static lml_status select_elements(const lml_snap_model *file, const char *path, const lml_element_names *wanted,
                                  lml_snap_model *model, lml_error *error) {
  const size_t count = wanted == NULL ? file->nelements : wanted->count;
  model->ncoefficients = file->ncoefficients;
  lml_status status = lml_alloc(&model->elements, count, sizeof *model->elements, "elements", error);
  if (status == LML_OK)
    status = lml_alloc(&model->coefficients, count * file->ncoefficients, sizeof(double), "coefficients", error);
  for (size_t e = 0; status == LML_OK && e < count; e++)
    status = select_element(file, path, wanted == NULL ? file->elements[e].name : wanted->names[e], model, error);
  return status;
}

static lml_status check_count(const lml_snap_model *model, const char *snapcoeff, size_t header_line,
                              const char *snapparam, lml_error *error) {
  const lml_snap_parameters *p = &model->parameters;
  const size_t expected = lml_snap_ncoefficients(p, model->nelements);
  if (model->ncoefficients == expected) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT,
                  "%s:%zu: %zu coefficients per element, but 'twojmax %d', 'quadraticflag %d' and 'chemflag %d' of %s "
                  "with %zu element%s need %zu",
                  snapcoeff, header_line, model->ncoefficients, p->twojmax, p->quadraticflag, p->chemflag, snapparam,
                  model->nelements, model->nelements == 1 ? "" : "s", expected);
}

/** With chemflag the blocks of coefficients belong to triplets of elements, by their order in the file. */
static lml_status check_chem(const lml_snap_model *file, const char *path, const lml_snap_model *model,
                             lml_error *error) {
  if (!model->parameters.chemflag) return LML_OK;
  bool same = file->nelements == model->nelements;
  for (size_t e = 0; same && e < file->nelements; e++)
    same = strcmp(file->elements[e].name, model->elements[e].name) == 0;
  if (same) return LML_OK;
  char order[256] = "";
  for (size_t e = 0; e < file->nelements && strlen(order) + sizeof file->elements[e].name + 2 < sizeof order; e++) {
    strcat(order, " ");
    strcat(order, file->elements[e].name);
  }
  return lml_fail(error, LML_ERR_INPUT, "%s: with chemflag all elements of the file must be used, in its order:%s",
                  path, order);
}

/** Read both files once. What their comments say is kept in @p pair. */
static lml_status read_pair(lml_generation_pair *pair, const lml_element_names *wanted, lml_snap_model *model,
                            lml_text_list *warnings, lml_error *error) {
  lml_snap_model file = {0};
  size_t header_line = 0;
  lml_snap_model_free(model);
  lml_status status = read_coefficients(pair->snapcoeff, NULL, &file, &pair->coefficients, &header_line, error);
  if (status == LML_OK) status = select_elements(&file, pair->snapcoeff, wanted, model, error);
  if (status == LML_OK) status = lml_snap_parameters_read(pair->snapparam, model, &pair->parameters, error);
  if (status == LML_OK) status = lml_generation_check(pair, &file, model, warnings, error);
  if (status == LML_OK) status = check_chem(&file, pair->snapcoeff, model, error);
  if (status == LML_OK) status = check_count(model, pair->snapcoeff, header_line, pair->snapparam, error);
  if (status == LML_OK) status = lml_snap_exchange_check(model, pair->snapcoeff, warnings, error);
  lml_snap_model_free(&file);
  if (status != LML_OK) lml_snap_model_free(model);
  return status;
}

/** Files of two potentials may not fit each other in many ways; that they are is what the user has to know. */
static lml_status name_cause(lml_generation_pair *pair, lml_status status, lml_error *error) {
  if (status != LML_ERR_INPUT) return status;
  if (!lml_generation_differs(pair) &&
      (lml_lammps_remarks_read(pair->snapcoeff, &pair->coefficients, NULL) != LML_OK ||
       lml_lammps_remarks_read(pair->snapparam, &pair->parameters, NULL) != LML_OK || !lml_generation_differs(pair)))
    return status;
  return lml_generation_fail(pair, error);
}

lml_status lml_snap_read(const char *snapcoeff, const char *snapparam, const lml_element_names *wanted,
                         lml_snap_model *model, lml_snap_remarks *remarks, lml_error *error) {
  lml_generation_pair pair;
  lml_status status;
  for (int attempt = 0;; attempt++) {
    pair = (lml_generation_pair){.snapcoeff = snapcoeff, .snapparam = snapparam};
    status = name_cause(&pair, read_pair(&pair, wanted, model, &remarks->warnings, error), error);
    if (status == LML_OK || !lml_generation_differs(&pair) || attempt == REPLACING_TRIES) break;
    lml_sys->sleep(replacing_wait); /* they may be being replaced just now */
  }
  remarks->reference = pair.parameters.pair_style;
  return status;
}

/* ---- the files of pair_style mliap ---- */

static lml_status check_mliap_count(const lml_snap_model *file, const char *path, size_t header_line,
                                    const lml_mliap_files *files, lml_error *error) {
  static const char *const forms[] = {[LML_MLIAP_LINEAR] = "linear", [LML_MLIAP_QUADRATIC] = "quadratic"};
  const lml_snap_parameters *p = &file->parameters;
  const size_t expected = lml_snap_ncoefficients(p, file->nelements);
  if (file->ncoefficients == expected) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT,
                  "%s:%zu: %zu coefficients per element, but a %s model with 'twojmax %d' and 'chemflag %d' of %s and "
                  "%zu element%s needs %zu",
                  path, header_line, file->ncoefficients, forms[files->form], p->twojmax, p->chemflag,
                  files->descriptor, file->nelements, file->nelements == 1 ? "" : "s", expected);
}

lml_status lml_mliap_read(const lml_mliap_files *files, const lml_element_names *wanted, lml_snap_model *model,
                          lml_text_list *warnings, lml_error *error) {
  lml_snap_model descriptor = {0}, file = {0};
  lml_lammps_remarks remarks;
  size_t header_line = 0;
  lml_snap_model_free(model);
  lml_status status = lml_mliap_descriptor_read(files->descriptor, &descriptor, error);
  if (status == LML_OK) status = read_coefficients(files->model, &descriptor, &file, &remarks, &header_line, error);
  file.parameters = descriptor.parameters;
  file.parameters.quadraticflag = files->form == LML_MLIAP_QUADRATIC;
  if (status == LML_OK) status = check_mliap_count(&file, files->model, header_line, files, error);
  if (status == LML_OK) status = select_elements(&file, files->descriptor, wanted, model, error);
  model->parameters = file.parameters;
  if (status == LML_OK) status = check_chem(&file, files->descriptor, model, error);
  if (status == LML_OK) status = lml_snap_exchange_check(model, files->model, warnings, error);
  lml_snap_model_free(&descriptor);
  lml_snap_model_free(&file);
  if (status != LML_OK) lml_snap_model_free(model);
  return status;
}

/* ---- writing ---- */

typedef lml_status (*content_writer)(lml_file_writer *writer, const lml_snap_model *model, lml_error *error);

lml_status lml_snap_coefficients_write(lml_file_writer *writer, const lml_snap_model *model, lml_error *error) {
  lml_status status = lml_file_writer_print(writer, error, "%zu %zu\n", model->nelements, model->ncoefficients);
  for (size_t e = 0; status == LML_OK && e < model->nelements; e++) {
    const lml_snap_element *element = &model->elements[e];
    char radius[LML_REAL_TEXT], weight[LML_REAL_TEXT];
    lml_format_real(element->radius, radius);
    lml_format_real(element->weight, weight);
    status = lml_file_writer_print(writer, error, "%s %s %s\n", element->name, radius, weight);
    for (size_t k = 0; status == LML_OK && k < model->ncoefficients; k++) {
      char text[LML_REAL_TEXT];
      lml_format_real(model->coefficients[e * model->ncoefficients + k], text);
      status = lml_file_writer_print(writer, error, "%s\n", text);
    }
  }
  return status;
}

static lml_status write_parameters(lml_file_writer *writer, const lml_snap_model *model, lml_error *error) {
  return lml_snap_parameters_write(writer, model, LML_KEYWORDS_ALL, error);
}

/** What stands above the content of a file. */
typedef struct heading {
  const char *comment; /* may be NULL */
  lml_lammps_remark mark;
  const lml_potential
      *fitted; /* whose terms were subtracted before the fit; NULL: nothing that this file should tell */
} heading;

/** Write @p path up to the commit. Without success *@p writer is NULL. */
static lml_status write_file(const char *path, const heading *head, content_writer content, const lml_snap_model *model,
                             lml_file_writer **writer, lml_error *error) {
  *writer = NULL;
  lml_status status = lml_file_writer_create(path, writer, error);
  if (status == LML_OK && head->comment != NULL)
    status = lml_file_writer_print(*writer, error, "# %.*s\n", (int)strcspn(head->comment, "\r\n"), head->comment);
  if (status == LML_OK) status = lml_file_writer_print(*writer, error, "# %s\n", head->mark.text);
  if (status == LML_OK && head->fitted != NULL)
    status = lml_term_remark_write(head->fitted, path, "# ", *writer, error);
  if (status == LML_OK) status = lml_file_writer_print(*writer, error, "\n");
  if (status == LML_OK) status = content(*writer, model, error);
  if (status == LML_OK) return LML_OK;
  lml_file_writer_abort(*writer);
  *writer = NULL;
  return status;
}

lml_status lml_snap_write(const lml_snap_model *model, const lml_potential *fitted, const char *snapcoeff,
                          const char *snapparam, const char *comment, lml_error *error) {
  const size_t count = model->nelements * model->ncoefficients;
  for (size_t k = 0; k < count; k++)
    if (!isfinite(model->coefficients[k]))
      return lml_fail(error, LML_ERR_INPUT, "%s: not written: coefficient %zu of %s is not finite", snapcoeff,
                      k % model->ncoefficients, model->elements[k / model->ncoefficients].name);
  heading head = {.comment = comment};
  lml_file_writer *files[2] = {NULL, NULL};
  lml_status status = lml_generation_make(model, &head.mark, error);
  if (status == LML_OK) status = write_file(snapcoeff, &head, lml_snap_coefficients_write, model, &files[0], error);
  head.fitted = fitted;
  if (status == LML_OK) status = write_file(snapparam, &head, write_parameters, model, &files[1], error);
  /* The coefficients come first: where a run ends between the two, their mark tells that parameters without one are
   * not theirs. */
  if (status == LML_OK) return lml_file_writer_commit_all(files, 2, error);
  for (size_t k = 0; k < 2; k++) lml_file_writer_abort(files[k]);
  return status;
}
