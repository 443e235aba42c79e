#include "potential/zbl.h"

#include <math.h>

#include "base/memory.h"
#include "base/print.h"
#include "base/text.h"

/* J. F. Ziegler, J. P. Biersack, U. Littmark, The Stopping and Range of Ions in Matter, vol. 1 (Pergamon, 1985):
 * E(r) = e²/(4πε₀) Zi Zj / r · Σₖ cₖ exp(−dₖ r / a), with a = 0.46850 Å / (Zi^0.23 + Zj^0.23).
 * The digits are those that LAMMPS uses, so that published potentials keep their meaning. */
enum { NTERMS = 4 };
static const double amplitudes[NTERMS] = {0.18175, 0.50986, 0.28022, 0.02817};
static const double decays[NTERMS] = {3.19980, 0.94229, 0.40290, 0.20162};
static const double screening_length = 0.46850; /* Å */
static const double screening_power = 0.23;
static const double coulomb = 14.399645; /* e²/(4πε₀), eV Å */

struct lml_zbl_pair {
  double inner, outer;      /* Å; outer is 0 where the pair has no term */
  double amplitude[NTERMS]; /* e²/(4πε₀) Zi Zj cₖ, eV Å */
  double decay[NTERMS];     /* dₖ / a, 1/Å */
  double force3, force4;    /* S′(t) = t² (force3 + force4 t), t = r − inner */
  double energy3, energy4;  /* S(t) = t³ (energy3 + energy4 t) + shift beyond inner, shift alone below */
  double shift;             /* eV */
};

/** Unswitched energy and its first two derivatives at @p r. */
static void screened(const lml_zbl_pair *pair, double r, double *energy, double *first, double *second) {
  double sum = 0.0, slope = 0.0, curvature = 0.0;
  for (int k = 0; k < NTERMS; k++) {
    const double term = pair->amplitude[k] * exp(-pair->decay[k] * r);
    sum += term;
    slope += term * pair->decay[k];
    curvature += term * pair->decay[k] * pair->decay[k];
  }
  const double inverse = 1.0 / r;
  *energy = sum * inverse;
  *first = -(slope + sum * inverse) * inverse;
  *second = (curvature + 2.0 * inverse * (slope + sum * inverse)) * inverse;
}

/** The polynomial that takes energy, slope and curvature to 0 at the outer radius: S = −E, S′ = −E′, S″ = −E″ there
 *  and S′ = S″ = 0 at the inner one, which leaves a constant below it. */
static void set_switch(lml_zbl_pair *pair) {
  double energy, first, second;
  screened(pair, pair->outer, &energy, &first, &second);
  const double width = pair->outer - pair->inner;
  pair->force3 = (-3.0 * first + width * second) / (width * width);
  pair->force4 = (2.0 * first - width * second) / (width * width * width);
  pair->energy3 = pair->force3 / 3.0;
  pair->energy4 = pair->force4 / 4.0;
  pair->shift = -energy + 0.5 * width * first - width * width / 12.0 * second;
}

void lml_zbl_free(lml_zbl *zbl) {
  lml_free(zbl->zi);
  lml_free(zbl->zj);
  *zbl = (lml_zbl){0};
}

lml_status lml_zbl_tables(const lml_zbl *zbl, size_t nelements, lml_zbl_pair **tables, lml_error *error) {
  *tables = NULL;
  if (zbl->outer <= 0.0) return LML_OK;
  const size_t npairs = nelements * nelements;
  const lml_status status = lml_alloc(tables, npairs, sizeof **tables, "the ZBL constants", error);
  if (status != LML_OK) return status;
  for (size_t p = 0; p < npairs; p++) {
    const double zi = zbl->zi[p], zj = zbl->zj[p];
    if (zi == 0.0 || zj == 0.0) continue;
    lml_zbl_pair *pair = &(*tables)[p];
    const double inverse_length = (pow(zi, screening_power) + pow(zj, screening_power)) / screening_length;
    for (int k = 0; k < NTERMS; k++) {
      pair->amplitude[k] = coulomb * zi * zj * amplitudes[k];
      pair->decay[k] = decays[k] * inverse_length;
    }
    pair->inner = zbl->inner;
    pair->outer = zbl->outer;
    set_switch(pair);
  }
  return LML_OK;
}

void lml_zbl_evaluate(const lml_zbl_pair *tables, size_t nelements, size_t i, size_t j, double r, double *energy,
                      double *derivative) {
  const lml_zbl_pair *pair = &tables[i * nelements + j];
  *energy = *derivative = 0.0;
  if (r >= pair->outer) return;
  double sum = 0.0, slope = 0.0;
  for (int k = 0; k < NTERMS; k++) {
    const double term = pair->amplitude[k] * exp(-pair->decay[k] * r);
    sum += term;
    slope += term * pair->decay[k];
  }
  const double inverse = 1.0 / r;
  *energy = sum * inverse + pair->shift;
  *derivative = -(slope + sum * inverse) * inverse;
  const double t = r - pair->inner;
  if (t <= 0.0) return;
  *energy += t * t * t * (pair->energy3 + pair->energy4 * t);
  *derivative += t * t * (pair->force3 + pair->force4 * t);
}

/* ---- as a fixed term ---- */

typedef struct {
  lml_pair_term base;
  lml_zbl zbl;
  size_t nelements;
  lml_zbl_pair *tables;
} zbl_term;

static void evaluate(const lml_pair_term *term, size_t i, size_t j, double r, double *energy, double *slope) {
  const zbl_term *self = (const zbl_term *)term;
  lml_zbl_evaluate(self->tables, self->nelements, i, j, r, energy, slope);
}

static void describe(const lml_pair_term *term, char *text, size_t size) {
  lml_print_cut(text, size, "ZBL switched off from %g to %g Å", ((const zbl_term *)term)->zbl.inner, term->cutoff);
}

static void hash(const lml_pair_term *term, lml_sha256 *sum) {
  const zbl_term *self = (const zbl_term *)term;
  lml_sha256_add(sum, self->tables, self->nelements * self->nelements * sizeof *self->tables);
}

static size_t style(const lml_pair_term *term, char *text, size_t size) {
  const lml_zbl *zbl = &((const zbl_term *)term)->zbl;
  char inner[LML_REAL_TEXT], outer[LML_REAL_TEXT];
  lml_format_real(zbl->inner, inner);
  lml_format_real(zbl->outer, outer);
  return lml_print_cut(text, size, "zbl %s %s", inner, outer);
}

static lml_status write_line(const lml_pair_term *term, const lml_term_line *line, lml_file_writer *writer,
                             lml_error *error) {
  const zbl_term *self = (const zbl_term *)term;
  const size_t pair = line->i * self->nelements + line->j;
  char zi[LML_REAL_TEXT], zj[LML_REAL_TEXT];
  if (self->zbl.zi[pair] * self->zbl.zj[pair] == 0.0) return LML_OK;
  lml_format_real(self->zbl.zi[pair], zi);
  lml_format_real(self->zbl.zj[pair], zj);
  return lml_file_writer_print(writer, error, "%spair_coeff %zu %zu zbl %s %s\n", line->before, line->i + 1,
                               line->j + 1, zi, zj);
}

static void destroy(lml_pair_term *term) {
  zbl_term *self = (zbl_term *)term;
  lml_zbl_free(&self->zbl);
  lml_free(self->tables);
  lml_free(self);
}

static const lml_pair_term_ops ops = {.evaluate = evaluate,
                                      .describe = describe,
                                      .hash = hash,
                                      .style = style,
                                      .write_line = write_line,
                                      .destroy = destroy};

const lml_zbl *lml_zbl_of(const lml_pair_term *term) {
  return term->ops == &ops ? &((const zbl_term *)term)->zbl : NULL;
}

lml_status lml_zbl_term_create(lml_zbl *zbl, size_t nelements, lml_pair_term **term, lml_error *error) {
  zbl_term *self;
  *term = NULL;
  if (zbl->outer <= 0.0) return LML_OK;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "the ZBL term", error);
  if (status != LML_OK) return status;
  status = lml_zbl_tables(zbl, nelements, &self->tables, error);
  if (status != LML_OK) {
    lml_free(self);
    return status;
  }
  self->base = (lml_pair_term){.ops = &ops, .cutoff = zbl->outer, .nshares = 1};
  self->nelements = nelements;
  self->zbl = *zbl;
  *zbl = (lml_zbl){0};
  *term = &self->base;
  return LML_OK;
}
