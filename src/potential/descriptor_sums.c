#include "potential/descriptor_sums.h"

#include <string.h>

#include "base/memory.h"

enum { RUNS = LML_DESCRIPTOR_SUMS_RUNS };

static const char what[] = "sums of descriptors";

static size_t sums_of(const lml_linear_model *model) { return model->nelements * model->ncoefficients; }

/** Doubles of all elements' masks. */
static size_t masks_of(const lml_linear_model *model) { return model->nelements * RUNS * model->isa->lanes; }

static void clear_masks(lml_descriptor_sums *sums) {
  sums->nruns = 0;
  if (sums->masks != NULL) memset(sums->masks, 0, masks_of(sums->model) * sizeof *sums->masks);
}

lml_status lml_descriptor_sums_begin(lml_descriptor_sums *sums, const lml_linear_model *model, lml_error *error) {
  lml_status status = LML_OK;
  if (sums->model != model) {
    const size_t width = (1 + model->ncomponents) * model->isa->lanes;
    lml_descriptor_sums_free(sums);
    status = lml_alloc(&sums->sums, sums_of(model), sizeof(double), what, error);
    if (status == LML_OK && model->forms != NULL)
      status = lml_alloc(&sums->values, RUNS * width, sizeof(double), what, error);
    if (status == LML_OK && model->forms != NULL)
      status = lml_alloc(&sums->masks, masks_of(model), sizeof(double), what, error);
    if (status != LML_OK) {
      lml_descriptor_sums_free(sums);
      return status;
    }
  }
  sums->model = model;
  memset(sums->sums, 0, sums_of(model) * sizeof *sums->sums);
  clear_masks(sums);
  return LML_OK;
}

/* ---- linear potentials ---- */

static void add_components(lml_descriptor_sums *sums, const lml_run_of_atoms *run, const double *values, size_t width) {
  const lml_linear_model *model = sums->model;
  for (size_t lane = 0; lane < run->count; lane++) {
    const size_t element = (size_t)run->atoms->elements[run->centres[lane]];
    double *to = sums->sums + element * model->ncoefficients;
    to[0] += 1.0;
    for (size_t c = 0; c < model->ncomponents; c++) to[1 + c] += values[c * width + lane];
  }
}

/* ---- quadratic ones ---- */

/** Sum the products of the runs that are kept. */
static void sum_runs(lml_descriptor_sums *sums) {
  const lml_linear_model *model = sums->model;
  for (size_t e = 0; e < model->nelements && sums->nruns > 0; e++)
    model->product->add_products((int)(1 + model->ncomponents), sums->nruns, sums->masks + e * RUNS * model->isa->lanes,
                                 sums->values, sums->sums + e * model->ncoefficients);
  clear_masks(sums);
}

static void keep_run(lml_descriptor_sums *sums, const lml_run_of_atoms *run, const double *values) {
  const lml_linear_model *model = sums->model;
  const size_t lanes = model->isa->lanes;
  double *to = sums->values + sums->nruns * (1 + model->ncomponents) * lanes;
  for (size_t lane = 0; lane < lanes; lane++) to[lane] = 1.0;
  memcpy(to + lanes, values, model->ncomponents * lanes * sizeof *to);
  for (size_t lane = 0; lane < run->count; lane++) {
    const size_t element = (size_t)run->atoms->elements[run->centres[lane]];
    sums->masks[(element * RUNS + sums->nruns) * lanes + lane] = 1.0;
  }
  if (++sums->nruns == RUNS) sum_runs(sums);
}

void lml_descriptor_sums_add(lml_descriptor_sums *sums, const lml_run_of_atoms *run, const double *values,
                             size_t width) {
  if (sums->model->forms == NULL)
    add_components(sums, run, values, width);
  else
    keep_run(sums, run, values);
}

/* ---- the end ---- */

/** A square is a half of B_i B_i in D. */
static void halve_squares(const lml_linear_model *model, double *sums) {
  double *square = sums + 1 + model->ncomponents;
  for (size_t left = model->ncomponents; left > 0; left--) {
    *square *= 0.5;
    square += left;
  }
}

void lml_descriptor_sums_move(lml_descriptor_sums *sums, double *totals) {
  const lml_linear_model *model = sums->model;
  if (model->forms != NULL) sum_runs(sums);
  for (size_t e = 0; e < model->nelements && model->forms != NULL; e++)
    halve_squares(model, sums->sums + e * model->ncoefficients);
  for (size_t i = 0; i < sums_of(model); i++) totals[i] += sums->sums[i];
  memset(sums->sums, 0, sums_of(model) * sizeof *sums->sums);
}

void lml_descriptor_sums_free(lml_descriptor_sums *sums) {
  lml_free(sums->sums);
  lml_free(sums->values);
  lml_free(sums->masks);
  *sums = (lml_descriptor_sums){0};
}
