#include "mixing/rescaled_calculator.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

typedef struct rescaled {
  lml_calculator *inner;
  lml_structure structure; /**< as the inner calculator is asked for it */
  double alpha, beta;
} rescaled;

static lml_status rescaled_check(const void *data, const lml_request *request, lml_error *error) {
  const rescaled *self = data;
  return lml_calculator_check(self->inner, request, error);
}

static lml_status rescaled_start(void *data, const lml_structure *structure, const lml_request *request,
                                 lml_error *error) {
  rescaled *self = data;
  const lml_status status = lml_structure_copy(&self->structure, structure, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < 9; i++) self->structure.cell[i] /= self->alpha;
  for (size_t i = 0; i < 3 * structure->natoms; i++) self->structure.positions[i] /= self->alpha;
  return lml_calculator_start(self->inner, &self->structure, request, error);
}

static lml_status rescaled_progress(void *data, bool *done, lml_error *error) {
  rescaled *self = data;
  return lml_calculator_progress(self->inner, done, error);
}

static lml_status rescaled_wait(void *data, int timeout_ms, lml_error *error) {
  rescaled *self = data;
  return lml_calculator_wait(self->inner, timeout_ms, error);
}

/** Divide what is no text by what its unit says. */
static lml_status rescale(const rescaled *self, lml_result *result, lml_error *error) {
  const struct {
    const char *unit;
    double divisor;
  } units[] = {{"", 1.0}, {"s", 1.0}, {"eV", self->beta}, {"eV/Å", self->alpha * self->beta}};
  size_t u = 0;
  while (u < sizeof units / sizeof units[0] && strcmp(units[u].unit, result->unit) != 0) u++;
  if (u == sizeof units / sizeof units[0])
    return lml_fail(error, LML_ERR_INTERNAL, "the result '%s' has the unit %s, which cannot be rescaled", result->name,
                    result->unit);
  for (size_t i = 0; result->type == LML_RESULT_REAL && i < result->rows * result->width; i++)
    result->reals[i] /= units[u].divisor;
  return LML_OK;
}

static lml_status rescaled_finish(void *data, lml_results *results, lml_error *error) {
  rescaled *self = data;
  lml_status status = lml_calculator_finish(self->inner, results, error);
  for (size_t k = 0; status == LML_OK && k < results->count; k++) status = rescale(self, &results->list[k], error);
  return status;
}

static void rescaled_cancel(void *data) {
  rescaled *self = data;
  lml_calculator_cancel(self->inner);
}

static void rescaled_destroy(void *data) {
  rescaled *self = data;
  lml_calculator_destroy(self->inner);
  lml_structure_free(&self->structure);
  lml_free(self);
}

static const lml_calculator_ops ops_that_wait = {
    .name = "rescaled",
    .check = rescaled_check,
    .start = rescaled_start,
    .progress = rescaled_progress,
    .wait = rescaled_wait,
    .finish = rescaled_finish,
    .cancel = rescaled_cancel,
    .destroy = rescaled_destroy,
};

/** Around a calculator that always has something to do. */
static const lml_calculator_ops ops_that_work = {
    .name = "rescaled",
    .check = rescaled_check,
    .start = rescaled_start,
    .progress = rescaled_progress,
    .finish = rescaled_finish,
    .cancel = rescaled_cancel,
    .destroy = rescaled_destroy,
};

lml_status lml_rescaled_calculator_create(lml_calculator *inner, const lml_rescaling *rescaling,
                                          lml_calculator **calculator, lml_error *error) {
  rescaled *self;
  *calculator = NULL;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "a rescaled calculator", error);
  if (status != LML_OK) return status;
  const double alpha = rescaling->qm_lattice_constant / rescaling->ml_lattice_constant;
  self->inner = inner;
  self->alpha = alpha;
  self->beta = rescaling->ml_bulk_modulus / (rescaling->qm_bulk_modulus * alpha * alpha * alpha);
  status =
      lml_calculator_create(lml_calculator_waits(inner) ? &ops_that_wait : &ops_that_work, self, calculator, error);
  if (status != LML_OK) lml_free(self);
  return status;
}
