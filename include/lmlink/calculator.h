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

#include "lmlink/structure.h"

LML_BEGIN_DECLS

/** What a result is. */
typedef enum lml_kind {
  LML_KIND_ABSENT = 0,   /**< not computed or not defined; the value is zero */
  LML_KIND_EXACT,        /**< the quantity itself */
  LML_KIND_VIRTUAL_WORK, /**< an energy from the work done by the forces along the trajectory */
  LML_KIND_ML_PART       /**< the machine-learning potential's value in a mixture where none is defined */
} lml_kind;

/** The name that a kind has in JSON: "absent", "exact", "virtual_work", "ml_part". Static storage. */
LML_API const char *lml_kind_name(lml_kind kind);

/** What is wanted of an evaluation; energy, forces and virial always are. */
enum lml_want {
  LML_WANT_DEFAULT = 0,
  LML_WANT_ENERGIES = 1 /**< per-atom energies too */
};

enum { LML_EXTRA_ROW = 8 /**< numbers that a row among the extras has at most */ };

/** A named result beyond the standard ones. */
typedef struct lml_extra {
  char name[32];
  enum { LML_EXTRA_NUMBER, LML_EXTRA_INTEGER, LML_EXTRA_TEXT, LML_EXTRA_NUMBERS } type;
  double number;
  double numbers[LML_EXTRA_ROW];
  size_t count; /**< of numbers */
  long long integer;
  char text[64];
} lml_extra;

/** Plain data, owned by the caller: initialise with `lml_results r = {0};`, release with lml_results_free, reuse for
 *  any number of evaluations. */
typedef struct lml_results {
  size_t natoms;
  double energy; /**< eV */
  lml_kind energy_kind;
  double *forces;   /**< natoms × 3, eV/Å, in the structure's order */
  double *energies; /**< natoms, eV; meaningful where energies_kind is not absent; sums to energy */
  lml_kind energies_kind;
  double virial[9]; /**< eV, row-major, symmetric: W = Σ r⊗F = −∂U/∂ε; stress is −W/V */
  lml_kind virial_kind;
  lml_extra *extras;
  size_t nextras;
  size_t extras_capacity;
} lml_results;

/** Make room for @p natoms atoms, zero everything, all kinds absent, no extras. */
LML_API lml_status lml_results_reset(lml_results *results, size_t natoms, lml_error *error);
LML_API void lml_results_free(lml_results *results);

/** Append a named number, integer, text or row of at most LML_EXTRA_ROW numbers to the extras. */
LML_API lml_status lml_results_add_number(lml_results *results, const char *name, double value, lml_error *error);
LML_API lml_status lml_results_add_integer(lml_results *results, const char *name, long long value, lml_error *error);
LML_API lml_status lml_results_add_text(lml_results *results, const char *name, const char *value, lml_error *error);
LML_API lml_status lml_results_add_numbers(lml_results *results, const char *name, const double *values, size_t count,
                                           lml_error *error);

/** The extra of that name, NULL where there is none. Owned by the results. */
LML_API const lml_extra *lml_results_extra(const lml_results *results, const char *name);

/** The length of the largest force, eV/Å. LML_ERR_INPUT where a force or the energy is not a finite number, as of
 *  coefficients that are far too large: nothing is to be done with such results. */
LML_API lml_status lml_results_largest_force(const lml_results *results, double *largest, lml_error *error);

typedef struct lml_calculator lml_calculator;

/** The operations of one kind of calculator; all but `wait` are required. They run in the order
 *  start → progress* → (finish | cancel). */
typedef struct lml_calculator_ops {
  const char *name;
  /** Begin an evaluation of @p structure, which stays valid and unchanged until finish or cancel. */
  lml_status (*start)(void *self, const lml_structure *structure, unsigned want, lml_error *error);
  /** Do a bounded piece of work (a few milliseconds) without waiting; *@p done becomes true when finish can be
   *  called without waiting. */
  lml_status (*progress)(void *self, bool *done, lml_error *error);
  /** Wait, at most @p timeout_ms, until progress has something to do again. NULL where it always has. */
  lml_status (*wait)(void *self, int timeout_ms, lml_error *error);
  /** Put the results of the evaluation that is done into @p results (reset by the operation itself). */
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

/** The private data that the calculator was created with: for the code of that kind of calculator. */
LML_API void *lml_calculator_self(lml_calculator *calculator);

/** The four steps; see lml_calculator_ops. A start while an evaluation is under way is an LML_ERR_USAGE; any failure
 *  ends the evaluation. */
LML_API lml_status lml_calculator_start(lml_calculator *calculator, const lml_structure *structure, unsigned want,
                                        lml_error *error);
LML_API lml_status lml_calculator_progress(lml_calculator *calculator, bool *done, lml_error *error);
LML_API lml_status lml_calculator_wait(lml_calculator *calculator, int timeout_ms, lml_error *error);
LML_API lml_status lml_calculator_finish(lml_calculator *calculator, lml_results *results, lml_error *error);
LML_API void lml_calculator_cancel(lml_calculator *calculator);

/** Blocking evaluation: start, progress until done, finish. */
LML_API lml_status lml_calculator_evaluate(lml_calculator *calculator, const lml_structure *structure, unsigned want,
                                           lml_results *results, lml_error *error);

LML_END_DECLS

#endif
