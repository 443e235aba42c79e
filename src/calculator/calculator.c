#include "lmlink/calculator.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "structure/vec3.h"

struct lml_calculator {
  const lml_calculator_ops *ops;
  void *self;
  bool busy; /**< between start and finish or cancel */
  bool done; /**< finish can be called without waiting */
};

const char *lml_kind_name(lml_kind kind) {
  static const char *const names[] = {"absent", "exact", "virtual_work", "ml_part"};
  return names[kind];
}

/* ---- results ---- */

lml_status lml_results_reset(lml_results *results, size_t natoms, lml_error *error) {
  if (results->natoms != natoms || results->forces == NULL) {
    lml_free(results->forces);
    lml_free(results->energies);
    results->natoms = 0;
    results->energies = NULL;
    lml_status status = lml_alloc(&results->forces, 3 * natoms, sizeof(double), "forces", error);
    if (status == LML_OK)
      status = lml_alloc(&results->energies, natoms, sizeof(double), "energies of the atoms", error);
    if (status != LML_OK) return status;
    results->natoms = natoms;
  }
  memset(results->forces, 0, 3 * natoms * sizeof(double));
  memset(results->energies, 0, natoms * sizeof(double));
  memset(results->virial, 0, sizeof results->virial);
  results->energy = 0.0;
  results->energy_kind = results->energies_kind = results->virial_kind = LML_KIND_ABSENT;
  results->nextras = 0;
  return LML_OK;
}

void lml_results_free(lml_results *results) {
  lml_free(results->forces);
  lml_free(results->energies);
  lml_free(results->extras);
  memset(results, 0, sizeof *results);
}

static lml_status add_extra(lml_results *results, const char *name, lml_extra **extra, lml_error *error) {
  if (strlen(name) >= sizeof(*extra)->name)
    return lml_fail(error, LML_ERR_INTERNAL, "the name '%s' of a result is too long", name);
  const lml_status status = lml_grow(&results->extras, &results->extras_capacity, results->nextras + 1,
                                     sizeof(lml_extra), "extra results", error);
  if (status != LML_OK) return status;
  *extra = &results->extras[results->nextras++];
  memset(*extra, 0, sizeof **extra);
  snprintf((*extra)->name, sizeof(*extra)->name, "%s", name);
  return LML_OK;
}

lml_status lml_results_add_number(lml_results *results, const char *name, double value, lml_error *error) {
  lml_extra *extra = NULL;
  const lml_status status = add_extra(results, name, &extra, error);
  if (status != LML_OK) return status;
  extra->type = LML_EXTRA_NUMBER;
  extra->number = value;
  return LML_OK;
}

lml_status lml_results_add_integer(lml_results *results, const char *name, long long value, lml_error *error) {
  lml_extra *extra = NULL;
  const lml_status status = add_extra(results, name, &extra, error);
  if (status != LML_OK) return status;
  extra->type = LML_EXTRA_INTEGER;
  extra->integer = value;
  return LML_OK;
}

lml_status lml_results_add_text(lml_results *results, const char *name, const char *value, lml_error *error) {
  lml_extra *extra = NULL;
  const lml_status status = add_extra(results, name, &extra, error);
  if (status != LML_OK) return status;
  extra->type = LML_EXTRA_TEXT;
  snprintf(extra->text, sizeof extra->text, "%s", value);
  return LML_OK;
}

lml_status lml_results_add_numbers(lml_results *results, const char *name, const double *values, size_t count,
                                   lml_error *error) {
  lml_extra *extra = NULL;
  if (count > LML_EXTRA_ROW)
    return lml_fail(error, LML_ERR_INTERNAL, "the result '%s' has %zu numbers, more than fit", name, count);
  const lml_status status = add_extra(results, name, &extra, error);
  if (status != LML_OK) return status;
  extra->type = LML_EXTRA_NUMBERS;
  extra->count = count;
  memcpy(extra->numbers, values, count * sizeof *values);
  return LML_OK;
}

const lml_extra *lml_results_extra(const lml_results *results, const char *name) {
  for (size_t i = 0; i < results->nextras; i++)
    if (strcmp(results->extras[i].name, name) == 0) return &results->extras[i];
  return NULL;
}

lml_status lml_results_largest_force(const lml_results *results, double *largest, lml_error *error) {
  double square = 0.0;
  *largest = 0.0;
  for (size_t i = 0; i < results->natoms; i++) {
    const double *force = &results->forces[3 * i];
    const double sum = lml_dot(force, force);
    if (!isfinite(sum)) return lml_fail(error, LML_ERR_INPUT, "the force on atom %zu is not a finite number", i);
    square = fmax(square, sum);
  }
  *largest = sqrt(square);
  if (isfinite(results->energy)) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "the energy is not a finite number");
}

/* ---- calculator ---- */

lml_status lml_calculator_create(const lml_calculator_ops *ops, void *self, lml_calculator **calculator,
                                 lml_error *error) {
  const lml_status status = lml_alloc(calculator, 1, sizeof **calculator, "a calculator", error);
  if (status != LML_OK) return status;
  (*calculator)->ops = ops;
  (*calculator)->self = self;
  return LML_OK;
}

void lml_calculator_destroy(lml_calculator *calculator) {
  if (calculator == NULL) return;
  lml_calculator_cancel(calculator);
  calculator->ops->destroy(calculator->self);
  lml_free(calculator);
}

const char *lml_calculator_name(const lml_calculator *calculator) { return calculator->ops->name; }

bool lml_calculator_waits(const lml_calculator *calculator) { return calculator->ops->wait != NULL; }

void *lml_calculator_self(lml_calculator *calculator) { return calculator->self; }

lml_status lml_calculator_start(lml_calculator *calculator, const lml_structure *structure, unsigned want,
                                lml_error *error) {
  if (calculator->busy) return lml_fail(error, LML_ERR_USAGE, "an evaluation is under way: finish or cancel it first");
  calculator->busy = true;
  calculator->done = false;
  lml_status status = lml_structure_check(structure, error);
  if (status == LML_OK) status = calculator->ops->start(calculator->self, structure, want, error);
  if (status != LML_OK) lml_calculator_cancel(calculator);
  return status;
}

lml_status lml_calculator_progress(lml_calculator *calculator, bool *done, lml_error *error) {
  if (!calculator->busy) return lml_fail(error, LML_ERR_USAGE, "no evaluation is under way: start one first");
  if (!calculator->done) {
    const lml_status status = calculator->ops->progress(calculator->self, &calculator->done, error);
    if (status != LML_OK) {
      lml_calculator_cancel(calculator);
      return status;
    }
  }
  *done = calculator->done;
  return LML_OK;
}

lml_status lml_calculator_wait(lml_calculator *calculator, int timeout_ms, lml_error *error) {
  if (!calculator->busy || calculator->done || calculator->ops->wait == NULL) return LML_OK;
  return calculator->ops->wait(calculator->self, timeout_ms, error);
}

lml_status lml_calculator_finish(lml_calculator *calculator, lml_results *results, lml_error *error) {
  if (!calculator->busy || !calculator->done)
    return lml_fail(error, LML_ERR_USAGE, "the evaluation is not done: call progress until it says so");
  const lml_status status = calculator->ops->finish(calculator->self, results, error);
  if (status != LML_OK)
    lml_calculator_cancel(calculator);
  else
    calculator->busy = false;
  return status;
}

void lml_calculator_cancel(lml_calculator *calculator) {
  if (!calculator->busy) return;
  calculator->busy = false;
  calculator->ops->cancel(calculator->self);
}

lml_status lml_calculator_evaluate(lml_calculator *calculator, const lml_structure *structure, unsigned want,
                                   lml_results *results, lml_error *error) {
  lml_status status = lml_calculator_start(calculator, structure, want, error);
  bool done = false;
  while (status == LML_OK && !done) {
    status = lml_calculator_progress(calculator, &done, error);
    if (status == LML_OK && !done) {
      status = lml_calculator_wait(calculator, 1000, error);
      if (status != LML_OK) lml_calculator_cancel(calculator);
    }
  }
  return status == LML_OK ? lml_calculator_finish(calculator, results, error) : status;
}
