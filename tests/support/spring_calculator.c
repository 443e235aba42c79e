#include "support/spring_calculator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fail.h"
#include "base/memory.h"

typedef struct spring {
  spring_script *script;
  const lml_structure *structure;
  const lml_request *request;
  int slice;
} spring;

static lml_status start(void *self, const lml_structure *structure, const lml_request *request, lml_error *error) {
  (void)error;
  spring *springs = self;
  springs->structure = structure;
  springs->slice = 0;
  springs->script->started++;
  springs->request = request;
  springs->script->asked[0] = '\0';
  for (size_t k = 0; request != NULL && k < request->count; k++) {
    const size_t used = strlen(springs->script->asked);
    snprintf(springs->script->asked + used, sizeof springs->script->asked - used, "%s ", request->names[k]);
  }
  memcpy(springs->script->pbc, structure->pbc, sizeof structure->pbc);
  springs->script->last_number = structure->numbers[structure->natoms - 1];
  return LML_OK;
}

static lml_status progress(void *self, bool *done, lml_error *error) {
  (void)error;
  spring *springs = self;
  spring_script *script = springs->script;
  if (script->at_slice != NULL) script->at_slice(script->context, springs->slice);
  springs->slice++;
  *done = springs->slice >= script->slices;
  return LML_OK;
}

static void give_sigmas(const spring *springs, lml_results *results) {
  const lml_result_form form = {.name = "sigma_forces", .unit = "eV/Å", .scope = LML_PER_ATOM, .width = 3};
  lml_result *sigmas;
  if (!lml_request_names(springs->request, form.name)) return;
  assert_int_equal(lml_results_add(results, &form, LML_ORIGIN_EXACT, &sigmas, NULL), LML_OK);
  for (size_t k = 0; k < sigmas->rows * sigmas->width; k++) sigmas->reals[k] = springs->script->sigma;
}

static lml_status finish(void *self, lml_results *results, lml_error *error) {
  spring *springs = self;
  const lml_structure *structure = springs->structure;
  if (springs->script->finish_fails) return lml_fail(error, LML_ERR_INPUT, "the springs are broken");
  const lml_status status = lml_results_reset(results, structure->natoms, error);
  if (status != LML_OK) return status;
  const lml_result_form form = {.name = "energies", .unit = "eV", .scope = LML_PER_ATOM, .width = 1};
  lml_result *energies = NULL;
  if (lml_request_names(springs->request, form.name))
    assert_int_equal(lml_results_add(results, &form, LML_ORIGIN_EXACT, &energies, NULL), LML_OK);
  for (size_t i = 0; i < structure->natoms; i++) {
    const double k = structure->numbers[i], *r = &structure->positions[3 * i];
    double *f = &results->forces[3 * i], energy = 0.0;
    for (size_t a = 0; a < 3; a++) {
      f[a] = -k * r[a];
      energy += 0.5 * k * r[a] * r[a];
      for (size_t b = 0; b < 3; b++) results->virial[3 * a + b] -= k * r[a] * r[b];
    }
    *results->energy += energy;
    if (energies != NULL) energies->reals[i] = energy;
  }
  for (size_t i = 0; i < structure->natoms; i++) results->forces[3 * i] += springs->script->push;
  give_sigmas(springs, results);
  if (springs->script->force_is_nan) results->forces[3 * structure->natoms - 1] = NAN;
  for (size_t k = 0; k < LML_RESULTS_STANDARD; k++) results->list[k].origin = LML_ORIGIN_EXACT;
  springs->script->finished++;
  lml_results_add_integer(results, "springs", (long long)structure->natoms, NULL);
  lml_results_add_number(results, "tension", "", 0.5, NULL);
  return lml_results_add_text(results, "maker", "a \"test\"", error);
}

static void cancel(void *self) {
  spring *springs = self;
  springs->script->cancelled++;
}

lml_calculator *spring_calculator(spring_script *script) {
  static const lml_calculator_ops ops = {
      .name = "spring", .start = start, .progress = progress, .finish = finish, .cancel = cancel, .destroy = lml_free};
  spring *self;
  lml_calculator *calculator;
  assert_int_equal(lml_alloc(&self, 1, sizeof *self, "springs", NULL), LML_OK);
  self->script = script;
  assert_int_equal(lml_calculator_create(&ops, self, &calculator, NULL), LML_OK);
  return calculator;
}
