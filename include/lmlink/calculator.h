/** @file calculator.h
 *  The calculator: turns a structure into energy, forces and virial.
 *
 *  An evaluation has four steps, because one part of it may take minutes (a quantum code) while another takes a
 *  second: `start` takes the structure, `progress` does a bounded piece of work or looks at a socket without waiting,
 *  `finish` gives the results, `cancel` gives an evaluation up. lml_calculator_evaluate does all of it and waits.
 */
#ifndef LMLINK_CALCULATOR_H
#define LMLINK_CALCULATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/results.h"
#include "lmlink/structure.h"

LML_BEGIN_DECLS

typedef struct lml_calculator lml_calculator;

/** The operations of one kind of calculator; all but `check` and `wait` are required. An evaluation is
 *  start → progress* → (finish | cancel). */
typedef struct lml_calculator_ops {
  const char *name;
  /** LML_ERR_USAGE where @p request names a result that the calculator never gives; the error says which it gives. NULL
   *  where that shows in an evaluation alone, as of engines. */
  lml_status (*check)(const void *self, const lml_request *request, lml_error *error);
  /** Begin an evaluation of @p structure, which stays valid and unchanged until finish or cancel, as do the results
   *  that @p request (may be NULL) names. A result that cannot be given is left absent, and is no error. */
  lml_status (*start)(void *self, const lml_structure *structure, const lml_request *request, lml_error *error);
  /** Do a bounded piece of work (a few milliseconds) without waiting; *@p done becomes true when finish can be
   *  called without waiting. */
  lml_status (*progress)(void *self, bool *done, lml_error *error);
  /** Wait, at most @p timeout_ms, until progress has something to do again. NULL where it always has. */
  lml_status (*wait)(void *self, int timeout_ms, lml_error *error);
  /** Put the results of the evaluation that is done into @p results (reset by the operation itself), each with its
   *  origin. */
  lml_status (*finish)(void *self, lml_results *results, lml_error *error);
  /** Give the evaluation up; also called after a failed progress or finish. */
  void (*cancel)(void *self);
  /** Free everything. */
  void (*destroy)(void *self);
} lml_calculator_ops;

/** Wrap @p self, which the calculator then owns, into a calculator. On failure @p self stays the caller's. */
LML_API lml_status lml_calculator_create(const lml_calculator_ops *ops, void *self, lml_calculator **calculator,
                                         lml_error *error);

/** Free the calculator and what it owns; an evaluation under way is cancelled. NULL is fine. */
LML_API void lml_calculator_destroy(lml_calculator *calculator);

/** The kind of calculator: "linear", … */
LML_API const char *lml_calculator_name(const lml_calculator *calculator);

/** Whether it may have nothing to do while an evaluation is under way, and wait is of use then. */
LML_API bool lml_calculator_waits(const lml_calculator *calculator);

/** For the code of the kind of calculator that @p ops is the table of: the private data that @p calculator was created
 *  with; NULL where that is of another kind. */
LML_API void *lml_calculator_self(lml_calculator *calculator, const lml_calculator_ops *ops);

/** Whether @p request names what the calculator can give, as far as it knows beforehand; see lml_calculator_ops. */
LML_API lml_status lml_calculator_check(const lml_calculator *calculator, const lml_request *request, lml_error *error);

/** The four steps; see lml_calculator_ops. A start while an evaluation is under way is an LML_ERR_USAGE; any failure
 *  ends the evaluation. */
LML_API lml_status lml_calculator_start(lml_calculator *calculator, const lml_structure *structure,
                                        const lml_request *request, lml_error *error);
LML_API lml_status lml_calculator_progress(lml_calculator *calculator, bool *done, lml_error *error);
LML_API lml_status lml_calculator_wait(lml_calculator *calculator, int timeout_ms, lml_error *error);
LML_API lml_status lml_calculator_finish(lml_calculator *calculator, lml_results *results, lml_error *error);
LML_API void lml_calculator_cancel(lml_calculator *calculator);

/** Blocking evaluation: start, progress until done, finish. */
LML_API lml_status lml_calculator_evaluate(lml_calculator *calculator, const lml_structure *structure,
                                           const lml_request *request, lml_results *results, lml_error *error);

LML_END_DECLS

#endif
