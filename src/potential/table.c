#include "potential/table.h"

#include <math.h>
#include <string.h>

#include "base/clamped_spline.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/text.h"
#include "potential/lammps_text.h"

/** eV and eV/Å: what may be left at the cutoff without a word. */
static const double small_jump = 1e-3;

/** A quantity at all points, evenly in r². */
typedef struct {
  double *value, *curvature; /* curvature: d²/d(r²)², of splines alone */
} column;

/** One table, ready to be interpolated in. Immutable. */
typedef struct table {
  lml_table_form form;
  size_t npoints;
  double inner, cutoff; /* Å */
  double begin, step;   /* Å²: r² of the first point, and between two */
  double *square;       /* Å²: r² of the points */
  column energy, push;  /* eV; force / r, eV/Å² */
} table;

/** What a table is made from: splines through the file's entries. */
typedef struct {
  const lml_table_section *section;
  double *energy, *force; /* curvatures */
  double high_slope, low_slope;
} splines;

/* ---- making ---- */

/** Without FPRIME the slopes of the force at both ends are those of its first and last secant. */
static lml_status make_splines(const lml_table_section *s, splines *from, lml_error *error) {
  static const char what[] = "a table";
  const size_t n = s->count;
  *from = (splines){.section = s, .low_slope = s->low_slope, .high_slope = s->high_slope};
  if (!s->has_slopes) {
    from->low_slope = (s->force[1] - s->force[0]) / (s->r[1] - s->r[0]);
    from->high_slope = (s->force[n - 1] - s->force[n - 2]) / (s->r[n - 1] - s->r[n - 2]);
  }
  lml_status status = lml_alloc(&from->energy, n, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&from->force, n, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_clamped_spline_make(s->r, s->energy, n, -s->force[0], -s->force[n - 1], from->energy, error);
  if (status == LML_OK)
    status = lml_clamped_spline_make(s->r, s->force, n, from->low_slope, from->high_slope, from->force, error);
  return status;
}

static void free_splines(splines *from) {
  lml_free(from->energy);
  lml_free(from->force);
}

static double energy_at(const splines *from, double r) {
  const lml_table_section *s = from->section;
  return lml_clamped_spline_value(s->r, s->energy, from->energy, s->count, r);
}

static double push_at(const splines *from, double square) {
  const lml_table_section *s = from->section;
  const double r = sqrt(square);
  return lml_clamped_spline_value(s->r, s->force, from->force, s->count, r) / r;
}

/** Whether the points are the file's entries, so that these are taken as they are. */
static bool is_match(const table *t, const lml_table_section *s) {
  return t->form == LML_TABLE_LINEAR && s->count == t->npoints && s->distances == LML_TABLE_EVEN_SQUARES &&
         s->high == t->cutoff;
}

static void set_points(table *t, const splines *from) {
  const bool match = is_match(t, from->section);
  for (size_t k = 0; k < t->npoints; k++) {
    const double square = t->begin + (double)k * t->step;
    t->square[k] = square;
    t->energy.value[k] = match ? from->section->energy[k] : energy_at(from, sqrt(square));
    t->push.value[k] = match ? from->section->force[k] / sqrt(square) : push_at(from, square);
  }
}

/** The slope of force/r by r² at the first point, or at the last one; from FPRIME or else from the splines a tenth of a
 *  step away. */
static double push_slope(const table *t, const splines *from, size_t point) {
  static const double tenth = 0.1;
  const lml_table_section *s = from->section;
  const bool last = point > 0;
  const double r = last ? t->cutoff : t->inner, push = t->push.value[point];
  if (s->has_slopes && (!last || t->cutoff == s->r[s->count - 1]))
    return ((last ? from->high_slope : from->low_slope) / r - push / r) / (2.0 * r);
  const double square = last ? t->cutoff * t->cutoff : t->begin, width = tenth * t->step;
  return last ? (push - push_at(from, square - width)) / width : (push_at(from, square + width) - push) / width;
}

static lml_status set_splines(table *t, const splines *from, lml_error *error) {
  const size_t n = t->npoints;
  const lml_status status = lml_clamped_spline_make(t->square, t->energy.value, n, -0.5 * t->push.value[0],
                                                    -0.5 * t->push.value[n - 1], t->energy.curvature, error);
  if (status != LML_OK) return status;
  return lml_clamped_spline_make(t->square, t->push.value, n, push_slope(t, from, 0), push_slope(t, from, n - 1),
                                 t->push.curvature, error);
}

static lml_status alloc_columns(table *t, lml_error *error) {
  double **arrays[] = {&t->square, &t->energy.value, &t->push.value, &t->energy.curvature, &t->push.curvature};
  const size_t count = t->form == LML_TABLE_SPLINE ? 5 : 3;
  lml_status status = LML_OK;
  for (size_t k = 0; k < count && status == LML_OK; k++)
    status = lml_alloc(arrays[k], t->npoints, sizeof(double), "a table", error);
  return status;
}

static lml_status fill(table *t, const lml_table_section *section, lml_error *error) {
  splines from;
  lml_status status = make_splines(section, &from, error);
  if (status == LML_OK) status = alloc_columns(t, error);
  if (status == LML_OK) set_points(t, &from);
  if (status == LML_OK && t->form == LML_TABLE_SPLINE) status = set_splines(t, &from, error);
  free_splines(&from);
  return status;
}

/** Up to @p cutoff (Å, 0: the last distance). @p name stands for the table in errors. */
static lml_status make(const lml_table_section *section, const lml_table_style *style, double cutoff, const char *name,
                       table *t, lml_error *error) {
  if (cutoff == 0.0) cutoff = section->high;
  if (cutoff <= section->low || cutoff > section->high)
    return lml_fail(error, LML_ERR_INPUT, "%s: the cutoff %g Å is not within the table, which is from %g to %g Å", name,
                    cutoff, section->low, section->high);
  *t = (table){.form = style->form,
               .npoints = style->npoints,
               .inner = section->low,
               .cutoff = cutoff,
               .begin = section->low * section->low};
  t->step = (cutoff * cutoff - t->begin) / (double)(t->npoints - 1);
  return fill(t, section, error);
}

static void free_columns(table *t) {
  lml_free(t->square);
  lml_free(t->energy.value);
  lml_free(t->energy.curvature);
  lml_free(t->push.value);
  lml_free(t->push.curvature);
}

/* ---- evaluating ---- */

static double interpolate(const table *t, const column *c, size_t k, double part) {
  const double rest = 1.0 - part, line = rest * c->value[k] + part * c->value[k + 1];
  if (t->form == LML_TABLE_LINEAR) return line;
  return line + ((rest * rest * rest - rest) * c->curvature[k] + (part * part * part - part) * c->curvature[k + 1]) *
                    (t->step * t->step / 6.0);
}

/** 0 from the cutoff on, and NaN below the first distance, where the table says nothing. */
static void interpolate_both(const table *t, double r, double *energy, double *slope) {
  const double square = r * r;
  *energy = *slope = r < t->cutoff ? NAN : 0.0;
  if (r >= t->cutoff || square < t->begin) return;
  const double place = (square - t->begin) / t->step;
  const size_t k = place < (double)(t->npoints - 2) ? (size_t)place : t->npoints - 2;
  const double part = (square - t->square[k]) / t->step;
  *energy = interpolate(t, &t->energy, k, part);
  *slope = -r * interpolate(t, &t->push, k, part);
}

/* ---- as a fixed term ---- */

typedef struct {
  lml_pair_term base;
  lml_table_style style;
  size_t nelements, ntables;
  table *tables;
  lml_table_source *sources; /* what they were made from */
  size_t *of_pair;
} table_term;

static const table *table_of(const table_term *self, size_t i, size_t j) {
  const size_t place = self->of_pair[i * self->nelements + j];
  return place == 0 ? NULL : &self->tables[place - 1];
}

static void evaluate(const lml_pair_term *term, size_t i, size_t j, double r, double *energy, double *slope) {
  const table *t = table_of((const table_term *)term, i, j);
  *energy = *slope = 0.0;
  if (t != NULL) interpolate_both(t, r, energy, slope);
}

static void describe(const lml_pair_term *term, char *text, size_t size) {
  lml_print_cut(text, size, "tables to %g Å", term->cutoff);
}

static void hash(const lml_pair_term *term, lml_sha256 *sum) {
  const table_term *self = (const table_term *)term;
  for (size_t p = 0; p < self->nelements * self->nelements; p++) {
    const table *t = table_of(self, p / self->nelements, p % self->nelements);
    const double numbers[] = {t == NULL ? -1.0 : (double)t->form, t == NULL ? 0.0 : t->begin,
                              t == NULL ? 0.0 : t->cutoff, t == NULL ? 0.0 : (double)t->npoints};
    lml_sha256_add(sum, numbers, sizeof numbers);
    if (t == NULL) continue;
    lml_sha256_add(sum, t->energy.value, t->npoints * sizeof(double));
    lml_sha256_add(sum, t->push.value, t->npoints * sizeof(double));
    if (t->form == LML_TABLE_SPLINE) /* the energies' curvatures follow from these; FPRIME decides the pushes' */
      lml_sha256_add(sum, t->push.curvature, t->npoints * sizeof(double));
  }
}

static size_t style(const lml_pair_term *term, char *text, size_t size) {
  const lml_table_style *s = &((const table_term *)term)->style;
  return lml_print_cut(text, size, "table %s %zu", s->form == LML_TABLE_SPLINE ? "spline" : "linear", s->npoints);
}

static lml_status write_line(const lml_pair_term *term, const lml_term_line *line, lml_file_writer *writer,
                             lml_error *error) {
  const table_term *self = (const table_term *)term;
  const size_t place = self->of_pair[line->i * self->nelements + line->j];
  if (place == 0) return LML_OK;
  const lml_table_source *source = &self->sources[place - 1];
  char number[LML_INTEGER_TEXT + 1] = "", cutoff[LML_REAL_TEXT + 1] = "";
  if (line->number > 0) lml_print_cut(number, sizeof number, "%zu ", line->number);
  if (source->cutoff > 0.0) {
    cutoff[0] = ' ';
    lml_format_real(source->cutoff, cutoff + 1);
  }
  char *path;
  lml_status status = lml_path_from(line->file, source->path, &path, error);
  if (status != LML_OK) return status;
  const char *quote = lml_lammps_quote(path);
  status = lml_file_writer_print(writer, error, "%spair_coeff %zu %zu table %s%s%s%s %s%s\n", line->before, line->i + 1,
                                 line->j + 1, number, quote, path, quote, source->section, cutoff);
  lml_free(path);
  return status;
}

static void destroy(lml_pair_term *term) {
  table_term *self = (table_term *)term;
  for (size_t k = 0; k < self->ntables; k++) {
    free_columns(&self->tables[k]);
    lml_free(self->sources[k].path);
    lml_free(self->sources[k].section);
  }
  lml_free(self->tables);
  lml_free(self->sources);
  lml_free(self->of_pair);
  lml_free(self);
}

static const lml_pair_term_ops ops = {.evaluate = evaluate,
                                      .describe = describe,
                                      .hash = hash,
                                      .style = style,
                                      .write_line = write_line,
                                      .destroy = destroy};

/** Whether energies or forces end in a step, as those do that are cut and not faded out. */
static lml_status warn_of_jump(const table *t, const lml_table_source *source, lml_text_list *warnings,
                               lml_error *error) {
  const double energy = t->energy.value[t->npoints - 1], force = t->push.value[t->npoints - 1] * t->cutoff;
  if (fabs(energy) < small_jump && fabs(force) < small_jump) return LML_OK;
  return lml_text_list_print(warnings, error,
                             "%s: section '%s' ends at %g Å with %.3g eV and %.3g eV/Å, and energies and forces jump "
                             "there, as in LAMMPS",
                             source->path, source->section, t->cutoff, energy, force);
}

static lml_status read_table(table_term *self, const lml_table_source *source, lml_text_list *warnings,
                             lml_error *error) {
  const size_t k = self->ntables;
  table *t = &self->tables[k];
  lml_table_section section = {0};
  char name[LML_ERROR_MESSAGE_SIZE];
  lml_print_cut(name, sizeof name, "%s: section '%s'", source->path, source->section);
  self->ntables++;
  lml_status status = lml_table_section_read(source->path, source->section, &section, warnings, error);
  if (status == LML_OK) status = make(&section, &self->style, source->cutoff, name, t, error);
  lml_table_section_free(&section);
  if (status != LML_OK) return status;
  self->sources[k].cutoff = source->cutoff;
  self->sources[k].path = lml_strdup(source->path, error);
  if (self->sources[k].path != NULL) self->sources[k].section = lml_strdup(source->section, error);
  if (self->sources[k].section == NULL) return LML_ERR_MEMORY;
  self->base.cutoff = fmax(self->base.cutoff, t->cutoff);
  self->base.inner = fmax(self->base.inner, t->inner);
  return warn_of_jump(t, source, warnings, error);
}

static lml_status fill_term(table_term *self, const lml_table_source *sources, size_t nsources, const size_t *of_pair,
                            lml_text_list *warnings, lml_error *error) {
  static const char what[] = "tables";
  const size_t npairs = self->nelements * self->nelements;
  lml_status status = lml_alloc(&self->tables, nsources, sizeof *self->tables, what, error);
  if (status == LML_OK) status = lml_alloc(&self->sources, nsources, sizeof *self->sources, what, error);
  if (status == LML_OK) status = lml_alloc(&self->of_pair, npairs, sizeof *self->of_pair, what, error);
  if (status == LML_OK) memcpy(self->of_pair, of_pair, npairs * sizeof *of_pair);
  for (size_t k = 0; k < nsources && status == LML_OK; k++) status = read_table(self, &sources[k], warnings, error);
  return status;
}

lml_status lml_table_term_create(const lml_table_style *style, const lml_table_source *sources, size_t nsources,
                                 const size_t *of_pair, size_t nelements, lml_text_list *warnings, lml_pair_term **term,
                                 lml_error *error) {
  table_term *self;
  *term = NULL;
  if (nsources == 0) return LML_OK;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "tables", error);
  if (status != LML_OK) return status;
  self->base = (lml_pair_term){.ops = &ops, .nshares = 1};
  self->style = *style;
  self->nelements = nelements;
  status = fill_term(self, sources, nsources, of_pair, warnings, error);
  if (status == LML_OK)
    *term = &self->base;
  else
    destroy(&self->base);
  return status;
}
