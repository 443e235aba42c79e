#include "potential/linear_evaluation.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

/** Centres of a unit: a whole number of runs; enough that adding up its forces costs little beside evaluating them, and
 * few enough that a small structure occupies several threads. */
enum {
  UNIT = 128,      /**< at most */
  LEAST_UNIT = 32, /**< fewer atoms are ready before another thread is awake */
  UNITS = 16,      /**< of structures between the two */
  RUN = 16384      /**< of a loop that does little with each number: some 10 µs */
};
_Static_assert(UNIT % LML_LANES_LIMIT == 0, "units of whole runs");

static size_t divide_up(size_t count, size_t by) { return (count + by - 1) / by; }

/** Centres of each unit where there are @p count, at least one: units of about equal work. */
static size_t unit_of(size_t count) {
  size_t unit = divide_up(count, UNITS);
  if (unit < LEAST_UNIT) unit = LEAST_UNIT;
  if (unit > UNIT) unit = UNIT;
  unit = divide_up(count, divide_up(count, unit));
  return divide_up(unit, LML_LANES_LIMIT) * LML_LANES_LIMIT;
}

double *lml_linear_evaluation_virial(const lml_linear_evaluation *evaluation) {
  return evaluation->totals + 3 * evaluation->natoms;
}

lml_linear_sizes lml_linear_evaluation_sizes(const lml_linear_evaluation *evaluation) {
  return (lml_linear_sizes){
      .natoms = evaluation->natoms, .rank = evaluation->beside.rank, .nsums = evaluation->beside.nsums};
}

/** Doubles before the result at @p place, or before the end. */
static size_t begin_of(const lml_linear_evaluation *evaluation, size_t place) {
  const lml_linear_sizes sizes = lml_linear_evaluation_sizes(evaluation);
  size_t begin = 3 * sizes.natoms + 9;
  for (size_t k = 0; k < place; k++)
    if ((evaluation->results >> k & 1u) != 0) begin += lml_linear_results_parts(k, &sizes);
  return begin;
}

double *lml_linear_evaluation_result(const lml_linear_evaluation *evaluation, size_t place) {
  return evaluation->totals + begin_of(evaluation, place);
}

size_t lml_linear_evaluation_ntotals(const lml_linear_evaluation *evaluation) {
  return begin_of(evaluation, LML_LINEAR_NRESULTS);
}

/* ---- threads ---- */

void lml_linear_evaluators_free(lml_evaluator **evaluators, size_t count) {
  if (evaluators == NULL) return;
  for (size_t k = 0; k < count; k++) lml_evaluator_destroy(evaluators[k]);
  lml_free(evaluators);
}

lml_status lml_linear_evaluators_make(const lml_potential *potential, size_t count, lml_evaluator ***evaluators,
                                      lml_error *error) {
  lml_evaluator **list;
  *evaluators = NULL;
  lml_status status = lml_alloc(&list, count, sizeof(lml_evaluator *), "evaluators", error);
  for (size_t k = 0; k < count && status == LML_OK; k++) status = lml_evaluator_create(potential, &list[k], error);
  if (status == LML_OK)
    *evaluators = list;
  else
    lml_linear_evaluators_free(list, count);
  return status;
}

void lml_linear_evaluation_use(lml_linear_evaluation *evaluation, lml_evaluator **evaluators) {
  lml_linear_evaluators_free(evaluation->evaluators, evaluation->nthreads);
  evaluation->evaluators = evaluators;
}

/** End the threads, and free what they have. */
static void free_threads(lml_linear_evaluation *evaluation) {
  const size_t nslots = lml_pool_slots(evaluation->nthreads);
  lml_pool_destroy(evaluation->pool);
  for (size_t s = 0; s < nslots && evaluation->units != NULL; s++) lml_unit_sums_free(&evaluation->units[s]);
  lml_free(evaluation->units);
  lml_linear_evaluators_free(evaluation->evaluators, evaluation->nthreads);
}

static lml_status make_threads(lml_linear_evaluation *evaluation, const lml_potential *potential, size_t nthreads,
                               lml_error *error) {
  lml_linear_evaluation made = {.nthreads = nthreads};
  lml_status status = lml_linear_evaluators_make(potential, nthreads, &made.evaluators, error);
  if (status == LML_OK) status = lml_alloc(&made.units, lml_pool_slots(nthreads), sizeof *made.units, "threads", error);
  if (status == LML_OK) status = lml_pool_create(nthreads, &made.pool, error);
  if (status != LML_OK) {
    free_threads(&made);
    return status;
  }
  free_threads(evaluation);
  evaluation->evaluators = made.evaluators;
  evaluation->nthreads = nthreads;
  evaluation->pool = made.pool;
  evaluation->units = made.units;
  return LML_OK;
}

lml_status lml_linear_evaluation_make(lml_linear_evaluation *evaluation, const lml_potential *potential,
                                      lml_error *error) {
  memset(evaluation, 0, sizeof *evaluation);
  return make_threads(evaluation, potential, 1, error);
}

lml_status lml_linear_evaluation_set_threads(lml_linear_evaluation *evaluation, size_t nthreads, lml_error *error) {
  if (nthreads == evaluation->nthreads) return LML_OK;
  return make_threads(evaluation, lml_evaluator_model(evaluation->evaluators[0])->potential, nthreads, error);
}

void lml_linear_evaluation_free(lml_linear_evaluation *evaluation) {
  free_threads(evaluation);
  lml_listed_atoms_free(&evaluation->atoms);
  lml_linear_beside_free(&evaluation->beside);
  lml_free(evaluation->forces);
  lml_free(evaluation->energies);
  lml_free(evaluation->totals);
  lml_free(evaluation->needed);
  memset(evaluation, 0, sizeof *evaluation);
}

/* ---- beginning ---- */

/** List the sorted atoms that the forces on the share's atoms come from: these and their neighbours. */
static lml_status find_needed(lml_linear_evaluation *evaluation, const lml_share *share, lml_centres *centres,
                              lml_error *error) {
  const lml_neighbours *n = &evaluation->atoms.neighbours;
  unsigned char *wanted, *sorted;
  lml_status status = lml_grow(&evaluation->needed, &evaluation->needed_capacity, n->natoms, sizeof *evaluation->needed,
                               "the atoms that are needed", error);
  if (status == LML_OK) status = lml_alloc(&wanted, 2 * n->natoms, 1, "the atoms that are wanted", error);
  if (status != LML_OK) return status;
  sorted = wanted + n->natoms;
  for (size_t i = 0; i < share->natoms; i++) wanted[share->atoms[i]] = 1;
  for (size_t s = 0; s < n->natoms; s++) sorted[s] = wanted[n->order[s]];
  centres->list = evaluation->needed;
  centres->count = 0;
  for (size_t s = 0; s < n->natoms; s++) {
    const int32_t *list;
    const size_t count = lml_neighbours_of(n, s, &list);
    bool needed = sorted[s] != 0;
    for (size_t i = 0; i < count && !needed; i++) needed = sorted[n->owner[list[i]]] != 0;
    if (needed) evaluation->needed[centres->count++] = (int32_t)s;
  }
  lml_free(wanted);
  return LML_OK;
}

static size_t count_units(const lml_linear_evaluation *evaluation) {
  return divide_up(evaluation->centres.count, evaluation->unit);
}

/** Make room for the sums of units, and in the work spaces of all threads, so that nothing fails later. */
static lml_status reserve_units(lml_linear_evaluation *evaluation, lml_error *error) {
  const lml_neighbours *n = &evaluation->atoms.neighbours;
  const lml_centres none = {.longest = evaluation->centres.longest};
  const lml_evaluator_sums nothing = {.size = sizeof nothing};
  const size_t nunits = count_units(evaluation), nslots = lml_pool_slots(evaluation->nthreads);
  lml_status status = LML_OK;
  const size_t width = 3 * lml_linear_beside_nforces(&evaluation->beside);
  for (size_t s = 0; s < nslots && s < nunits && status == LML_OK; s++)
    status = lml_unit_sums_reserve(&evaluation->units[s], n->natoms + n->nghosts, width, error);
  const lml_evaluator_beside beside = lml_linear_beside_unit(&evaluation->beside, 0, evaluation->units[0].beside);
  for (size_t k = 0; k < evaluation->nthreads && status == LML_OK; k++) {
    status = lml_evaluator_begin_atoms(evaluation->evaluators[k], &evaluation->atoms.view, &none, &nothing, error);
    if (status == LML_OK) status = lml_evaluator_set_beside(evaluation->evaluators[k], &beside, error);
  }
  return status;
}

static lml_status clear_run(void *context, size_t begin, size_t end, lml_error *error) {
  double *values = context;
  (void)error;
  memset(values + begin, 0, (end - begin) * sizeof *values);
  return LML_OK;
}

static void clear(lml_linear_evaluation *evaluation, double *values, size_t count) {
  const lml_pool_loop loop = {count, RUN, clear_run, values};
  (void)lml_pool_do_loop(evaluation->pool, &loop, NULL);
}

/** Make room for the results, and set them to zero. */
static lml_status clear_results(lml_linear_evaluation *evaluation, lml_error *error) {
  const size_t natoms = evaluation->atoms.neighbours.natoms, ntotals = lml_linear_evaluation_ntotals(evaluation);
  const size_t nforces = 3 * (natoms + evaluation->atoms.neighbours.nghosts);
  const char *what = "forces";
  lml_status status = lml_grow(&evaluation->forces, &evaluation->forces_capacity, nforces, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&evaluation->energies, &evaluation->energies_capacity, natoms, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_grow(&evaluation->totals, &evaluation->totals_capacity, ntotals, sizeof(double), what, error);
  if (status != LML_OK) return status;
  clear(evaluation, evaluation->forces, nforces);
  clear(evaluation, evaluation->energies, natoms);
  clear(evaluation, evaluation->totals, ntotals);
  return LML_OK;
}

/** Evaluate a unit in a thread of the pool. */
static lml_status evaluate_unit(void *context, lml_pool_place place, size_t task, lml_error *error) {
  lml_linear_evaluation *evaluation = context;
  lml_evaluator *evaluator = evaluation->evaluators[place.thread];
  lml_unit_sums *unit = &evaluation->units[place.slot];
  const lml_atoms *atoms = &evaluation->atoms.view;
  lml_centres centres = evaluation->centres;
  const size_t before = task * evaluation->unit;
  centres.count = centres.count - before < evaluation->unit ? centres.count - before : evaluation->unit;
  centres.first += before;
  if (centres.list != NULL) centres.list += before;
  const lml_evaluator_sums sums = {
      .size = sizeof sums, .energies = evaluation->energies, .forces = unit->forces, .virial = unit->virial};
  const lml_evaluator_beside beside = lml_linear_beside_unit(&evaluation->beside, place.slot, unit->beside);
  lml_status status = lml_evaluator_begin_atoms(evaluator, atoms, &centres, &sums, error);
  if (status == LML_OK) status = lml_evaluator_set_beside(evaluator, &beside, error);
  if (status != LML_OK) return status;
  lml_evaluator_finish(evaluator);
  for (size_t k = 0; k < centres.count; k++) {
    const int32_t centre = centres.list == NULL ? (int32_t)(centres.first + k) : centres.list[k], *list;
    const size_t length = atoms->neighbours(atoms->context, centre, &list);
    lml_unit_sums_touch(unit, &centre, 1);
    lml_unit_sums_touch(unit, list, length);
  }
  return LML_OK;
}

static lml_status add_unit(void *context, size_t slot, size_t task, lml_error *error) {
  lml_linear_evaluation *evaluation = context;
  const lml_neighbours *n = &evaluation->atoms.neighbours;
  (void)task;
  (void)error;
  lml_unit_sums_move(&evaluation->units[slot], evaluation->forces, evaluation->beside.forces, n->natoms + n->nghosts,
                     lml_linear_evaluation_virial(evaluation));
  lml_linear_beside_move(&evaluation->beside, slot);
  return LML_OK;
}

lml_status lml_linear_evaluation_begin(lml_linear_evaluation *evaluation, const lml_structure *structure,
                                       const lml_share *share, lml_error *error) {
  lml_listed_atoms *atoms = &evaluation->atoms;
  const lml_linear_model *model = lml_evaluator_model(evaluation->evaluators[0]);
  lml_linear_evaluation_give_up(evaluation);
  evaluation->natoms = structure->natoms;
  lml_pool_limit(evaluation->pool, share->threads > 0 ? share->threads : evaluation->nthreads);
  evaluation->results = share->results | 1u << LML_LINEAR_ENERGIES;
  evaluation->coordination_radius = share->coordination_radius > 0.0 ? share->coordination_radius : model->cutoff;
  const unsigned needs = lml_linear_results_needs(share->results);
  atoms->neighbours.pool = evaluation->pool;
  lml_status status = lml_listed_atoms_find(atoms, model, structure, share->part, share->parts, error);
  const lml_neighbours *n = &atoms->neighbours;
  if (status == LML_OK)
    status = lml_linear_beside_begin(&evaluation->beside, model, share->uncertainty, needs, n->natoms,
                                     n->natoms + n->nghosts, lml_pool_slots(evaluation->nthreads), error);
  if (status == LML_OK) status = clear_results(evaluation, error);
  if (status != LML_OK) return status;
  lml_centres centres = {.first = n->begin, .count = n->end - n->begin, .longest = n->longest};
  if (share->atoms != NULL) status = find_needed(evaluation, share, &centres, error);
  evaluation->centres = centres;
  evaluation->unit = centres.count > 0 ? unit_of(centres.count) : 1;
  if (status == LML_OK) status = reserve_units(evaluation, error);
  if (status != LML_OK) return status;
  const lml_pool_tasks tasks = {
      .count = count_units(evaluation), .work = evaluate_unit, .reduce = add_unit, .context = evaluation};
  lml_pool_begin(evaluation->pool, &tasks);
  return LML_OK;
}

/* ---- the rest ---- */

/** A fixed term may have no energy where atoms are too near, and then the sums have none. */
static lml_status check_energies(const lml_linear_evaluation *evaluation, lml_error *error) {
  const lml_neighbours *n = &evaluation->atoms.neighbours;
  const lml_potential *potential = lml_evaluator_model(evaluation->evaluators[0])->potential;
  bool partial = false;
  for (size_t k = 0; k < potential->nterms; k++) partial = partial || potential->terms[k]->inner > 0.0;
  for (size_t s = 0; partial && s < n->natoms; s++)
    if (isnan(evaluation->energies[s]))
      return lml_fail(error, LML_ERR_INPUT,
                      "atom %d (counted from 0) has no energy: another one is nearer to it than the table of the "
                      "potential reaches",
                      (int)n->order[s]);
  return LML_OK;
}

bool lml_linear_evaluation_step(lml_linear_evaluation *evaluation) { return lml_pool_step(evaluation->pool); }

void lml_linear_evaluation_give_up(lml_linear_evaluation *evaluation) { lml_pool_give_up(evaluation->pool); }

/** Forces on a run of sorted atoms, without what is on their ghosts. */
static lml_status collect_run(void *context, size_t begin, size_t end, lml_error *error) {
  const lml_linear_evaluation *evaluation = context;
  (void)error;
  for (size_t s = begin; s < end; s++)
    memcpy(evaluation->totals + 3 * (size_t)evaluation->atoms.neighbours.order[s], evaluation->forces + 3 * s,
           3 * sizeof(double));
  return LML_OK;
}

static void collect_forces(lml_linear_evaluation *evaluation) {
  const lml_neighbours *n = &evaluation->atoms.neighbours;
  const lml_pool_loop loop = {n->natoms, RUN / 4, collect_run, evaluation};
  (void)lml_pool_do_loop(evaluation->pool, &loop, NULL);
  for (size_t i = n->natoms; i < n->natoms + n->nghosts; i++) {
    double *to = evaluation->totals + 3 * (size_t)n->order[n->owner[i]];
    for (size_t d = 0; d < 3; d++) to[d] += evaluation->forces[3 * i + d];
  }
}

lml_status lml_linear_evaluation_collect(lml_linear_evaluation *evaluation, lml_error *error) {
  const lml_neighbours *n = &evaluation->atoms.neighbours;
  lml_status status = lml_pool_end(evaluation->pool, error);
  if (status == LML_OK) status = check_energies(evaluation, error);
  if (status != LML_OK) return status;
  const lml_linear_sources sources = {.neighbours = n,
                                      .energies = evaluation->energies,
                                      .coordination_radius = evaluation->coordination_radius,
                                      .cutoff = lml_evaluator_model(evaluation->evaluators[0])->cutoff,
                                      .beside = &evaluation->beside};
  for (size_t k = 0; k < LML_LINEAR_NRESULTS; k++)
    if ((evaluation->results >> k & 1u) != 0)
      lml_linear_results[k].fill(&sources, lml_linear_evaluation_result(evaluation, k));
  collect_forces(evaluation);
  return LML_OK;
}
