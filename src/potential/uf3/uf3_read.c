#include "potential/uf3/uf3_read.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "lmlink/structure.h"
#include "potential/lammps_text.h"

static const char what[] = "a UF3 potential";

/** Numbers of a spline and of a triplet, at most: far more than anyone fits. */
enum { MOST_KNOTS = 10000, MOST_COEFFICIENTS = 10000000 };

/** A file that is being read. */
typedef struct {
  lml_lines *lines;
  lml_uf3_file *file;
  size_t pair_capacity, triplet_capacity, number_capacity;
  lml_text_list *warnings;
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
  if (count == WORDS && lml_token_equals(words[0], LML_UF3_CONSTANT_MARK)) {
    int number;
    const lml_status status = parse_element(r, words[1], &number, error);
    return status == LML_OK ? lml_lammps_real(r->lines, words[2], "energy", &r->file->constants[number], error)
                            : status;
  }
  const char *units =
      strncmp(comment.text, LML_UF3_HEADER, sizeof LML_UF3_HEADER - 1) == 0 ? strstr(comment.text, "UNITS:") : NULL;
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
  while (e < r->file->model.nelements && r->file->numbers[e] != number) e++;
  *index = (int)e;
  if (e < r->file->model.nelements) return LML_OK;
  status = lml_grow(&r->file->numbers, &r->number_capacity, e + 1, sizeof *r->file->numbers, what, error);
  if (status != LML_OK) return status;
  r->file->numbers[r->file->model.nelements++] = number;
  return LML_OK;
}

/** The words of a block's first line: what stands behind those of @p nelements elements, which are put into @p
 * elements.
 */
static lml_status read_elements(reader *r, const lml_token *words, size_t count, size_t nelements, int *elements,
                                lml_error *error) {
  if (count != nelements + 4)
    return lml_lammps_fail(r->lines, error,
                           "must be '2B ELEMENT ELEMENT 0 3 nk' or '3B ELEMENT ELEMENT ELEMENT 0 3 nk'");
  words++;
  if (!lml_token_equals(words[nelements], "0") || !lml_token_equals(words[nelements + 1], "3"))
    return lml_lammps_fail(r->lines, error, "has other trims than 0 and 3, which LAMMPS does not read either");
  if (!lml_token_equals(words[nelements + 2], "nk") && !lml_token_equals(words[nelements + 2], "uk"))
    return lml_lammps_fail(r->lines, error, "knots must be nk or uk, not '%.*s'", LML_TOKEN_ARGS(words[nelements + 2]));
  lml_status status = LML_OK;
  for (size_t k = 0; k < nelements && status == LML_OK; k++) status = find_element(r, words[k], &elements[k], error);
  return status;
}

static lml_status check_size(const reader *r, double nknots, lml_error *error) {
  if (nknots >= 2 * LML_UF3_ORDER && nknots <= MOST_KNOTS && nknots == floor(nknots)) return LML_OK;
  return lml_lammps_fail(r->lines, error, "number of knots must be from %d to %d", 2 * LML_UF3_ORDER, MOST_KNOTS);
}

/** Knots ascend, strictly so where the spline is; it reaches to the cutoff. */
static lml_status check_knots(const reader *r, const lml_uf3_spline *spline, double cutoff, lml_error *error) {
  const size_t first = LML_UF3_ORDER - 1, last = spline->nknots - LML_UF3_ORDER;
  for (size_t k = 1; k < spline->nknots; k++) {
    const double rise = spline->knots[k] - spline->knots[k - 1];
    if (rise < 0.0 || (rise == 0.0 && k > first && k <= last))
      return lml_lammps_fail(r->lines, error, "knot %zu (counted from 1) does not ascend", k + 1);
  }
  if (spline->knots[last] < cutoff)
    return lml_lammps_fail(r->lines, error, "the last knot, %g Å, is below the cutoff, %g Å", spline->knots[last],
                           cutoff);
  return LML_OK;
}

/** A line of knots. */
static lml_status read_spline(reader *r, double nknots, double cutoff, lml_uf3_spline *spline, lml_error *error) {
  spline->nknots = (size_t)nknots;
  lml_status status = lml_alloc(&spline->knots, spline->nknots, sizeof *spline->knots, what, error);
  if (status == LML_OK) status = read_numbers(r, "knot", spline->nknots, spline->knots, error);
  if (status == LML_OK) status = check_knots(r, spline, cutoff, error);
  return status == LML_OK ? lml_uf3_spline_make(spline, error) : status;
}

/** Make room for @p count more coefficients. */
static lml_status grow(lml_uf3_numbers *numbers, size_t count, double **to, lml_error *error) {
  const lml_status status =
      lml_grow(&numbers->values, &numbers->capacity, numbers->count + count, sizeof *numbers->values, what, error);
  if (status != LML_OK) return status;
  *to = numbers->values + numbers->count;
  numbers->count += count;
  return LML_OK;
}

/* ---- 2B blocks ---- */

static lml_status check_new_pair(const reader *r, const lml_uf3_pair *pair, lml_error *error) {
  for (const lml_uf3_pair *other = r->file->model.pairs; other < pair; other++)
    if ((other->a == pair->a && other->b == pair->b) || (other->a == pair->b && other->b == pair->a))
      return lml_lammps_fail(r->lines, error, "the pair of %s and %s is there twice",
                             lml_element_symbol(r->file->numbers[pair->a]),
                             lml_element_symbol(r->file->numbers[pair->b]));
  return LML_OK;
}

/** The lines after the first one: cutoff and number of knots, knots, number of coefficients, coefficients. */
static lml_status read_pair_spline(reader *r, lml_uf3_pair *pair, lml_error *error) {
  double sizes[2] = {0.0, 0.0}, count = 0.0, *theta;
  lml_status status = read_numbers(r, "cutoff or number of knot", 2, sizes, error);
  if (status != LML_OK) return status;
  if (sizes[0] <= 0.0) return lml_lammps_fail(r->lines, error, "cutoff must be positive");
  pair->cutoff = sizes[0];
  status = check_size(r, sizes[1], error);
  if (status == LML_OK) status = read_spline(r, sizes[1], pair->cutoff, &pair->spline, error);
  if (status == LML_OK) status = read_numbers(r, "number of coefficient", 1, &count, error);
  if (status != LML_OK) return status;
  const size_t n = lml_uf3_spline_count(&pair->spline);
  if (count != (double)n)
    return lml_lammps_fail(r->lines, error, "%g coefficients do not go with %zu knots, which need %zu", count,
                           pair->spline.nknots, n);
  status = grow(&r->file->pairs, n, &theta, error);
  if (status == LML_OK) status = read_numbers(r, "coefficient", n, theta, error);
  if (status != LML_OK) return status;
  pair->trim = LML_UF3_TRIM;
  for (size_t k = n - LML_UF3_TRIM; k < n; k++)
    if (theta[k] != 0.0) pair->trim = 0;
  return LML_OK;
}

static lml_status read_pair(reader *r, const lml_token *words, size_t count, lml_error *error) {
  lml_uf3_model *model = &r->file->model;
  int elements[2];
  lml_status status = read_elements(r, words, count, 2, elements, error);
  if (status == LML_OK)
    status = lml_grow(&model->pairs, &r->pair_capacity, model->npairs + 1, sizeof *model->pairs, what, error);
  if (status != LML_OK) return status;
  lml_uf3_pair *pair = &model->pairs[model->npairs++];
  *pair = (lml_uf3_pair){.a = elements[0], .b = elements[1]};
  status = check_new_pair(r, pair, error);
  return status == LML_OK ? read_pair_spline(r, pair, error) : status;
}

/* ---- 3B blocks ---- */

static lml_status check_new_triplet(const reader *r, const lml_uf3_triplet *triplet, lml_error *error) {
  for (const lml_uf3_triplet *other = r->file->model.triplets; other < triplet; other++)
    if (other->centre == triplet->centre &&
        ((other->a == triplet->a && other->b == triplet->b) || (other->a == triplet->b && other->b == triplet->a)))
      return lml_lammps_fail(r->lines, error, "the triplet of %s with %s and %s is there twice",
                             lml_element_symbol(r->file->numbers[triplet->centre]),
                             lml_element_symbol(r->file->numbers[triplet->a]),
                             lml_element_symbol(r->file->numbers[triplet->b]));
  return LML_OK;
}

/** Three cutoffs and three numbers of knots: those between the outer atoms, and of both of these from the centre. */
static lml_status read_sizes(reader *r, double sizes[6], lml_uf3_triplet *triplet, lml_error *error) {
  lml_status status = read_numbers(r, "cutoff or number of knot", 6, sizes, error);
  if (status != LML_OK) return status;
  if (sizes[1] <= 0.0 || sizes[1] != sizes[2] || sizes[0] != 2.0 * sizes[1])
    return lml_lammps_fail(
        r->lines, error,
        "cutoffs %g %g %g Å: the second and third must be the same, and the first twice that, as LAMMPS "
        "wants it",
        sizes[0], sizes[1], sizes[2]);
  triplet->cutoff = sizes[1];
  for (size_t k = 3; k < 6 && status == LML_OK; k++) status = check_size(r, sizes[k], error);
  return status;
}

/** The three lines of knots: between the outer atoms, to the second, to the first. */
static lml_status read_splines(reader *r, lml_uf3_triplet *triplet, lml_error *error) {
  static const size_t order[] = {LML_UF3_BETWEEN, LML_UF3_TO_B, LML_UF3_TO_A};
  double sizes[6];
  lml_status status = read_sizes(r, sizes, triplet, error);
  for (size_t k = 0; k < LML_UF3_DISTANCES && status == LML_OK; k++) {
    lml_uf3_spline *spline = &triplet->splines[order[k]];
    status = read_spline(r, sizes[3 + k], order[k] == LML_UF3_BETWEEN ? sizes[0] : sizes[1], spline, error);
    if (status == LML_OK && spline->knots[0] != spline->knots[LML_UF3_ORDER - 1])
      return lml_lammps_fail(r->lines, error, "the first four knots must be the same, the least distance");
  }
  if (status != LML_OK || triplet->a != triplet->b) return status;
  const lml_uf3_spline *a = &triplet->splines[LML_UF3_TO_A], *b = &triplet->splines[LML_UF3_TO_B];
  if (a->nknots == b->nknots && memcmp(a->knots, b->knots, a->nknots * sizeof *a->knots) == 0) return LML_OK;
  return lml_lammps_fail(r->lines, error,
                         "knots of both atoms of one element must be the same, as these atoms may be exchanged");
}

/** With two outer atoms of one element LAMMPS takes the coefficients [l][m] with l ≤ m for those with the atoms
 * exchanged.
 */
static lml_status symmetrise(const reader *r, const lml_uf3_triplet *triplet, double *theta, lml_error *error) {
  const size_t n = lml_uf3_spline_count(&triplet->splines[LML_UF3_TO_A]);
  const size_t depth = lml_uf3_spline_count(&triplet->splines[LML_UF3_BETWEEN]);
  double largest = 0.0, difference = 0.0;
  if (triplet->a != triplet->b) return LML_OK;
  for (size_t l = 0; l < n; l++)
    for (size_t m = 0; m < l; m++)
      for (size_t k = 0; k < depth; k++) {
        const double from = theta[(m * n + l) * depth + k];
        double *to = &theta[(l * n + m) * depth + k];
        largest = fmax(largest, fabs(from));
        difference = fmax(difference, fabs(from - *to));
        *to = from;
      }
  if (difference <= 1e-10 * largest) return LML_OK;
  return lml_text_list_print(
      r->warnings, error,
      "%s:%zu: coefficients [i][j] and [j][i] of the 3B block that ends here differ by up to %g eV "
      "though these atoms are of one element: those with i <= j are taken, as LAMMPS does",
      lml_lines_path(r->lines), lml_lines_number(r->lines), difference);
}

static void find_trim(lml_uf3_triplet *triplet, const double *theta) {
  size_t n[LML_UF3_DISTANCES];
  for (size_t d = 0; d < LML_UF3_DISTANCES; d++) n[d] = lml_uf3_spline_count(&triplet->splines[d]) - LML_UF3_TRIM;
  triplet->trim = LML_UF3_TRIM;
  for (size_t l = 0; l < n[0] + LML_UF3_TRIM; l++)
    for (size_t m = 0; m < n[1] + LML_UF3_TRIM; m++)
      for (size_t k = 0; k < n[2] + LML_UF3_TRIM; k++)
        if (*theta++ != 0.0 && (l >= n[0] || m >= n[1] || k >= n[2])) triplet->trim = 0;
}

/** Their three numbers, and the coefficients, a line for each of the first two. */
static lml_status read_tensor(reader *r, lml_uf3_triplet *triplet, lml_error *error) {
  double sizes[LML_UF3_DISTANCES], *theta;
  lml_status status = read_numbers(r, "number of coefficient", LML_UF3_DISTANCES, sizes, error);
  for (size_t d = 0; d < LML_UF3_DISTANCES && status == LML_OK; d++) {
    const size_t n = lml_uf3_spline_count(&triplet->splines[d]);
    if (sizes[d] != (double)n)
      return lml_lammps_fail(r->lines, error, "%g coefficients do not go with %zu knots, which need %zu", sizes[d],
                             triplet->splines[d].nknots, n);
  }
  const size_t count = lml_uf3_triplet_count(triplet), depth = lml_uf3_spline_count(&triplet->splines[LML_UF3_BETWEEN]);
  if (status == LML_OK && count > MOST_COEFFICIENTS)
    return lml_lammps_fail(r->lines, error, "has more than %d coefficients", MOST_COEFFICIENTS);
  if (status == LML_OK) status = grow(&r->file->triplets, count, &theta, error);
  for (size_t k = 0; k < count && status == LML_OK; k += depth)
    status = read_numbers(r, "coefficient", depth, theta + k, error);
  if (status == LML_OK) status = symmetrise(r, triplet, theta, error);
  if (status == LML_OK) find_trim(triplet, theta);
  return status;
}

static lml_status read_triplet(reader *r, const lml_token *words, size_t count, lml_error *error) {
  lml_uf3_model *model = &r->file->model;
  int elements[3];
  lml_status status = read_elements(r, words, count, 3, elements, error);
  if (status == LML_OK)
    status =
        lml_grow(&model->triplets, &r->triplet_capacity, model->ntriplets + 1, sizeof *model->triplets, what, error);
  if (status != LML_OK) return status;
  lml_uf3_triplet *triplet = &model->triplets[model->ntriplets++];
  *triplet = (lml_uf3_triplet){.centre = elements[0], .a = elements[1], .b = elements[2]};
  status = check_new_triplet(r, triplet, error);
  if (status == LML_OK) status = read_splines(r, triplet, error);
  return status == LML_OK ? read_tensor(r, triplet, error) : status;
}

/** "2B A B 0 3 nk" or "3B A B C 0 3 nk", and the lines behind it. */
static lml_status read_block(reader *r, lml_token content, lml_error *error) {
  enum { WORDS = 7 };
  lml_token words[WORDS];
  const size_t count = lml_lammps_split(content, words, WORDS);
  if (lml_token_equals(words[0], "2B")) return read_pair(r, words, count, error);
  if (lml_token_equals(words[0], "3B")) return read_triplet(r, words, count, error);
  return lml_lammps_fail(r->lines, error, "must be '2B ELEMENT ELEMENT 0 3 nk' or '3B ELEMENT ELEMENT ELEMENT 0 3 nk'");
}

/* ---- all of it ---- */

/** Each two elements make a pair, and where there are triplets, each three one. */
static lml_status check_complete(const reader *r, const char *path, lml_error *error) {
  const lml_uf3_model *model = &r->file->model;
  if (model->npairs == 0) return lml_fail(error, LML_ERR_INPUT, "%s: has no 2B block", path);
  if (model->nelements > LML_ELEMENTS_LIMIT) return lml_fail(error, LML_ERR_INPUT, "%s: has too many elements", path);
  if (model->npairs == model->nelements * (model->nelements + 1) / 2) return LML_OK;
  for (int a = 0; a < (int)model->nelements; a++)
    for (int b = a; b < (int)model->nelements; b++) {
      size_t p = 0;
      while (p < model->npairs && !(model->pairs[p].a == a && model->pairs[p].b == b) &&
             !(model->pairs[p].a == b && model->pairs[p].b == a))
        p++;
      if (p == model->npairs)
        return lml_fail(error, LML_ERR_INPUT, "%s: has no 2B block for %s and %s", path,
                        lml_element_symbol(r->file->numbers[a]), lml_element_symbol(r->file->numbers[b]));
    }
  return LML_OK;
}

static lml_status index_blocks(reader *r, const char *path, lml_error *error) {
  int missing[3];
  lml_status status = check_complete(r, path, error);
  if (status == LML_OK) status = lml_uf3_model_index(&r->file->model, missing, error);
  if (status != LML_OK || missing[0] < 0) return status;
  return lml_fail(error, LML_ERR_INPUT, "%s: has 3B blocks, but none for %s with %s and %s", path,
                  lml_element_symbol(r->file->numbers[missing[0]]), lml_element_symbol(r->file->numbers[missing[1]]),
                  lml_element_symbol(r->file->numbers[missing[2]]));
}

static lml_status read_blocks(reader *r, lml_error *error) {
  bool end = false;
  lml_status status = LML_OK;
  while (status == LML_OK && !end) {
    lml_token content;
    status = next_line(r, &content, &end, error);
    if (status == LML_OK && !end) status = read_block(r, content, error);
  }
  return status;
}

lml_status lml_uf3_read(const char *path, lml_uf3_file *file, lml_text_list *warnings, lml_error *error) {
  reader r = {.file = file, .warnings = warnings};
  lml_status status = lml_lines_open(path, &r.lines, error);
  if (status == LML_OK) status = read_blocks(&r, error);
  if (status == LML_OK) status = index_blocks(&r, path, error);
  lml_lines_close(r.lines);
  return status;
}

void lml_uf3_file_free(lml_uf3_file *file) {
  lml_uf3_model_free(&file->model);
  lml_free(file->numbers);
  lml_free(file->pairs.values);
  lml_free(file->triplets.values);
  memset(file, 0, sizeof *file);
}
