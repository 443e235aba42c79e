#include "potential/script/pair_lines.h"

#include <stdint.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"

/* ---- ranges ---- */

static bool parse_type(const char *text, size_t length, size_t *type) {
  int64_t number;
  if (!lml_parse_integer((lml_token){.text = text, .length = length}, &number) || number < 1 || number > INT32_MAX)
    return false;
  *type = (size_t)number;
  return true;
}

bool lml_type_range_parse(const char *word, lml_type_range *range) {
  const char *star = strchr(word, '*');
  *range = (lml_type_range){.low = 1, .high = 0};
  if (star == NULL) {
    const bool valid = parse_type(word, strlen(word), &range->low);
    range->high = range->low;
    return valid;
  }
  const size_t before = (size_t)(star - word), after = strlen(star + 1);
  const bool valid = (before == 0 || parse_type(word, before, &range->low)) &&
                     (after == 0 || parse_type(star + 1, after, &range->high));
  return valid && (after == 0 || range->low <= range->high);
}

/* ---- the list ---- */

static void free_texts(const lml_pair_line *line) {
  lml_free(line->path);
  lml_free(line->section);
}

lml_status lml_pair_lines_take(lml_pair_lines *lines, lml_pair_line line, lml_error *error) {
  const lml_status status =
      lml_grow(&lines->lines, &lines->capacity, lines->count + 1, sizeof line, "pair_coeff lines", error);
  if (status != LML_OK) {
    free_texts(&line);
    return status;
  }
  lines->lines[lines->count++] = line;
  return LML_OK;
}

void lml_pair_lines_free(lml_pair_lines *lines) {
  for (size_t k = 0; k < lines->count; k++) free_texts(&lines->lines[k]);
  lml_free(lines->lines);
  *lines = (lml_pair_lines){0};
}

bool lml_pair_line_is_of(const lml_pair_line *line, size_t type, size_t *other) {
  const bool single = line->i.low == line->i.high && line->j.low == line->j.high;
  if (!single || (line->i.low != type && line->j.low != type)) return false;
  *other = line->i.low == type ? line->j.low : line->i.low;
  return true;
}

/* ---- from types to elements ---- */

static lml_status fail_at(const char *path, size_t line, lml_error *error, const char *reason) {
  return lml_fail(error, LML_ERR_INPUT, "%s:%zu: %s", path, line, reason);
}

/** Give all pairs i ≤ j of types that @p line names to it, in @p of_types (ntypes²). */
static lml_status apply_line(const lml_pair_line *line, size_t n, const char *path, const lml_pair_line **of_types,
                             lml_error *error) {
  const size_t i_high = line->i.high == 0 ? n : line->i.high, j_high = line->j.high == 0 ? n : line->j.high;
  if (i_high > n || j_high > n || line->i.low > n || line->j.low > n)
    return fail_at(path, line->line, error, "atom type beyond the number of elements on the pair_coeff * * line");
  size_t count = 0;
  for (size_t i = line->i.low; i <= i_high; i++)
    for (size_t j = line->j.low < i ? i : line->j.low; j <= j_high; j++, count++) {
      if (i == j && line->zi != line->zj)
        return fail_at(path, line->line, error, "zbl between atoms of one type needs two equal charges");
      of_types[(i - 1) * n + j - 1] = of_types[(j - 1) * n + i - 1] = line;
    }
  if (count == 0) return fail_at(path, line->line, error, "no pair of types i ≤ j is in these ranges");
  return LML_OK;
}

static bool adds_nothing(const lml_pair_line *line) { return line->path == NULL && line->zi * line->zj == 0.0; }

static bool are_same(const lml_pair_line *a, const lml_pair_line *b) {
  if (a == NULL || b == NULL) return a == b;
  if (a->path == NULL) return (a->zi == b->zi && a->zj == b->zj) || (a->zi == b->zj && a->zj == b->zi);
  return strcmp(a->path, b->path) == 0 && strcmp(a->section, b->section) == 0 && a->cutoff == b->cutoff;
}

/** Types of one element are one species here, so their terms must agree. */
static bool merge(const lml_atom_types *types, const lml_pair_line **of_types, const lml_pair_line **of_pair,
                  bool *swapped, bool *set) {
  const size_t n = types->count, m = types->nelements;
  bool agree = true;
  for (size_t p = 0; p < n * n; p++) {
    const size_t q = types->element[p / n] * m + types->element[p % n];
    const lml_pair_line *line = of_types[p] != NULL && adds_nothing(of_types[p]) ? NULL : of_types[p];
    agree = agree && (!set[q] || are_same(of_pair[q], line));
    if (set[q]) continue;
    set[q] = true;
    of_pair[q] = line;
    swapped[q] = p / n > p % n;
  }
  return agree;
}

lml_status lml_pair_lines_apply(const lml_pair_lines *lines, size_t style, const lml_atom_types *types,
                                const char *path, const lml_pair_line **of_pair, bool *swapped, lml_error *error) {
  static const char what[] = "fixed terms";
  const size_t n = types->count, m = types->nelements;
  const lml_pair_line **of_types = NULL;
  bool *set = NULL;
  lml_status status = lml_alloc((void *)&of_types, n * n, sizeof(lml_pair_line *), what, error);
  if (status == LML_OK) status = lml_alloc(&set, m * m, sizeof *set, what, error);
  for (size_t k = 0; k < lines->count && status == LML_OK; k++)
    if (lines->lines[k].style == style) status = apply_line(&lines->lines[k], n, path, of_types, error);
  if (status == LML_OK && !merge(types, of_types, of_pair, swapped, set))
    status = lml_fail(error, LML_ERR_INPUT,
                      "%s: atom types of the same element have different zbl or table terms: give them one", path);
  lml_free((void *)of_types);
  lml_free(set);
  return status;
}
