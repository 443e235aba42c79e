#include "mixing/rescaled_calculator.h"

#include "base/memory.h"

typedef struct rescaled {
  lml_calculator *inner;
  lml_structure structure; /**< as the inner calculator is asked for it */
  double alpha, beta;
} rescaled;

static lml_status rescaled_start(void *data, const lml_structure *structure, unsigned want, lml_error *error) {
  rescaled *self = data;
  const lml_status status = lml_structure_copy(&self->structure, structure, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < 9; i++) self->structure.cell[i] /= self->alpha;
  for (size_t i = 0; i < 3 * structure->natoms; i++) self->structure.positions[i] /= self->alpha;
  return lml_calculator_start(self->inner, &self->structure, want, error);
}

static lml_status rescaled_progress(void *data, bool *done, lml_error *error) {
  rescaled *self = data;
  return lml_calculator_progress(self->inner, done, error);
}

static lml_status rescaled_wait(void *data, int timeout_ms, lml_error *error) {
  rescaled *self = data;
  return lml_calculator_wait(self->inner, timeout_ms, error);
}

static lml_status rescaled_finish(void *data, lml_results *results, lml_error *error) {
  rescaled *self = data;
  const lml_status status = lml_calculator_finish(self->inner, results, error);
  if (status != LML_OK) return status;
  results->energy /= self->beta;
  for (size_t i = 0; i < 3 * results->natoms; i++) results->forces[i] /= self->alpha * self->beta;
  for (size_t i = 0; i < results->natoms && results->energies_kind != LML_KIND_ABSENT; i++)
    results->energies[i] /= self->beta;
  for (size_t i = 0; i < 9; i++) results->virial[i] /= self->beta;
  return LML_OK;
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
