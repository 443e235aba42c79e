#include "potential/uf3/uf3_format.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "lmlink/structure.h"
#include "potential/lammps_text.h"
#include "potential/uf3/uf3_family.h"

static const char header[] = "#UF3 POT";
static const char what[] = "a UF3 potential";

/** A comment of lmlink's own: an element and its atoms' energy by themselves (eV), which LAMMPS's format has no place
 *  for. LAMMPS omits it; forces do not depend on it. */
static const char constant_mark[] = "#lmlink-atom-energy:";

/** Numbers of a spline, at most: far more than anyone fits. */
enum { MOST_KNOTS = 10000 };

/** A file that is being read. */
typedef struct {
  lml_lines *lines;
  lml_uf3_model model;
  size_t pair_capacity, number_capacity, theta_capacity;
  int *numbers;                             /**< nelements: atomic numbers, in the order in which elements come */
  double *theta;                            /**< of all pairs, by component */
  double constants[LML_ELEMENTS_LIMIT + 1]; /**< by atomic number */
  size_t ncomponents;
} reader;

/* ---- one block ---- */

static lml_status parse_element(const reader *r, lml_token name, int *number, lml_error *error) {
  char symbol[4] = "";
  if (name.length < sizeof symbol) memcpy(symbol, name.text, name.length);
  *number = lml_element_number(symbol);
  if (*number > 0) return LML_OK;
  return lml_lammps_fail(r->lines, error, "'%.*s' is no chemical symbol", LML_TOKEN_ARGS(name));
}

/** What a comment says that counts: the units of a block, or an element's constant. */
static lml_status read_comment(reader *r, lml_token comment, lml_error *error) {
  enum { WORDS = 3 };
  lml_token words[WORDS];
  const size_t count = lml_lammps_split(comment, words, WORDS);
  if (count == WORDS && lml_token_equals(words[0], constant_mark)) {
    int number;
    const lml_status status = parse_element(r, words[1], &number, error);
    return status == LML_OK ? lml_lammps_real(r->lines, words[2], "energy", &r->constants[number], error) : status;
  }
  const char *units = strncmp(comment.text, header, sizeof header - 1) == 0 ? strstr(comment.text, "UNITS:") : NULL;
  if (units == NULL) return LML_OK;
  units += sizeof "UNITS:" - 1;
  units += strspn(units, " \t");
  if (strncmp(units, "metal", 5) == 0) return LML_OK;
  return lml_lammps_fail(r->lines, error, "has units other than metal (eV, Å): convert it");
}

/** The next line that is no comment. */
static lml_status next_line(reader *r, lml_token *content, bool *end, lml_error *error) {
  for (;;) {
    const char *text;
    size_t length;
    lml_status status = lml_lines_next(r->lines, &text, &length, error);
    if (status != LML_OK) return status;
    *end = text == NULL;
    if (*end) return LML_OK;
    *content = lml_trim((lml_token){.text = text, .length = length});
    if (content->length == 0) continue;
    if (*content->text != '#') return LML_OK;
    status = read_comment(r, *content, error);
    if (status != LML_OK) return status;
  }
}

/** The same where a block must go on. */
static lml_status need_line(reader *r, lml_token *content, lml_error *error) {
  bool end = false;
  const lml_status status = next_line(r, content, &end, error);
  if (status == LML_OK && end) return lml_lammps_fail(r->lines, error, "ends within a block");
  return status;
}

/** A line of @p count numbers. */
static lml_status read_numbers(reader *r, const char *name, size_t count, double *to, lml_error *error) {
  lml_token content, word;
  lml_status status = need_line(r, &content, error);
  if (status != LML_OK) return status;
  const char *cursor = content.text, *end = cursor + content.length;
  for (size_t k = 0; k < count && status == LML_OK; k++) {
    if (!lml_next_token(&cursor, end, &word))
      return lml_lammps_fail(r->lines, error, "has %zu %ss, and needs %zu", k, name, count);
    status = lml_lammps_real(r->lines, word, name, &to[k], error);
  }
  if (status == LML_OK && lml_next_token(&cursor, end, &word))
    return lml_lammps_fail(r->lines, error, "has more than %zu %ss", count, name);
  return status;
}

/** Index of the element of that name, which is added where it is new. */
static lml_status find_element(reader *r, lml_token name, int *index, lml_error *error) {
  int number;
  lml_status status = parse_element(r, name, &number, error);
  if (status != LML_OK) return status;
  size_t e = 0;
  while (e < r->model.nelements && r->numbers[e] != number) e++;
  *index = (int)e;
  if (e < r->model.nelements) return LML_OK;
  status = lml_grow(&r->numbers, &r->number_capacity, e + 1, sizeof *r->numbers, what, error);
  if (status != LML_OK) return status;
  r->numbers[r->model.nelements++] = number;
  return LML_OK;
}

/** "2B A B 0 3 nk". */
static lml_status read_pair(reader *r, lml_token content, lml_uf3_pair *pair, lml_error *error) {
  enum { WORDS = 6 };
  lml_token words[WORDS];
  const size_t count = lml_lammps_split(content, words, WORDS);
  if (count > 0 && lml_token_equals(words[0], "3B"))
    return lml_lammps_fail(r->lines, error,
                           "has a three-body part, which lmlink does not evaluate yet: give a file of 2B blocks alone");
  if (count != WORDS || !lml_token_equals(words[0], "2B"))
    return lml_lammps_fail(r->lines, error, "must be '2B ELEMENT ELEMENT 0 3 nk', as a block begins");
  if (!lml_token_equals(words[3], "0") || !lml_token_equals(words[4], "3"))
    return lml_lammps_fail(r->lines, error, "has other trims than 0 and 3, which LAMMPS does not read either");
  if (!lml_token_equals(words[5], "nk") && !lml_token_equals(words[5], "uk"))
    return lml_lammps_fail(r->lines, error, "knots must be nk or uk, not '%.*s'", LML_TOKEN_ARGS(words[5]));
  lml_status status = find_element(r, words[1], &pair->a, error);
  if (status == LML_OK) status = find_element(r, words[2], &pair->b, error);
  for (size_t p = 0; p + 1 < r->model.npairs && status == LML_OK; p++) {
    const lml_uf3_pair *other = &r->model.pairs[p];
    if ((other->a == pair->a && other->b == pair->b) || (other->a == pair->b && other->b == pair->a))
      return lml_lammps_fail(r->lines, error, "the pair of %.*s and %.*s is there twice", LML_TOKEN_ARGS(words[1]),
                             LML_TOKEN_ARGS(words[2]));
  }
  return status;
}

/** Knots ascend, strictly so where the spline is; it reaches to the cutoff. */
static lml_status check_knots(const reader *r, const lml_uf3_pair *pair, lml_error *error) {
  const size_t first = LML_UF3_ORDER - 1, last = pair->nknots - LML_UF3_ORDER;
  for (size_t k = 1; k < pair->nknots; k++) {
    const double rise = pair->knots[k] - pair->knots[k - 1];
    if (rise < 0.0 || (rise == 0.0 && k > first && k <= last))
      return lml_lammps_fail(r->lines, error, "knot %zu (counted from 1) does not ascend", k + 1);
  }
  if (pair->knots[last] < pair->cutoff)
    return lml_lammps_fail(r->lines, error, "the last knot, %g Å, is below the cutoff, %g Å", pair->knots[last],
                           pair->cutoff);
  return LML_OK;
}

/** The lines after the first one of a block: cutoff and number of knots, knots, number of coefficients, coefficients.
 */
static lml_status read_spline(reader *r, lml_uf3_pair *pair, lml_error *error) {
  double sizes[2] = {0.0, 0.0}, count = 0.0;
  lml_status status = read_numbers(r, "cutoff or number of knot", 2, sizes, error);
  if (status != LML_OK) return status;
  if (sizes[0] <= 0.0) return lml_lammps_fail(r->lines, error, "cutoff must be positive");
  if (!(sizes[1] >= 2 * LML_UF3_ORDER && sizes[1] <= MOST_KNOTS && sizes[1] == floor(sizes[1])))
    return lml_lammps_fail(r->lines, error, "number of knots must be from %d to %d", 2 * LML_UF3_ORDER, MOST_KNOTS);
  pair->cutoff = sizes[0];
  pair->nknots = (size_t)sizes[1];
  pair->first = r->ncomponents;
  status = lml_alloc(&pair->knots, pair->nknots, sizeof *pair->knots, what, error);
  if (status == LML_OK) status = read_numbers(r, "knot", pair->nknots, pair->knots, error);
  if (status == LML_OK) status = check_knots(r, pair, error);
  if (status == LML_OK) status = read_numbers(r, "number of coefficient", 1, &count, error);
  if (status != LML_OK) return status;
  const size_t n = lml_uf3_ncomponents(pair);
  if (count != (double)n)
    return lml_lammps_fail(r->lines, error, "%g coefficients do not go with %zu knots, which need %zu", count,
                           pair->nknots, n);
  r->ncomponents += n;
  status = lml_grow(&r->theta, &r->theta_capacity, r->ncomponents, sizeof *r->theta, what, error);
  return status == LML_OK ? read_numbers(r, "coefficient", n, r->theta + pair->first, error) : status;
}

static lml_status read_block(reader *r, lml_token content, lml_error *error) {
  lml_uf3_model *model = &r->model;
  lml_status status = lml_grow(&model->pairs, &r->pair_capacity, model->npairs + 1, sizeof *model->pairs, what, error);
  if (status != LML_OK) return status;
  lml_uf3_pair *pair = &model->pairs[model->npairs++];
  *pair = (lml_uf3_pair){0};
  status = read_pair(r, content, pair, error);
  return status == LML_OK ? read_spline(r, pair, error) : status;
}

/* ---- all of it ---- */

/** Which pair two elements make. */
static lml_status index_pairs(reader *r, const char *path, lml_error *error) {
  lml_uf3_model *model = &r->model;
  const size_t n = model->nelements;
  if (n == 0) return lml_fail(error, LML_ERR_INPUT, "%s: has no 2B block", path);
  if (n > LML_ELEMENTS_LIMIT) return lml_fail(error, LML_ERR_INPUT, "%s: has too many elements", path);
  const lml_status status = lml_alloc(&model->pair_of, n * n, sizeof *model->pair_of, what, error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < n * n; k++) model->pair_of[k] = model->npairs;
  for (size_t p = 0; p < model->npairs; p++) {
    const size_t a = (size_t)model->pairs[p].a, b = (size_t)model->pairs[p].b;
    model->pair_of[a * n + b] = model->pair_of[b * n + a] = p;
  }
  for (size_t k = 0; k < n * n; k++)
    if (model->pair_of[k] == model->npairs)
      return lml_fail(error, LML_ERR_INPUT, "%s: has no 2B block for %s and %s", path,
                      lml_element_symbol(r->numbers[k / n]), lml_element_symbol(r->numbers[k % n]));
  return LML_OK;
}

/** Each element has its constant, the coefficients of its pairs, and zeros for the others. */
static lml_status put_coefficients(const reader *r, lml_potential *potential, lml_error *error) {
  const size_t n = r->model.nelements, width = 1 + r->ncomponents;
  potential->ncoefficients = width;
  const lml_status status = lml_alloc(&potential->coefficients, n * width, sizeof(double), what, error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < n; e++) potential->coefficients[e * width] = r->constants[r->numbers[e]];
  for (size_t p = 0; p < r->model.npairs; p++) {
    const lml_uf3_pair *pair = &r->model.pairs[p];
    const size_t count = lml_uf3_ncomponents(pair);
    memcpy(potential->coefficients + (size_t)pair->a * width + 1 + pair->first, r->theta + pair->first,
           count * sizeof(double));
    memcpy(potential->coefficients + (size_t)pair->b * width + 1 + pair->first, r->theta + pair->first,
           count * sizeof(double));
  }
  return LML_OK;
}

static lml_status read_all(reader *r, const char *path, lml_potential *potential, lml_error *error) {
  bool end = false;
  lml_status status = lml_lines_open(path, &r->lines, error);
  while (status == LML_OK && !end) {
    lml_token content;
    status = next_line(r, &content, &end, error);
    if (status == LML_OK && !end) status = read_block(r, content, error);
  }
  if (status == LML_OK) status = index_pairs(r, path, error);
  if (status == LML_OK) status = put_coefficients(r, potential, error);
  if (status != LML_OK) return status;
  potential->numbers = r->numbers;
  r->numbers = NULL;
  potential->coefficient_file = lml_strdup(path, error);
  if (potential->coefficient_file == NULL) return LML_ERR_MEMORY;
  return lml_uf3_create(&r->model, &potential->descriptor, error);
}

static lml_status read(const lml_potential_request *request, lml_potential *potential, lml_error *error) {
  reader r = {0};
  if (request->parameters != NULL)
    return lml_fail(error, LML_ERR_USAGE, "%s: a UF3 file has no parameter file: omit %s", request->path,
                    request->parameters);
  if (request->fixed_terms == LML_FIXED_TERMS_SNAP)
    return lml_fail(error, LML_ERR_USAGE, "%s: a UF3 file has no .snap file: omit --fixed-terms", request->path);
  const lml_status status = read_all(&r, request->path, potential, error);
  lml_lines_close(r.lines);
  lml_uf3_model_free(&r.model);
  lml_free(r.numbers);
  lml_free(r.theta);
  return status;
}

/* ---- writing ---- */

static lml_status write_number(lml_file_writer *writer, double number, const char *after, lml_error *error) {
  char text[LML_REAL_TEXT];
  lml_format_real(number, text);
  return lml_file_writer_print(writer, error, "%s%s", text, after);
}

/** One pair: of its two elements' coefficients, of which energies depend on the sum alone, the mean. */
static lml_status write_pair(lml_file_writer *writer, const lml_potential *potential, const lml_uf3_pair *pair,
                             const char *comment, lml_error *error) {
  const size_t n = lml_uf3_ncomponents(pair), width = potential->ncoefficients;
  const double *a = potential->coefficients + (size_t)pair->a * width + 1 + pair->first;
  const double *b = potential->coefficients + (size_t)pair->b * width + 1 + pair->first;
  const char *first = lml_element_symbol(potential->numbers[pair->a]);
  const char *second = lml_element_symbol(potential->numbers[pair->b]);
  char cutoff[LML_REAL_TEXT];
  lml_format_real(pair->cutoff, cutoff);
  lml_status status = lml_file_writer_print(writer, error, "%s UNITS: metal %s\n2B %s %s 0 3 nk\n%s %zu\n", header,
                                            comment == NULL ? "" : comment, first, second, cutoff, pair->nknots);
  for (size_t k = 0; k < pair->nknots && status == LML_OK; k++)
    status = write_number(writer, pair->knots[k], k + 1 < pair->nknots ? " " : "\n", error);
  if (status == LML_OK) status = lml_file_writer_print(writer, error, "%zu\n", n);
  for (size_t k = 0; k < n && status == LML_OK; k++)
    status = write_number(writer, 0.5 * (a[k] + b[k]), k + 1 < n ? " " : "\n", error);
  return status;
}

/** The energy of an atom by itself, where there is one. */
static lml_status write_constant(lml_file_writer *writer, const lml_potential *potential, size_t element,
                                 lml_error *error) {
  const double constant = potential->coefficients[element * potential->ncoefficients];
  if (constant == 0.0) return LML_OK;
  const lml_status status =
      lml_file_writer_print(writer, error, "%s %s ", constant_mark, lml_element_symbol(potential->numbers[element]));
  return status == LML_OK ? write_number(writer, constant, "\n", error) : status;
}

static lml_status write(const lml_potential *potential, const char *path, const char *parameters, const char *comment,
                        lml_error *error) {
  const lml_uf3_model *model = lml_uf3_model_of(potential->descriptor);
  lml_file_writer *writer;
  (void)parameters;
  lml_status status = lml_file_writer_create(path, &writer, error);
  if (status != LML_OK) return status;
  for (size_t p = 0; p < model->npairs && status == LML_OK; p++)
    status = write_pair(writer, potential, &model->pairs[p], comment, error);
  for (size_t e = 0; e < model->nelements && status == LML_OK; e++)
    status = write_constant(writer, potential, e, error);
  if (status == LML_OK) return lml_file_writer_commit(writer, error);
  lml_file_writer_abort(writer);
  return status;
}

/* ---- the format ---- */

static bool is_content(const char *text) { return strncmp(text, header, sizeof header - 1) == 0; }

static bool is_name(const lml_potential_request *request) { return lml_path_has_extension(request->path, ".uf3"); }

const lml_format lml_uf3_format = {
    .name = "LAMMPS UF3",
    .files = ".uf3",
    .extension = ".uf3",
    .is_content = is_content,
    .is_name = is_name,
    .read = read,
    .write = write,
};
