#include "potential/ace/ace_core.h"

#include <math.h>

#include "base/memory.h"
#include "base/print.h"
#include "potential/zbl.h"

static const double pi = 3.14159265358979323846;

struct lml_ace_core_pair {
  lml_ace_inner kind;
  lml_zbl_pair *zbl; /**< of the two elements; NULL with other kinds */
  double amplitude, decay;
  double reach;            /**< Å: 0 from there on */
  double end;              /**< Å: the end of the bin that it is in, from where on the spline is 0 */
  double cutoff;           /**< Å, of the bond */
  double fall, fall_width; /**< Å: end of a polynomial that it falls by, unless the kind is of density */
  double bin;              /**< Å, of the bond */
};

void lml_ace_fall(double x, double end, double width, double *value, double *slope) {
  *value = x < end ? 1.0 : 0.0;
  *slope = 0.0;
  if (x <= end - width || x >= end) return;
  const double t = 1.0 - 2.0 * (1.0 + (x - end) / width), square = t * t;
  *value = 0.5 + 3.75 * t * (0.25 - square * (1.0 / 6.0 - square / 20.0));
  *slope = -7.5 / width * (0.25 - square * (0.5 - 0.25 * square));
}

/* ---- one pair ---- */

/** e²/(4πε₀) in python-ace, against LAMMPS's, which lml_zbl has. */
static const double coulomb_ratio = 14.399645351950543 / 14.399645;

static void evaluate_zbl(const lml_ace_core_pair *pair, double r, double *value, double *slope) {
  const double share = 0.5 * coulomb_ratio * pair->amplitude;
  lml_zbl_evaluate(pair->zbl, 1, 0, 0, r, value, slope);
  *value *= share;
  *slope *= share;
}

static void evaluate_exponential(const lml_ace_core_pair *pair, double r, double *value, double *slope) {
  const double power = pair->decay * r * r, core = pair->amplitude * exp(-power) / r;
  const double core_slope = -core * (2.0 * power + 1.0) / r;
  const double angle = pi * r / pair->cutoff, envelope = 0.5 * (1.0 + cos(angle));
  *value = core * envelope;
  *slope = core_slope * envelope - core * 0.5 * sin(angle) * pi / pair->cutoff;
}

static void evaluate_pair(const lml_ace_core_pair *pair, double r, double *value, double *slope) {
  double fall, fall_slope;
  if (pair->kind == LML_ACE_INNER_ZBL)
    evaluate_zbl(pair, r, value, slope);
  else
    evaluate_exponential(pair, r, value, slope);
  if (pair->kind == LML_ACE_INNER_DENSITY) return;
  lml_ace_fall(r, pair->fall, pair->fall_width, &fall, &fall_slope);
  *slope = *slope * fall + *value * fall_slope;
  *value *= fall;
}

/** At one end of a bin; beyond the reach there is nothing. */
static void evaluate_end(const lml_ace_core_pair *pair, double r, double *value, double *slope) {
  *value = *slope = 0.0;
  if (r < pair->reach) evaluate_pair(pair, r, value, slope);
}

/** The spline: on each bin the cubic polynomial with the function's values and slopes at both ends. */
static void evaluate_spline(const lml_ace_core_pair *pair, double r, double *value, double *slope) {
  static const double nearest = 1e-9; /* Å: at 0 it is infinite */
  const double low = pair->bin * floor(r / pair->bin), t = (r - low) / pair->bin, rest = 1.0 - t;
  double first, first_slope, last, last_slope;
  evaluate_end(pair, fmax(low, nearest), &first, &first_slope);
  evaluate_end(pair, low + pair->bin, &last, &last_slope);
  *value =
      first + (last - first) * t * t * (3.0 - 2.0 * t) + pair->bin * t * rest * (first_slope * rest - last_slope * t);
  *slope = (last - first) * 6.0 * t * rest / pair->bin + first_slope * rest * (1.0 - 3.0 * t) +
           last_slope * t * (3.0 * t - 2.0);
}

void lml_ace_core_evaluate(const lml_ace_core *core, size_t i, size_t j, double r, double *value, double *slope) {
  const lml_ace_core_pair *pair = &core->pairs[i * core->nelements + j];
  *value = *slope = 0.0;
  if (r < pair->end) evaluate_spline(pair, r, value, slope);
}

/* ---- all of them ---- */

void lml_ace_core_free(lml_ace_core *core) {
  for (size_t b = 0; core->pairs != NULL && b < core->nelements * core->nelements; b++) lml_free(core->pairs[b].zbl);
  lml_free(core->pairs);
  *core = (lml_ace_core){0};
}

/** Where a bond's core repulsion ends, Å. The exponential is cut where its exponent is 50, as others do. */
static double reach_of(const lml_ace_bond *bond, lml_ace_inner kind) {
  const double most = 50.0, decay = fabs(bond->core_decay);
  double reach = bond->cutoff;
  if (bond->core_amplitude == 0.0) return 0.0;
  if (kind == LML_ACE_INNER_ZBL) return reach;
  if (decay * reach * reach > most) reach = sqrt(most / decay);
  return kind == LML_ACE_INNER_DISTANCE && bond->inner < reach ? bond->inner : reach;
}

/** What ZBL has in the place of the exponential: another factor, which may be negative, and another end. */
static lml_status set_zbl(lml_ace_core_pair *pair, const lml_ace_model *model, size_t number, lml_error *error) {
  const lml_ace_bond *bond = &model->bonds[number];
  const size_t i = number / model->nelements, j = number % model->nelements;
  double first = model->numbers[i], second = model->numbers[j];
  const lml_zbl zbl = {.inner = bond->cutoff - bond->width, .outer = bond->cutoff, .zi = &first, .zj = &second};
  pair->amplitude = bond->core_amplitude;
  pair->fall = bond->cutoff;
  pair->fall_width = bond->width;
  return lml_zbl_tables(&zbl, 1, &pair->zbl, error);
}

lml_status lml_ace_core_make(lml_ace_core *core, const lml_ace_model *model, lml_error *error) {
  const size_t n = model->nelements;
  *core = (lml_ace_core){.nelements = n};
  lml_status status = lml_alloc(&core->pairs, n * n, sizeof *core->pairs, "a core repulsion", error);
  for (size_t b = 0; b < n * n && status == LML_OK; b++) {
    const lml_ace_bond *bond = &model->bonds[b];
    lml_ace_core_pair *pair = &core->pairs[b];
    *pair = (lml_ace_core_pair){.kind = model->inner,
                                .amplitude = fabs(bond->core_amplitude),
                                .decay = fabs(bond->core_decay),
                                .reach = reach_of(bond, model->inner),
                                .cutoff = bond->cutoff,
                                .fall = bond->inner,
                                .fall_width = bond->inner_width,
                                .bin = bond->bin};
    pair->end = fmin(pair->cutoff, pair->bin * ceil(pair->reach / pair->bin));
    if (pair->end > core->cutoff) core->cutoff = pair->end;
    if (model->inner == LML_ACE_INNER_ZBL) status = set_zbl(pair, model, b, error);
  }
  return status;
}

/* ---- as a fixed term ---- */

typedef struct {
  lml_pair_term base;
  lml_ace_core core;
} core_term;

/** A pair's two atoms have one ρ_core each. */
static void evaluate(const lml_pair_term *term, size_t i, size_t j, double r, double *energy, double *slope) {
  const lml_ace_core *core = &((const core_term *)term)->core;
  double back, back_slope;
  lml_ace_core_evaluate(core, i, j, r, energy, slope);
  lml_ace_core_evaluate(core, j, i, r, &back, &back_slope);
  *energy += back;
  *slope += back_slope;
}

static void describe(const lml_pair_term *term, char *text, size_t size) {
  lml_print_cut(text, size, "core repulsion to %.3g Å", term->cutoff);
}

static void hash(const lml_pair_term *term, lml_sha256 *sum) {
  const lml_ace_core *core = &((const core_term *)term)->core;
  for (size_t b = 0; b < core->nelements * core->nelements; b++) {
    const lml_ace_core_pair *p = &core->pairs[b];
    const double numbers[] = {p->kind, p->amplitude, p->decay, p->reach, p->cutoff, p->fall, p->fall_width, p->bin};
    lml_sha256_add(sum, numbers, sizeof numbers);
  }
}

static void destroy(lml_pair_term *term) {
  lml_ace_core_free(&((core_term *)term)->core);
  lml_free(term);
}

static const lml_pair_term_ops ops = {.evaluate = evaluate, .describe = describe, .hash = hash, .destroy = destroy};

lml_status lml_ace_core_term_create(const lml_ace_model *model, lml_pair_term **term, lml_error *error) {
  core_term *self;
  *term = NULL;
  if (model->inner == LML_ACE_INNER_ZBL) return LML_OK;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "a core repulsion", error);
  if (status != LML_OK) return status;
  self->base = (lml_pair_term){.ops = &ops, .nshares = 1};
  status = lml_ace_core_make(&self->core, model, error);
  self->base.cutoff = self->core.cutoff;
  if (status == LML_OK && self->core.cutoff > 0.0)
    *term = &self->base;
  else
    destroy(&self->base);
  return status;
}
