#include "potential/bispectrum/milady_format.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "lmlink/structure.h"
#include "potential/bispectrum/snap_format.h"
#include "potential/lammps_text.h"

static const char header[] = "# nchannels nelements";

enum {
  BISPECTRUM = 9, /**< number of the descriptor's type */
  WORDS = 5       /**< of a line, at most */
};

/** A file that is being read. What its weights multiply is LAMMPS's bispectrum of an element of radius 1/2 and weight
 *  1, with rfac0 0.99363, rmin0 0 and without bzeroflag: converted so, the published linear potential for tungsten has
 *  the coefficients that its authors published for LAMMPS. */
typedef struct {
  lml_lines *lines;
  lml_snap_model *model;
  lml_token words[WORDS];
  size_t nweights;
  double *weights;
} reader;

/** The words of the next line that is no comment: @p count, which are @p what. */
static lml_status next_words(reader *r, size_t count, const char *what, lml_error *error) {
  lml_token content;
  bool end = false;
  const lml_status status = lml_lammps_full_line(r->lines, NULL, &content, &end, error);
  if (status != LML_OK) return status;
  if (end) return lml_lammps_fail(r->lines, error, "the file ends too early: expected %s", what);
  if (lml_lammps_split(content, r->words, WORDS) == count) return LML_OK;
  return lml_lammps_fail(r->lines, error, "expected %s", what);
}

static lml_status read_integer(const reader *r, size_t word, const char *what, int64_t *value, lml_error *error) {
  return lml_lammps_integer(r->lines, r->words[word], what, 0, INT32_MAX, value, error);
}

static lml_status read_real(const reader *r, size_t word, const char *what, double *value, lml_error *error) {
  return lml_lammps_real(r->lines, r->words[word], what, value, error);
}

/* ---- the lines of the head ---- */

/** "1 1 W 1.0 1.0": channels, elements, and the element with its weight in either. */
static lml_status read_element(reader *r, lml_error *error) {
  int64_t counts[2];
  double weights[2];
  lml_snap_element *element = &r->model->elements[0];
  lml_status status = next_words(r, 5, "'1 1 SYMBOL 1.0 1.0', a file of one channel and one element", error);
  for (size_t k = 0; status == LML_OK && k < 2; k++)
    status = read_integer(r, k, k == 0 ? "the number of channels" : "the number of elements", &counts[k], error);
  for (size_t k = 0; status == LML_OK && k < 2; k++) status = read_real(r, 3 + k, "the weight", &weights[k], error);
  if (status != LML_OK) return status;
  if (counts[0] != 1 || counts[1] != 1 || weights[0] != 1.0 || weights[1] != 1.0)
    return lml_lammps_fail(r->lines, error,
                           "has other than one channel and one element of weight 1, which is all that "
                           "lmlink reads of MiLaDy");
  if (r->words[2].length < sizeof element->name) memcpy(element->name, r->words[2].text, r->words[2].length);
  element->number = lml_element_number(element->name);
  if (element->number != 0) return LML_OK;
  return lml_lammps_fail(r->lines, error, "'%.*s' is no chemical symbol", LML_TOKEN_ARGS(r->words[2]));
}

/** "9 56 3": type of the descriptor, number of weights, number of details. */
static lml_status read_type(reader *r, lml_error *error) {
  int64_t values[3];
  lml_status status = next_words(r, 3, "three numbers: descriptor type, weights, details", error);
  for (size_t k = 0; status == LML_OK && k < 3; k++)
    status = read_integer(r, k, "the descriptor type, or number of weights or details,", &values[k], error);
  if (status != LML_OK) return status;
  if (values[0] != BISPECTRUM)
    return lml_lammps_fail(r->lines, error,
                           "descriptor type %d of MiLaDy is not supported: lmlink reads type 9, the bispectrum of SNAP",
                           (int)values[0]);
  if (values[2] != 3)
    return lml_lammps_fail(r->lines, error, "descriptor type 9 has 3 details, not %d", (int)values[2]);
  r->nweights = (size_t)values[1];
  return LML_OK;
}

/** "1 4.0 0": order of the polynomial, the largest j, and no radial channels. */
static lml_status read_details(reader *r, lml_error *error) {
  lml_snap_parameters *p = &r->model->parameters;
  int64_t order, last;
  double largest_j;
  lml_status status = next_words(r, 3, "three details: order, jmax, 0", error);
  if (status == LML_OK) status = read_integer(r, 0, "the order", &order, error);
  if (status == LML_OK) status = read_real(r, 1, "jmax", &largest_j, error);
  if (status == LML_OK) status = read_integer(r, 2, "the last detail", &last, error);
  if (status != LML_OK) return status;
  if ((order != 1 && order != 2) || last != 0)
    return lml_lammps_fail(r->lines, error,
                           "a potential of order %d with the last detail %d is not supported: lmlink reads those of "
                           "order 1 (linear) and 2 (quadratic) with 0",
                           (int)order, (int)last);
  if (!(largest_j >= 0.0 && 2.0 * largest_j <= LML_SNAP_TWOJMAX_LIMIT && 2.0 * largest_j == floor(2.0 * largest_j)))
    return lml_lammps_fail(r->lines, error, "jmax %g is no multiple of 1/2 from 0 to %g", largest_j,
                           0.5 * LML_SNAP_TWOJMAX_LIMIT);
  p->twojmax = (int)(2.0 * largest_j);
  p->quadraticflag = order == 2;
  const size_t n = lml_snap_ncomponents(p->twojmax), expected = 1 + n + (order == 2 ? n * n : 0);
  if (r->nweights == expected) return LML_OK;
  return lml_lammps_fail(r->lines, error, "%zu weights do not go with order %d and jmax %g, which need %zu",
                         r->nweights, (int)order, largest_j, expected);
}

static lml_status read_head(reader *r, lml_error *error) {
  double mass;
  lml_status status = read_element(r, error);
  if (status == LML_OK) status = read_type(r, error);
  if (status == LML_OK) status = next_words(r, 1, "the mass", error);
  if (status == LML_OK) status = read_real(r, 0, "the mass", &mass, error);
  if (status == LML_OK) status = read_details(r, error);
  if (status == LML_OK) status = next_words(r, 1, "the cutoff", error);
  if (status == LML_OK) status = read_real(r, 0, "the cutoff", &r->model->parameters.rcutfac, error);
  if (status != LML_OK || r->model->parameters.rcutfac > 0.0) return status;
  return lml_lammps_fail(r->lines, error, "the cutoff is not positive");
}

/* ---- the weights ---- */

static lml_status read_weights(reader *r, lml_error *error) {
  lml_status status = lml_alloc(&r->weights, r->nweights, sizeof *r->weights, "coefficients", error);
  for (size_t k = 0; status == LML_OK && k < r->nweights; k++) {
    status = next_words(r, 1, "a weight", error);
    if (status == LML_OK && lml_lines_torn(r->lines))
      return lml_lammps_fail(r->lines, error,
                             "has no line break behind it, so the file may be cut off: if it is whole, add one with "
                             "'echo >> %s'",
                             lml_lines_path(r->lines));
    if (status == LML_OK) status = read_real(r, 0, "weight", &r->weights[k], error);
  }
  lml_token content;
  bool end = false;
  if (status == LML_OK) status = lml_lammps_full_line(r->lines, NULL, &content, &end, error);
  if (status != LML_OK || end) return status;
  return lml_lammps_fail(r->lines, error, "more lines than the %zu weights that are announced", r->nweights);
}

/** E = w₀ + w·B + Bᵀ A B, whose A need not be symmetric, as LAMMPS's ½ c_ii B_i² + Σ_{j>i} c_ij B_i B_j. */
static lml_status put_coefficients(const reader *r, lml_error *error) {
  lml_snap_model *model = r->model;
  const size_t n = lml_snap_ncomponents(model->parameters.twojmax);
  model->ncoefficients = lml_snap_ncoefficients(&model->parameters, 1);
  const lml_status status =
      lml_alloc(&model->coefficients, model->ncoefficients, sizeof *model->coefficients, "coefficients", error);
  if (status != LML_OK) return status;
  memcpy(model->coefficients, r->weights, (1 + n) * sizeof *r->weights);
  if (!model->parameters.quadraticflag) return LML_OK;
  const double *matrix = r->weights + 1 + n;
  double *to = model->coefficients + 1 + n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = i; j < n; j++) *to++ = matrix[i * n + j] + matrix[j * n + i];
  return LML_OK;
}

static lml_status read_model(reader *r, const char *path, lml_error *error) {
  lml_snap_model *model = r->model;
  model->parameters = (lml_snap_parameters){.rfac0 = 0.99363, .switchflag = true};
  model->nelements = 1;
  lml_status status = lml_alloc(&model->elements, 1, sizeof *model->elements, "elements", error);
  if (status != LML_OK) return status;
  model->elements[0] = (lml_snap_element){.radius = 0.5, .weight = 1.0};
  status = lml_lines_open(path, &r->lines, error);
  if (status == LML_OK) status = read_head(r, error);
  if (status == LML_OK) status = read_weights(r, error);
  return status == LML_OK ? put_coefficients(r, error) : status;
}

/* ---- the format ---- */

static lml_status read(const lml_potential_request *request, lml_potential *potential, lml_error *error) {
  const char *path = request->path;
  if (request->parameters != NULL)
    return lml_fail(error, LML_ERR_USAGE, "%s: a file of MiLaDy has no parameter file: omit %s", path,
                    request->parameters);
  if (request->fixed_terms == LML_FIXED_TERMS_SNAP)
    return lml_fail(error, LML_ERR_USAGE, "%s: a file of MiLaDy has no .snap file: omit --fixed-terms", path);
  lml_snap_model model = {0};
  reader r = {.model = &model};
  lml_status status = read_model(&r, path, error);
  lml_lines_close(r.lines);
  lml_free(r.weights);
  if (status == LML_OK) status = lml_snap_take(potential, &model, error);
  lml_snap_model_free(&model);
  if (status != LML_OK) return status;
  potential->coefficient_file = lml_strdup(path, error);
  return potential->coefficient_file == NULL ? LML_ERR_MEMORY : LML_OK;
}

static bool is_content(const char *text) { return strncmp(text, header, sizeof header - 1) == 0; }

static bool is_name(const lml_potential_request *request) { return lml_path_has_extension(request->path, ".pot"); }

const lml_format lml_milady_format = {
    .name = "MiLaDy",
    .files = ".pot",
    .holds_quadratic = true,
    .is_content = is_content,
    .is_name = is_name,
    .read = read,
};
