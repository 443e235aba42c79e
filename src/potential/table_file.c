#include "potential/table_file.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/lammps_text.h"

enum { MOST_WORDS = 16, MOST_ENTRIES = 10000000 };

/** Relative difference of distances that is worth a warning; LAMMPS's. */
static const double same_distance = 1e-6;

typedef struct {
  lml_lines *lines;
  const char *name;
  lml_table_section *section;
  size_t nmoved; /* distances that are not those which R or RSQ makes */
} reader;

/* ---- the head of a section ---- */

/** A file may say its units on its first line, as LAMMPS's potential files do. */
static lml_status check_units(const reader *r, lml_token comment, lml_error *error) {
  lml_token words[MOST_WORDS];
  const size_t count = lml_split(comment.text, comment.length, words, MOST_WORDS);
  for (size_t k = 0; k + 1 < count && k + 1 < MOST_WORDS; k++)
    if (lml_token_equals(words[k], "UNITS:") && !lml_token_equals(words[k + 1], "metal"))
      return lml_lammps_fail(r->lines, error,
                             "the table is in units %.*s: convert it to metal (eV, Å), which lmlink has",
                             LML_TOKEN_ARGS(words[k + 1]));
  return LML_OK;
}

static lml_status read_first_line(reader *r, lml_error *error) {
  const char *text;
  size_t length;
  const lml_lines_place begin = lml_lines_tell(r->lines);
  lml_status status = lml_lines_next(r->lines, &text, &length, error);
  if (status == LML_OK && text != NULL) status = check_units(r, (lml_token){.text = text, .length = length}, error);
  return status == LML_OK ? lml_lines_seek(r->lines, begin, error) : status;
}

static lml_status find_section(reader *r, lml_error *error) {
  lml_token content, word;
  bool end = false;
  while (true) {
    const lml_status status = lml_lammps_full_line(r->lines, NULL, &content, &end, error);
    if (status != LML_OK) return status;
    if (end) return lml_fail(error, LML_ERR_INPUT, "%s: has no section '%s'", lml_lines_path(r->lines), r->name);
    const char *cursor = content.text;
    if (lml_next_token(&cursor, content.text + content.length, &word) && lml_token_equals(word, r->name)) return LML_OK;
  }
}

static lml_status read_two(const reader *r, const lml_token *words, size_t left, double *one, double *two,
                           lml_error *error) {
  if (left < 3) return lml_lammps_fail(r->lines, error, "%.*s needs two numbers behind it", LML_TOKEN_ARGS(words[0]));
  const lml_status status = lml_lammps_real(r->lines, words[1], "the number", one, error);
  return status == LML_OK ? lml_lammps_real(r->lines, words[2], "the number", two, error) : status;
}

/** One keyword at @p words with what belongs to it; *@p used becomes the number of these words. */
static lml_status read_keyword(reader *r, const lml_token *words, size_t left, size_t *used, lml_error *error) {
  lml_table_section *s = r->section;
  const bool squares = lml_token_equals(words[0], "RSQ");
  *used = 3;
  if (lml_token_equals(words[0], "N") && left > 1) {
    int64_t count = 0;
    const lml_status status = lml_lammps_integer(r->lines, words[1], "N", 2, MOST_ENTRIES, &count, error);
    s->count = (size_t)count;
    *used = 2;
    return status;
  }
  if (squares || lml_token_equals(words[0], "R")) {
    s->distances = squares ? LML_TABLE_EVEN_SQUARES : LML_TABLE_EVEN;
    const lml_status status = read_two(r, words, left, &s->low, &s->high, error);
    if (status == LML_OK && !(s->low > 0.0 && s->high > s->low))
      return lml_lammps_fail(r->lines, error, "%s needs two distances, the first positive and the second larger",
                             squares ? "RSQ" : "R");
    return status;
  }
  if (lml_token_equals(words[0], "FPRIME")) {
    s->has_slopes = true;
    return read_two(r, words, left, &s->low_slope, &s->high_slope, error);
  }
  return lml_lammps_fail(r->lines, error, "'%.*s' is not supported here: N, R, RSQ and FPRIME are%s",
                         LML_TOKEN_ARGS(words[0]),
                         lml_token_equals(words[0], "BITMAP") ? ", and tables by bits of a number are not" : "");
}

static lml_status read_keywords(reader *r, lml_error *error) {
  lml_token content, words[MOST_WORDS];
  bool end = false;
  lml_status status = lml_lammps_full_line(r->lines, NULL, &content, &end, error);
  if (status != LML_OK) return status;
  const size_t count = end ? 0 : lml_split(content.text, content.length, words, MOST_WORDS);
  if (count > MOST_WORDS) return lml_lammps_fail(r->lines, error, "too many words on the line of N");
  for (size_t k = 0, used = 0; k < count && status == LML_OK; k += used)
    status = read_keyword(r, words + k, count - k, &used, error);
  if (status == LML_OK && r->section->count == 0)
    return lml_lammps_fail(r->lines, error, "the line below '%s' must say how many entries there are: N NUMBER",
                           r->name);
  return status;
}

/** LAMMPS passes over one line there, whatever it is. */
static lml_status skip_line(reader *r, lml_error *error) {
  lml_token content;
  bool end = false;
  const lml_status status = lml_lammps_line(r->lines, &content, &end, error);
  if (status == LML_OK && content.length > 0)
    return lml_lammps_fail(r->lines, error, "a blank line must be between the line of N and the first entry");
  return status;
}

/* ---- the entries ---- */

/** The distance that R or RSQ makes for entry @p i. */
static double made_distance(const lml_table_section *s, size_t i) {
  const double part = (double)i, parts = (double)(s->count - 1);
  if (s->distances == LML_TABLE_EVEN) return s->low + (s->high - s->low) * part / parts;
  return sqrt(s->low * s->low + (s->high * s->high - s->low * s->low) * part / parts);
}

static lml_status read_entry(reader *r, size_t i, lml_error *error) {
  lml_table_section *s = r->section;
  lml_token content, words[4];
  bool end = false;
  int64_t number;
  lml_status status = lml_lammps_full_line(r->lines, NULL, &content, &end, error);
  if (status != LML_OK) return status;
  if (end)
    return lml_lammps_fail(r->lines, error, "the file ends too early: section '%s' has %zu of %zu entries", r->name, i,
                           s->count);
  if (lml_split(content.text, content.length, words, 4) != 4)
    return lml_lammps_fail(r->lines, error, "expected an entry: its number, a distance, energy and force");
  if (lml_lines_torn(r->lines))
    return lml_lammps_fail(r->lines, error,
                           "the last entry has no line break after it, so the file may be cut off: if it is whole, "
                           "add one with 'echo >> %s'",
                           lml_lines_path(r->lines));
  status = lml_lammps_integer(r->lines, words[0], "the entry's number", INT32_MIN, INT32_MAX, &number, error);
  if (status == LML_OK) status = lml_lammps_real(r->lines, words[1], "the distance", &s->r[i], error);
  if (status == LML_OK) status = lml_lammps_real(r->lines, words[2], "the energy", &s->energy[i], error);
  if (status == LML_OK) status = lml_lammps_real(r->lines, words[3], "the force", &s->force[i], error);
  if (status != LML_OK) return status;
  if (s->distances != LML_TABLE_WRITTEN) {
    const double made = made_distance(s, i);
    if (!(fabs(made - s->r[i]) <= same_distance * fabs(s->r[i]))) r->nmoved++;
    s->r[i] = made;
  }
  if (s->r[i] > (i == 0 ? 0.0 : s->r[i - 1])) return LML_OK;
  return lml_lammps_fail(r->lines, error, "the distance %g is not %s", s->r[i],
                         i == 0 ? "positive" : "larger than that of the entry before");
}

static lml_status read_entries(reader *r, lml_error *error) {
  static const char what[] = "a table";
  lml_table_section *s = r->section;
  size_t capacities[3] = {0};
  double **arrays[3] = {&s->r, &s->energy, &s->force};
  lml_status status = LML_OK;
  for (size_t i = 0; i < s->count && status == LML_OK; i++) {
    for (size_t k = 0; k < 3 && status == LML_OK; k++)
      status = lml_grow(arrays[k], &capacities[k], i + 1, sizeof(double), what, error);
    if (status == LML_OK) status = read_entry(r, i, error);
  }
  if (status != LML_OK || s->distances != LML_TABLE_WRITTEN) return status;
  s->low = s->r[0];
  s->high = s->r[s->count - 1];
  return LML_OK;
}

/* ---- what is doubtful ---- */

/** Entries whose force is not between the slopes of the energy to both sides; at a turning point it may not be. */
static size_t count_inconsistent(const lml_table_section *s) {
  size_t count = 0;
  for (size_t i = 1; i + 1 < s->count; i++) {
    const double left = -(s->energy[i] - s->energy[i - 1]) / (s->r[i] - s->r[i - 1]);
    const double right = -(s->energy[i + 1] - s->energy[i]) / (s->r[i + 1] - s->r[i]);
    if (s->force[i] < fmin(left, right) || s->force[i] > fmax(left, right)) count++;
  }
  return count;
}

static lml_status warn(const reader *r, lml_text_list *warnings, lml_error *error) {
  const size_t count = r->section->count, inconsistent = count_inconsistent(r->section);
  const char *path = lml_lines_path(r->lines);
  lml_status status = LML_OK;
  if (inconsistent > 0)
    status = lml_text_list_print(warnings, error,
                                 "%s: %zu of %zu forces of section '%s' are not the slope of its energies (LAMMPS says "
                                 "so, too): fine at turning points of the force alone",
                                 path, inconsistent, count, r->name);
  if (r->nmoved > 0 && status == LML_OK)
    status = lml_text_list_print(warnings, error,
                                 "%s: %zu of %zu distances of section '%s' are not those that its R or RSQ makes, "
                                 "which are taken, as LAMMPS does",
                                 path, r->nmoved, count, r->name);
  return status;
}

/* ---- the section ---- */

lml_status lml_table_section_read(const char *path, const char *name, lml_table_section *section,
                                  lml_text_list *warnings, lml_error *error) {
  lml_table_section_free(section);
  reader r = {.name = name, .section = section};
  lml_status status = lml_lines_open(path, &r.lines, error);
  if (status != LML_OK) return status;
  status = read_first_line(&r, error);
  if (status == LML_OK) status = find_section(&r, error);
  if (status == LML_OK) status = read_keywords(&r, error);
  if (status == LML_OK) status = skip_line(&r, error);
  if (status == LML_OK) status = read_entries(&r, error);
  if (status == LML_OK) status = warn(&r, warnings, error);
  lml_lines_close(r.lines);
  if (status != LML_OK) lml_table_section_free(section);
  return status;
}

void lml_table_section_free(lml_table_section *section) {
  lml_free(section->r);
  lml_free(section->energy);
  lml_free(section->force);
  *section = (lml_table_section){0};
}
