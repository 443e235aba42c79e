#include "lmlink/calculator.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"

struct lml_calculator {
  const lml_calculator_ops *ops;
  void *self;
  bool busy; /**< between start and finish or cancel */
  bool done; /**< finish can be called without waiting */
};

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

lml_status lml_calculator_check(const lml_calculator *calculator, const lml_request *request, lml_error *error) {
  return calculator->ops->check == NULL ? LML_OK : calculator->ops->check(calculator->self, request, error);
}

void *lml_calculator_self(lml_calculator *calculator, const lml_calculator_ops *ops) {
  return calculator->ops == ops ? calculator->self : NULL;
}

lml_status lml_calculator_start(lml_calculator *calculator, const lml_structure *structure, const lml_request *request,
                                lml_error *error) {
  if (calculator->busy) return lml_fail(error, LML_ERR_USAGE, "an evaluation is under way: finish or cancel it first");
  calculator->busy = true;
  calculator->done = false;
  lml_status status = lml_structure_check(structure, error);
  if (status == LML_OK) status = calculator->ops->start(calculator->self, structure, request, error);
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

lml_status lml_calculator_evaluate(lml_calculator *calculator, const lml_structure *structure,
                                   const lml_request *request, lml_results *results, lml_error *error) {
  lml_status status = lml_calculator_start(calculator, structure, request, error);
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
