#include "potential/linear_calculator.h"

#include <stdint.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "potential/linear_evaluation.h"
#include "potential/linear_results.h"
#include "potential/linear_uncertainty.h"
#include "potential/potential.h"
#include "potential/potential_variant.h"

/** What rank 0 tells the others. */
typedef enum { COMMAND_EVALUATE = 1, COMMAND_END = 2, COMMAND_UPDATE = 3 } command;

typedef struct {
  command command;
  unsigned results; /**< the set of them */
  unsigned kept;    /**< of those that evaluations to come need */
  double coordination_radius;
  size_t natoms;
  double cell[9];
  bool pbc[3];
} order;

typedef struct {
  lml_linear_evaluation evaluation;
  const lml_potential *potential;
  lml_potential *updated;             /**< the same since an update; NULL before */
  const char *file;                   /**< that its coefficients, and what lies beside it, are from; NULL: none */
  lml_linear_uncertainty uncertainty; /**< of the potential, since it was needed first; empty before */
  lml_comm *comm;
  lml_structure copy;         /**< of ranks other than 0 */
  unsigned results;           /**< the set of those that are asked for */
  unsigned kept;              /**< of those that will be */
  double coordination_radius; /**< Å; 0: the cutoff */
  bool under_way;             /**< the other ranks wait for the end of an evaluation */
  bool at_work;               /**< the other ranks wait for orders */
  lml_roster *roster;         /**< of programs that share the cores with this one; NULL: none do */
  bool on_roster;             /**< at work by it */
} linear;

/** Read the uncertainty of @p potential on all ranks, which must have found the same file. */
static lml_status read_uncertainty(const linear *self, const lml_potential *potential,
                                   lml_linear_uncertainty *uncertainty, lml_error *error) {
  char first[LML_SHA256_TEXT];
  lml_status status = lml_linear_uncertainty_read(uncertainty, self->file, potential, error);
  status = lml_comm_agree(self->comm, status, error);
  memcpy(first, uncertainty->checksum, sizeof first);
  if (status == LML_OK) status = lml_comm_broadcast(self->comm, first, sizeof first, error);
  if (status == LML_OK) {
    if (strcmp(first, uncertainty->checksum) != 0)
      status = lml_fail(error, LML_ERR_INPUT, "the uncertainty beside %s was changed while it was read", self->file);
    status = lml_comm_agree(self->comm, status, error);
  }
  if (status != LML_OK) lml_linear_uncertainty_free(uncertainty);
  return status;
}

static bool has_uncertainty(const linear *self) { return self->uncertainty.checksum[0] != '\0'; }

/** Whether the last evaluation had results from it, or others will have. */
static bool uses_uncertainty(const linear *self) {
  return has_uncertainty(self) && (lml_linear_results_needs(self->results | self->kept) & LML_NEEDS_FILE) != 0;
}

/** LML_ERR_INPUT where descriptors are to be summed of a potential that has none. */
static lml_status check_sums(const linear *self, unsigned needs, lml_error *error) {
  return (needs & LML_NEEDS_SUMS) != 0 ? lml_potential_need_components(self->potential, error) : LML_OK;
}

/** See to it that there is what the results need. The ranks do the same, and come to the same outcome. */
static lml_status need_uncertainty(linear *self, lml_error *error) {
  const unsigned needs = lml_linear_results_needs(self->results);
  lml_status status = check_sums(self, needs, error);
  if (status != LML_OK || (needs & LML_NEEDS_FILE) == 0) return status;
  if (!has_uncertainty(self)) status = read_uncertainty(self, self->potential, &self->uncertainty, error);
  return status == LML_OK ? lml_linear_uncertainty_has(&self->uncertainty, needs, self->file, error) : status;
}

static void leave_roster(linear *self) {
  if (self->on_roster) lml_roster_leave(self->roster);
  self->on_roster = false;
}

/** Threads for an evaluation that begins. */
static size_t enter_roster(linear *self) {
  if (self->roster == NULL) return self->evaluation.nthreads;
  leave_roster(self);
  const size_t programs = lml_roster_enter(self->roster), share = self->evaluation.nthreads / programs;
  self->on_roster = true;
  return share > 1 ? share : 1;
}

/** Begin with what is this rank's; of a single one @p natoms atoms @p atoms, unless that is NULL. */
static lml_status begin(linear *self, const lml_structure *structure, const size_t *atoms, size_t natoms,
                        lml_error *error) {
  const lml_status status = need_uncertainty(self, error);
  if (status != LML_OK) return status;
  const lml_share share = {.part = (size_t)lml_comm_rank(self->comm),
                           .parts = (size_t)lml_comm_size(self->comm),
                           .atoms = atoms,
                           .natoms = natoms,
                           .threads = enter_roster(self),
                           .results = self->results,
                           .coordination_radius = self->coordination_radius,
                           .uncertainty = &self->uncertainty};
  return lml_linear_evaluation_begin(&self->evaluation, structure, &share, error);
}

/** The end of every evaluation, on all ranks: one outcome, then the sum of all parts on rank 0. After a failure, which
 *  may be one rank's alone, none keeps its lists: their order, which the parts are cut from, is that of all. */
static lml_status gather_parts(linear *self, lml_status status, lml_error *error) {
  if (status == LML_OK)
    status = lml_linear_evaluation_collect(&self->evaluation, error);
  else
    lml_linear_evaluation_give_up(&self->evaluation);
  leave_roster(self);
  status = lml_comm_agree(self->comm, status, error);
  if (status == LML_OK)
    return lml_comm_sum(self->comm, self->evaluation.totals, lml_linear_evaluation_ntotals(&self->evaluation), error);
  lml_neighbours_forget(&self->evaluation.atoms.neighbours);
  return status;
}

/* ---- rank 0 ---- */

/** Send the structure to the other ranks, which agree that they have room for it before its arrays follow. */
static lml_status send_structure(linear *self, const lml_structure *structure, lml_error *error) {
  if (lml_comm_size(self->comm) == 1) return LML_OK;
  order message = {.command = COMMAND_EVALUATE,
                   .results = self->results,
                   .kept = self->kept,
                   .coordination_radius = self->coordination_radius,
                   .natoms = structure->natoms};
  memcpy(message.cell, structure->cell, sizeof message.cell);
  memcpy(message.pbc, structure->pbc, sizeof message.pbc);
  lml_status status = lml_comm_broadcast(self->comm, &message, sizeof message, error);
  if (status == LML_OK) status = lml_comm_agree(self->comm, LML_OK, error);
  if (status == LML_OK)
    status = lml_comm_broadcast(self->comm, structure->numbers, structure->natoms * sizeof(int), error);
  if (status == LML_OK)
    status = lml_comm_broadcast(self->comm, structure->positions, 3 * structure->natoms * sizeof(double), error);
  return status;
}

static lml_status linear_check(const void *data, const lml_request *request, lml_error *error) {
  const linear *self = data;
  const unsigned needs = lml_linear_results_needs(lml_linear_results_named(request));
  lml_status status = lml_linear_results_check(request, error);
  if (status == LML_OK) status = check_sums(self, needs, error);
  if (status != LML_OK || (needs & LML_NEEDS_FILE) == 0) return status;
  lml_linear_uncertainty found = {0};
  if (!has_uncertainty(self)) status = lml_linear_uncertainty_read(&found, self->file, self->potential, error);
  if (status == LML_OK)
    status = lml_linear_uncertainty_has(has_uncertainty(self) ? &self->uncertainty : &found, needs, self->file, error);
  lml_linear_uncertainty_free(&found);
  return status;
}

static lml_status linear_start(void *data, const lml_structure *structure, const lml_request *request,
                               lml_error *error) {
  linear *self = data;
  self->results = lml_linear_results_named(request);
  lml_status status = send_structure(self, structure, error);
  if (status != LML_OK) return status;
  self->under_way = true;
  return begin(self, structure, NULL, 0, error);
}

static lml_status linear_progress(void *data, bool *done, lml_error *error) {
  linear *self = data;
  (void)error;
  *done = !lml_linear_evaluation_step(&self->evaluation);
  if (*done) leave_roster(self); /* what it is waited for from here on may be another's work */
  return LML_OK;
}

static lml_status linear_finish(void *data, lml_results *results, lml_error *error) {
  linear *self = data;
  const size_t natoms = self->evaluation.natoms;
  lml_status status = lml_results_reset(results, natoms, error);
  self->under_way = false;
  status = gather_parts(self, status, error);
  if (status != LML_OK) return status;
  const lml_linear_evaluation *evaluation = &self->evaluation;
  memcpy(results->forces, evaluation->totals, 3 * natoms * sizeof(double));
  memcpy(results->virial, lml_linear_evaluation_virial(evaluation), 9 * sizeof(double));
  *results->energy = lml_linear_results_sum(lml_linear_evaluation_result(evaluation, LML_LINEAR_ENERGIES), natoms);
  for (size_t k = 0; k < LML_RESULTS_STANDARD; k++) results->list[k].origin = LML_ORIGIN_EXACT;
  const lml_linear_sizes sizes = lml_linear_evaluation_sizes(evaluation);
  for (size_t k = 0; k < LML_LINEAR_NRESULTS && status == LML_OK; k++)
    if ((self->results >> k & 1u) != 0)
      status = lml_linear_results_add(k, lml_linear_evaluation_result(evaluation, k), &sizes, results, error);
  return status;
}

static void linear_cancel(void *data) {
  linear *self = data;
  if (!self->under_way) return;
  self->under_way = false;
  lml_error cancelled;
  (void)gather_parts(self, lml_fail(&cancelled, LML_ERR_INTERRUPTED, "the evaluation was given up"), &cancelled);
}

static void linear_destroy(void *data) {
  linear *self = data;
  if (lml_comm_rank(self->comm) == 0 && lml_comm_size(self->comm) > 1 && self->at_work) {
    order message = {.command = COMMAND_END};
    (void)lml_comm_broadcast(self->comm, &message, sizeof message, NULL);
  }
  leave_roster(self);
  lml_linear_evaluation_free(&self->evaluation);
  lml_linear_uncertainty_free(&self->uncertainty);
  lml_potential_destroy(self->updated);
  lml_structure_free(&self->copy);
  lml_free(self);
}

static const lml_calculator_ops linear_ops = {
    .name = "linear",
    .check = linear_check,
    .start = linear_start,
    .progress = linear_progress,
    .wait = NULL,
    .finish = linear_finish,
    .cancel = linear_cancel,
    .destroy = linear_destroy,
};

/** The private data of @p calculator, if it is a linear one. */
static lml_status self_of(lml_calculator *calculator, linear **self, lml_error *error) {
  *self = lml_calculator_self(calculator, &linear_ops);
  if (*self != NULL) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE, "a linear calculator is needed, and this is a %s one",
                  lml_calculator_name(calculator));
}

lml_status lml_linear_calculator_create_parallel(const lml_potential *potential, lml_comm *comm,
                                                 lml_calculator **calculator, lml_error *error) {
  linear *self;
  *calculator = NULL;
  lml_status status = lml_alloc(&self, 1, sizeof *self, "the linear calculator", error);
  if (status == LML_OK) {
    self->comm = comm;
    self->potential = potential;
    self->file = potential->coefficient_file;
    status = lml_linear_evaluation_make(&self->evaluation, potential, error);
  }
  if (status == LML_OK) status = lml_calculator_create(&linear_ops, self, calculator, error);
  status = lml_comm_agree(comm, status, error);
  if (status == LML_OK) {
    self->at_work = true;
    return LML_OK;
  }
  if (*calculator != NULL)
    lml_calculator_destroy(*calculator);
  else if (self != NULL)
    linear_destroy(self);
  *calculator = NULL;
  return status;
}

lml_status lml_linear_calculator_create(const lml_potential *potential, lml_calculator **calculator, lml_error *error) {
  return lml_linear_calculator_create_parallel(potential, lml_comm_serial(), calculator, error);
}

lml_status lml_linear_calculator_set_coordination_radius(lml_calculator *calculator, double radius, lml_error *error) {
  linear *self;
  const lml_status status = self_of(calculator, &self, error);
  if (status != LML_OK) return status;
  const double cutoff = lml_potential_cutoff(self->potential);
  if (!(radius > 0.0 && radius <= cutoff))
    return lml_fail(error, LML_ERR_USAGE,
                    "the coordination radius %g Å must be positive and at most the potential's cutoff, %g Å", radius,
                    cutoff);
  self->coordination_radius = radius;
  return LML_OK;
}

const char *lml_linear_calculator_uncertain(lml_calculator *calculator) {
  const linear *self = lml_calculator_self(calculator, &linear_ops);
  return self != NULL && uses_uncertainty(self) ? self->file : NULL;
}

lml_status lml_linear_calculator_keep(lml_calculator *calculator, const lml_request *request, lml_error *error) {
  linear *self;
  const lml_status status = self_of(calculator, &self, error);
  if (status == LML_OK) self->kept = lml_linear_results_named(request);
  return status;
}

lml_status lml_linear_calculator_set_threads(lml_calculator *calculator, size_t nthreads, lml_error *error) {
  linear *self;
  const lml_status status = self_of(calculator, &self, error);
  if (status != LML_OK) return status;
  if (nthreads < 1 || nthreads > LML_THREADS_LIMIT)
    return lml_fail(error, LML_ERR_USAGE, "the number of threads is %zu: it must be 1 to %d", nthreads,
                    LML_THREADS_LIMIT);
  return lml_linear_evaluation_set_threads(&self->evaluation, nthreads, error);
}

void lml_linear_calculator_share_threads(lml_calculator *calculator, lml_roster *roster) {
  linear *self = lml_calculator_self(calculator, &linear_ops);
  if (self != NULL) self->roster = roster;
}

/* ---- new coefficients ---- */

/** On all ranks: @p coefficients are rank 0's there; elsewhere they are received. An uncertainty that the last
 * evaluation did without is forgotten, and read again when it is needed. */
static lml_status update(linear *self, const double *coefficients, lml_error *error) {
  const lml_potential *old = self->potential;
  const size_t count = lml_potential_nelements(old) * lml_potential_ncoefficients(old);
  const size_t nthreads = self->evaluation.nthreads;
  lml_potential *potential = NULL;
  lml_evaluator **evaluators = NULL;
  lml_linear_uncertainty uncertainty = {0};
  double *theta = NULL;
  lml_status status = lml_alloc(&theta, count, sizeof *theta, "coefficients", error);
  if (status == LML_OK && coefficients != NULL) memcpy(theta, coefficients, count * sizeof *theta);
  status = lml_comm_agree(self->comm, status, error);
  if (status == LML_OK) {
    status = lml_comm_broadcast(self->comm, theta, count * sizeof *theta, error);
    if (status == LML_OK) status = lml_potential_with_coefficients(old, theta, &potential, error);
    if (status == LML_OK) status = lml_linear_evaluators_make(potential, nthreads, &evaluators, error);
    status = lml_comm_agree(self->comm, status, error);
  }
  if (status == LML_OK && uses_uncertainty(self)) status = read_uncertainty(self, potential, &uncertainty, error);
  lml_free(theta);
  if (status != LML_OK) {
    lml_linear_evaluators_free(evaluators, nthreads);
    lml_potential_destroy(potential);
    return status;
  }
  lml_linear_evaluation_use(&self->evaluation, evaluators);
  lml_potential_destroy(self->updated);
  self->potential = self->updated = potential;
  lml_linear_uncertainty_free(&self->uncertainty);
  self->uncertainty = uncertainty;
  return LML_OK;
}

lml_status lml_linear_calculator_update(lml_calculator *calculator, const double *coefficients, lml_error *error) {
  linear *self;
  order message = {.command = COMMAND_UPDATE};
  lml_status status = self_of(calculator, &self, error);
  if (status == LML_OK && lml_comm_size(self->comm) > 1)
    status = lml_comm_broadcast(self->comm, &message, sizeof message, error);
  return status == LML_OK ? update(self, coefficients, error) : status;
}

/* ---- other evaluations ---- */

lml_status lml_linear_calculator_evaluate_atoms(lml_calculator *calculator, const lml_structure *structure,
                                                const size_t *atoms, size_t natoms, const lml_request *request,
                                                lml_results *results, lml_error *error) {
  linear *self;
  lml_status status = self_of(calculator, &self, error);
  if (status != LML_OK) return status;
  self->results = lml_linear_results_named(request);
  lml_neighbours_forget(&self->evaluation.atoms.neighbours);
  status = lml_structure_check(structure, error);
  if (status == LML_OK) status = begin(self, structure, atoms, natoms, error);
  if (status == LML_OK) return linear_finish(self, results, error);
  leave_roster(self);
  return status;
}

/* ---- the other ranks ---- */

static lml_status receive_structure(linear *self, const order *message, lml_error *error) {
  lml_structure *structure = &self->copy;
  lml_status status = lml_structure_resize(structure, message->natoms, error);
  status = lml_comm_agree(self->comm, status, error);
  if (status != LML_OK) return status;
  memcpy(structure->cell, message->cell, sizeof structure->cell);
  memcpy(structure->pbc, message->pbc, sizeof structure->pbc);
  status = lml_comm_broadcast(self->comm, structure->numbers, structure->natoms * sizeof(int), error);
  if (status == LML_OK)
    status = lml_comm_broadcast(self->comm, structure->positions, 3 * structure->natoms * sizeof(double), error);
  return status;
}

lml_status lml_linear_calculator_work(lml_calculator *calculator, lml_error *error) {
  linear *self;
  lml_status status = self_of(calculator, &self, error);
  if (status != LML_OK) return status;
  for (;;) {
    order message;
    status = lml_comm_broadcast(self->comm, &message, sizeof message, error);
    if (status != LML_OK || message.command == COMMAND_END) return status;
    lml_error own = {0};
    if (message.command == COMMAND_UPDATE) {
      (void)update(self, NULL, &own);
      continue;
    }
    status = receive_structure(self, &message, &own);
    if (status != LML_OK) continue;
    self->results = message.results;
    self->kept = message.kept;
    self->coordination_radius = message.coordination_radius;
    status = begin(self, &self->copy, NULL, 0, &own);
    (void)gather_parts(self, status, &own);
  }
}
