#include "potential/linear_evaluation.h"

#include <string.h>

#include "base/memory.h"
#include "potential/linear_results.h"

double *lml_linear_evaluation_virial(const lml_linear_evaluation *evaluation) {
  return evaluation->totals + 3 * evaluation->atoms.neighbours.natoms;
}

size_t lml_linear_evaluation_rank(const lml_linear_evaluation *evaluation) {
  return evaluation->uncertainty == NULL ? 0 : evaluation->uncertainty->rank;
}

/** Doubles before the result at @p place, or before the end. */
static size_t begin_of(const lml_linear_evaluation *evaluation, size_t place) {
  const size_t natoms = evaluation->atoms.neighbours.natoms;
  size_t begin = 3 * natoms + 9;
  for (size_t k = 0; k < place; k++)
    if ((evaluation->results >> k & 1u) != 0)
      begin += natoms * lml_linear_results_parts(k, lml_linear_evaluation_rank(evaluation));
  return begin;
}

double *lml_linear_evaluation_result(const lml_linear_evaluation *evaluation, size_t place) {
  return evaluation->totals + begin_of(evaluation, place);
}

size_t lml_linear_evaluation_ntotals(const lml_linear_evaluation *evaluation) {
  return begin_of(evaluation, LML_LINEAR_NRESULTS);
}

lml_status lml_linear_evaluation_make(lml_linear_evaluation *evaluation, const lml_potential *potential,
                                      lml_error *error) {
  memset(evaluation, 0, sizeof *evaluation);
  return lml_evaluator_create(potential, &evaluation->evaluator, error);
}

void lml_linear_evaluation_free(lml_linear_evaluation *evaluation) {
  lml_evaluator_destroy(evaluation->evaluator);
  lml_listed_atoms_free(&evaluation->atoms);
  lml_free(evaluation->forces);
  lml_free(evaluation->energies);
  lml_free(evaluation->totals);
  lml_free(evaluation->needed);
  memset(evaluation, 0, sizeof *evaluation);
}

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
    bool needed = sorted[s] != 0;
    for (int64_t i = n->first[s]; i < n->first[s + 1] && !needed; i++) needed = sorted[n->owner[n->list[i]]] != 0;
    if (needed) evaluation->needed[centres->count++] = (int32_t)s;
  }
  lml_free(wanted);
  return LML_OK;
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
  memset(evaluation->forces, 0, nforces * sizeof(double));
  memset(evaluation->energies, 0, natoms * sizeof(double));
  memset(evaluation->totals, 0, ntotals * sizeof(double));
  return LML_OK;
}

lml_status lml_linear_evaluation_begin(lml_linear_evaluation *evaluation, const lml_structure *structure,
                                       const lml_share *share, lml_error *error) {
  lml_listed_atoms *atoms = &evaluation->atoms;
  const lml_linear_model *model = lml_evaluator_model(evaluation->evaluator);
  evaluation->results = share->results | 1u << LML_LINEAR_ENERGIES;
  evaluation->coordination_radius = share->coordination_radius > 0.0 ? share->coordination_radius : model->cutoff;
  evaluation->uncertainty = lml_linear_results_needs(share->results) != 0 ? share->uncertainty : NULL;
  lml_status status = lml_listed_atoms_find(atoms, model, structure, share->part, share->parts, error);
  if (status == LML_OK) status = clear_results(evaluation, error);
  if (status != LML_OK) return status;
  const lml_neighbours *n = &atoms->neighbours;
  lml_centres centres = {.first = n->begin, .count = n->end - n->begin, .longest = lml_neighbours_longest(n)};
  if (share->atoms != NULL) status = find_needed(evaluation, share, &centres, error);
  if (status != LML_OK) return status;
  const lml_evaluator_sums sums = {.size = sizeof sums,
                                   .energies = evaluation->energies,
                                   .forces = evaluation->forces,
                                   .virial = lml_linear_evaluation_virial(evaluation)};
  status = lml_evaluator_begin_atoms(evaluation->evaluator, &atoms->view, &centres, &sums, error);
  if (status != LML_OK || evaluation->uncertainty == NULL) return status;
  return lml_linear_uncertainty_begin(evaluation->uncertainty, lml_linear_results_needs(evaluation->results),
                                      n->natoms + n->nghosts, atoms->elements, evaluation->evaluator, error);
}

bool lml_linear_evaluation_step(lml_linear_evaluation *evaluation, size_t nruns) {
  return lml_evaluator_step(evaluation->evaluator, nruns);
}

void lml_linear_evaluation_collect(lml_linear_evaluation *evaluation) {
  const lml_neighbours *n = &evaluation->atoms.neighbours;
  lml_evaluator_finish(evaluation->evaluator);
  const lml_linear_sources sources = {.neighbours = n,
                                      .energies = evaluation->energies,
                                      .coordination_radius = evaluation->coordination_radius,
                                      .cutoff = lml_evaluator_model(evaluation->evaluator)->cutoff,
                                      .uncertainty = evaluation->uncertainty};
  for (size_t k = 0; k < LML_LINEAR_NRESULTS; k++)
    if ((evaluation->results >> k & 1u) != 0)
      lml_linear_results[k].fill(&sources, lml_linear_evaluation_result(evaluation, k));
  for (size_t i = 0; i < n->natoms + n->nghosts; i++) {
    double *to = evaluation->totals + 3 * (size_t)n->order[n->owner[i]];
    for (size_t d = 0; d < 3; d++) to[d] += evaluation->forces[3 * i + d];
  }
}
