#include "potential/bispectrum/snap_parameters.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "potential/lammps_text.h"

/** How the value of a keyword is read. Those that are ignored here LAMMPS's KOKKOS package alone uses. Of a former
 *  keyword one value is left, which is what LAMMPS does since. */
typedef enum value_kind { REAL, WHOLE, FLAG, PER_ELEMENT, IGNORED, FORMER, COUNT, NAMES } value_kind;

/** The files that have a keyword. */
typedef enum dialect { SNAP = 1, MLIAP = 2, BOTH = 3 } dialect;

enum {
  RCUTFAC,
  TWOJMAX,
  RFAC0,
  RMIN0,
  SWITCHFLAG,
  BZEROFLAG,
  QUADRATICFLAG,
  CHEMFLAG,
  BNORMFLAG,
  WSELFALLFLAG,
  SWITCHINNERFLAG,
  SINNER,
  DINNER,
  CHUNKSIZE,
  PARALLELTHRESH,
  DIAGONALSTYLE,
  NELEMS,
  ELEMS,
  RADELEMS,
  WELEMS,
  NKEYWORDS
};

/** Where a value goes: into the parameters, or for PER_ELEMENT into each element. */
static const struct keyword {
  const char *name;
  dialect files;
  value_kind kind;
  size_t offset;
} keywords[NKEYWORDS] = {
    [RCUTFAC] = {"rcutfac", BOTH, REAL, offsetof(lml_snap_parameters, rcutfac)},
    [TWOJMAX] = {"twojmax", BOTH, WHOLE, offsetof(lml_snap_parameters, twojmax)},
    [RFAC0] = {"rfac0", BOTH, REAL, offsetof(lml_snap_parameters, rfac0)},
    [RMIN0] = {"rmin0", BOTH, REAL, offsetof(lml_snap_parameters, rmin0)},
    [SWITCHFLAG] = {"switchflag", BOTH, FLAG, offsetof(lml_snap_parameters, switchflag)},
    [BZEROFLAG] = {"bzeroflag", BOTH, FLAG, offsetof(lml_snap_parameters, bzeroflag)},
    [QUADRATICFLAG] = {"quadraticflag", SNAP, FLAG, offsetof(lml_snap_parameters, quadraticflag)},
    [CHEMFLAG] = {"chemflag", BOTH, FLAG, offsetof(lml_snap_parameters, chemflag)},
    [BNORMFLAG] = {"bnormflag", BOTH, FLAG, offsetof(lml_snap_parameters, bnormflag)},
    [WSELFALLFLAG] = {"wselfallflag", BOTH, FLAG, offsetof(lml_snap_parameters, wselfallflag)},
    [SWITCHINNERFLAG] = {"switchinnerflag", SNAP, FLAG, offsetof(lml_snap_parameters, switchinnerflag)},
    [SINNER] = {"sinner", SNAP, PER_ELEMENT, offsetof(lml_snap_element, sinner)},
    [DINNER] = {"dinner", SNAP, PER_ELEMENT, offsetof(lml_snap_element, dinner)},
    [CHUNKSIZE] = {"chunksize", SNAP, IGNORED, 0},
    [PARALLELTHRESH] = {"parallelthresh", SNAP, IGNORED, 0},
    [DIAGONALSTYLE] = {"diagonalstyle", SNAP, FORMER, 0},
    [NELEMS] = {"nelems", MLIAP, COUNT, 0},
    [ELEMS] = {"elems", MLIAP, NAMES, 0},
    [RADELEMS] = {"radelems", MLIAP, PER_ELEMENT, offsetof(lml_snap_element, radius)},
    [WELEMS] = {"welems", MLIAP, PER_ELEMENT, offsetof(lml_snap_element, weight)},
};

static const lml_snap_parameters defaults = {.rfac0 = 0.99363, .switchflag = true, .bzeroflag = true};

/** A file being read. */
typedef struct reader {
  lml_lines *lines;
  dialect files;
  lml_snap_model *model;
  lml_lammps_remarks *remarks;
  size_t given_on[NKEYWORDS]; /* line of each keyword, 0 where it was not given */
} reader;

static size_t find_keyword(const reader *r, lml_token word) {
  for (size_t k = 0; k < NKEYWORDS; k++)
    if ((keywords[k].files & r->files) != 0 && lml_token_equals(word, keywords[k].name)) return k;
  return NKEYWORDS;
}

static lml_status fail_unknown(const reader *r, lml_token word, lml_error *error) {
  const char *known[NKEYWORDS];
  char name[64] = "";
  size_t count = 0;
  memcpy(name, word.text, word.length < sizeof name ? word.length : sizeof name - 1);
  for (size_t k = 0; k < NKEYWORDS; k++)
    if ((keywords[k].files & r->files) != 0) known[count++] = keywords[k].name;
  const char *nearest = lml_nearest(name, known, count);
  if (nearest == NULL)
    return lml_lammps_fail(r->lines, error, "unknown keyword '%s': those of %s are allowed", name,
                           r->files == SNAP ? "pair_style snap" : "the descriptor sna of pair_style mliap");
  return lml_lammps_fail(r->lines, error, "unknown keyword '%s': did you mean '%s'?", name, nearest);
}

static lml_status read_per_element(const reader *r, const struct keyword *keyword, const lml_token *values,
                                   size_t count, lml_error *error) {
  if (count != r->model->nelements)
    return lml_lammps_fail(r->lines, error, "%s has %zu values: give one per element, %zu", keyword->name, count,
                           r->model->nelements);
  for (size_t e = 0; e < count; e++) {
    double value;
    const lml_status status = lml_lammps_real(r->lines, values[e], keyword->name, &value, error);
    if (status != LML_OK) return status;
    memcpy((char *)&r->model->elements[e] + keyword->offset, &value, sizeof value);
  }
  return LML_OK;
}

/** How many elements there are; their lines come behind. */
static lml_status read_count(const reader *r, lml_token word, lml_error *error) {
  lml_snap_model *model = r->model;
  int64_t count = 0;
  const lml_status status = lml_lammps_integer(r->lines, word, "nelems", 1, LML_SNAP_ELEMENTS_LIMIT, &count, error);
  if (status != LML_OK) return status;
  model->nelements = (size_t)count;
  return lml_alloc(&model->elements, model->nelements, sizeof *model->elements, "elements", error);
}

static lml_status read_names(const reader *r, const lml_token *values, size_t count, lml_error *error) {
  lml_snap_element *elements = r->model->elements;
  if (count != r->model->nelements)
    return lml_lammps_fail(r->lines, error, "elems has %zu names: give one per element, %zu", count,
                           r->model->nelements);
  for (size_t e = 0; e < count; e++) {
    if (values[e].length >= sizeof elements[e].name)
      return lml_lammps_fail(r->lines, error, "'%.*s' is no element", LML_TOKEN_ARGS(values[e]));
    memcpy(elements[e].name, values[e].text, values[e].length);
    for (size_t other = 0; other < e; other++)
      if (strcmp(elements[e].name, elements[other].name) == 0)
        return lml_lammps_fail(r->lines, error, "element %s is there twice", elements[e].name);
  }
  return LML_OK;
}

static lml_status read_single(const reader *r, const struct keyword *keyword, lml_token word, lml_error *error) {
  char *target = (char *)&r->model->parameters + keyword->offset;
  int64_t whole = 0;
  double real = 0.0;
  lml_status status = LML_OK;
  if (keyword->kind == REAL) {
    status = lml_lammps_real(r->lines, word, keyword->name, &real, error);
    if (status == LML_OK) memcpy(target, &real, sizeof real);
  } else if (keyword->kind == WHOLE) {
    status = lml_lammps_integer(r->lines, word, keyword->name, 0, LML_SNAP_TWOJMAX_LIMIT, &whole, error);
    const int number = (int)whole;
    if (status == LML_OK) memcpy(target, &number, sizeof number);
  } else if (keyword->kind == FLAG) {
    status = lml_lammps_integer(r->lines, word, keyword->name, 0, 1, &whole, error);
    const bool flag = whole == 1;
    if (status == LML_OK) memcpy(target, &flag, sizeof flag);
  } else if (keyword->kind == FORMER && !lml_token_equals(word, "3")) {
    return lml_lammps_fail(
        r->lines, error,
        "diagonalstyle '%.*s' is not supported: LAMMPS dropped the keyword in 2019 and always uses 3, "
        "with which this potential's coefficients have no meaning",
        LML_TOKEN_ARGS(word));
  }
  return status;
}

static lml_status check_rcutfac(const reader *r, lml_error *error) {
  const lml_snap_parameters *p = &r->model->parameters;
  if (p->rcutfac <= 0.0) return lml_lammps_fail(r->lines, error, "rcutfac is not positive: no atom has a neighbour");
  return LML_OK;
}

/** Whether the end of a number may be missing: the file ends right behind it, without a line break. A cut real number
 *  still reads as one; a cut whole one is noticed, as it has one digit or must fit the number of coefficients. */
static bool may_be_cut(const reader *r, const struct keyword *keyword, lml_token content) {
  return lml_lines_torn(r->lines) && strchr(content.text, '#') == NULL &&
         (keyword->kind == REAL || keyword->kind == PER_ELEMENT);
}

static lml_status read_keyword(reader *r, lml_token content, lml_error *error) {
  lml_token words[LML_SNAP_ELEMENTS_LIMIT + 2];
  const size_t most = sizeof words / sizeof words[0];
  const size_t count = lml_lammps_split(content, words, most);
  if (count == 0) return LML_OK;
  const size_t k = find_keyword(r, words[0]);
  if (k == NKEYWORDS) return fail_unknown(r, words[0], error);
  const struct keyword *keyword = &keywords[k];
  if (r->given_on[k] != 0)
    return lml_lammps_fail(r->lines, error, "%s is given again: line %zu has it already", keyword->name,
                           r->given_on[k]);
  r->given_on[k] = lml_lines_number(r->lines);
  if (may_be_cut(r, keyword, content))
    return lml_lammps_fail(r->lines, error,
                           "%s has no line break after it, so the file may be cut off: if it is whole, add one with "
                           "'echo >> %s'",
                           keyword->name, lml_lines_path(r->lines));
  if (r->files == MLIAP && r->given_on[NELEMS] == 0 && (keyword->kind == PER_ELEMENT || keyword->kind == NAMES))
    return lml_lammps_fail(r->lines, error, "%s before nelems, which has to say how many elements there are",
                           keyword->name);
  if (keyword->kind == PER_ELEMENT) return read_per_element(r, keyword, words + 1, count - 1, error);
  if (keyword->kind == NAMES) return read_names(r, words + 1, count - 1, error);
  if (count != 2) return lml_lammps_fail(r->lines, error, "%s has %zu values: give one", keyword->name, count - 1);
  if (keyword->kind == COUNT) return read_count(r, words[1], error);
  const lml_status status = read_single(r, keyword, words[1], error);
  return status == LML_OK && k == RCUTFAC ? check_rcutfac(r, error) : status;
}

static lml_status check_required(const reader *r, lml_error *error) {
  const char *path = lml_lines_path(r->lines);
  static const size_t required[] = {RCUTFAC, TWOJMAX, NELEMS, ELEMS, RADELEMS, WELEMS};
  for (size_t k = 0; k < sizeof required / sizeof required[0]; k++)
    if ((keywords[required[k]].files & r->files) != 0 && r->given_on[required[k]] == 0)
      return lml_fail(error, LML_ERR_INPUT, "%s: required keyword '%s' is missing", path, keywords[required[k]].name);
  for (size_t k = SINNER; k <= DINNER; k++) {
    if (r->model->parameters.switchinnerflag && r->given_on[k] == 0)
      return lml_fail(error, LML_ERR_INPUT, "%s:%zu: switchinnerflag 1 needs '%s' with one value per element", path,
                      r->given_on[SWITCHINNERFLAG], keywords[k].name);
    if (!r->model->parameters.switchinnerflag && r->given_on[k] != 0)
      return lml_fail(error, LML_ERR_INPUT, "%s:%zu: %s has no meaning without 'switchinnerflag 1'", path,
                      r->given_on[k], keywords[k].name);
  }
  return LML_OK;
}

/** What pairs of elements need of the parameters. */
static lml_status check_elements(const reader *r, lml_error *error) {
  const lml_snap_parameters *p = &r->model->parameters;
  const char *path = lml_lines_path(r->lines);
  if (p->rfac0 <= 0.0)
    return lml_fail(error, LML_ERR_INPUT, "%s: rfac0 %g is not positive: it must be above 0 and at most 1", path,
                    p->rfac0);
  if (p->rfac0 > 1.0)
    return lml_fail(
        error, LML_ERR_INPUT,
        "%s: rfac0 %g is above 1: distances are mapped to an angle up to rfac0·π, and beyond π neighbours at "
        "two distances look the same, with a pole in between",
        path, p->rfac0);
  for (size_t e = 0; e < r->model->nelements; e++) {
    const lml_snap_element *element = &r->model->elements[e];
    const double cutoff = 2.0 * element->radius * p->rcutfac;
    if (element->radius <= 0.0)
      return lml_fail(error, LML_ERR_INPUT, "%s: the radius of %s is not positive: its cutoff would be none", path,
                      element->name);
    if (cutoff <= p->rmin0)
      return lml_fail(error, LML_ERR_INPUT, "%s: rmin0 %g Å is not below the cutoff of %s, %g Å", path, p->rmin0,
                      element->name, cutoff);
    if (p->switchinnerflag && element->dinner <= 0.0)
      return lml_fail(error, LML_ERR_INPUT, "%s:%zu: dinner of %s is not positive", path, r->given_on[DINNER],
                      element->name);
  }
  return LML_OK;
}

static lml_status read_file(const char *path, dialect files, lml_snap_model *model, lml_lammps_remarks *remarks,
                            lml_error *error) {
  model->parameters = defaults;
  reader r = {.files = files, .model = model, .remarks = remarks};
  lml_status status = lml_lines_open(path, &r.lines, error);
  bool end = false;
  while (status == LML_OK && !end) {
    lml_token content;
    status = lml_lammps_full_line(r.lines, r.remarks, &content, &end, error);
    if (status == LML_OK && !end) status = read_keyword(&r, content, error);
  }
  if (status == LML_OK) status = check_required(&r, error);
  if (status == LML_OK) status = check_elements(&r, error);
  lml_lines_close(r.lines);
  return status;
}

lml_status lml_snap_parameters_read(const char *path, lml_snap_model *model, lml_lammps_remarks *remarks,
                                    lml_error *error) {
  *remarks = (lml_lammps_remarks){0};
  return read_file(path, SNAP, model, remarks, error);
}

lml_status lml_mliap_descriptor_read(const char *path, lml_snap_model *model, lml_error *error) {
  lml_snap_model_free(model);
  const lml_status status = read_file(path, MLIAP, model, NULL, error);
  if (status != LML_OK) lml_snap_model_free(model);
  return status;
}

/* ---- writing ---- */

static lml_status write_keyword(lml_file_writer *writer, const lml_snap_model *model, const struct keyword *keyword,
                                lml_error *error) {
  const char *source = (const char *)&model->parameters + keyword->offset;
  char text[LML_REAL_TEXT];
  double real;
  int whole;
  bool flag;
  lml_status status;
  switch (keyword->kind) {
    case REAL:
      memcpy(&real, source, sizeof real);
      lml_format_real(real, text);
      return lml_file_writer_print(writer, error, "%s %s\n", keyword->name, text);
    case WHOLE:
      memcpy(&whole, source, sizeof whole);
      return lml_file_writer_print(writer, error, "%s %d\n", keyword->name, whole);
    case FLAG:
      memcpy(&flag, source, sizeof flag);
      return lml_file_writer_print(writer, error, "%s %d\n", keyword->name, flag ? 1 : 0);
    case PER_ELEMENT:
      if (!model->parameters.switchinnerflag) return LML_OK;
      status = lml_file_writer_print(writer, error, "%s", keyword->name);
      for (size_t e = 0; status == LML_OK && e < model->nelements; e++) {
        memcpy(&real, (const char *)&model->elements[e] + keyword->offset, sizeof real);
        lml_format_real(real, text);
        status = lml_file_writer_print(writer, error, " %s", text);
      }
      return status == LML_OK ? lml_file_writer_print(writer, error, "\n") : status;
    case IGNORED:
    case FORMER:
    case COUNT:
    case NAMES:
      break;
  }
  return LML_OK;
}

static bool has_default(const lml_snap_parameters *parameters, const struct keyword *keyword) {
  static const size_t sizes[] = {[REAL] = sizeof(double), [WHOLE] = sizeof(int), [FLAG] = sizeof(bool)};
  if (keyword->kind != REAL && keyword->kind != WHOLE && keyword->kind != FLAG) return false;
  return memcmp((const char *)parameters + keyword->offset, (const char *)&defaults + keyword->offset,
                sizes[keyword->kind]) == 0;
}

lml_status lml_snap_parameters_write(lml_file_writer *writer, const lml_snap_model *model, lml_snap_keywords which,
                                     lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; status == LML_OK && k < NKEYWORDS; k++)
    if ((keywords[k].files & SNAP) != 0 &&
        (which == LML_KEYWORDS_ALL || !has_default(&model->parameters, &keywords[k])))
      status = write_keyword(writer, model, &keywords[k], error);
  return status;
}
