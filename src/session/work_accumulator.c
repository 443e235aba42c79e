#include "session/work_accumulator.h"

#include <string.h>

#include "base/memory.h"
#include "structure/lattice.h"

struct lml_work_accumulator_stop {
  size_t natoms;     /**< 0: the replica was not seen yet */
  double *positions; /**< natoms × 3, Å, followed by as many forces, eV/Å */
  double energy;     /**< eV */
};

/** Σ (F + F')·(X' − X), eV. */
static lml_status sum_work(const struct lml_work_accumulator_stop *stop, const lml_structure *structure,
                           const double *forces, double *sum, lml_error *error) {
  lml_lattice lattice;
  const lml_status status = lml_lattice_make(&lattice, structure, error);
  const double *before = stop->positions + 3 * stop->natoms;
  *sum = 0.0;
  for (size_t i = 0; i < stop->natoms && status == LML_OK; i++) {
    double moved[3];
    lml_lattice_difference(&lattice, stop->positions + 3 * i, structure->positions + 3 * i, moved);
    for (size_t x = 0; x < 3; x++) *sum += (before[3 * i + x] + forces[3 * i + x]) * moved[x];
  }
  return status;
}

static lml_status find_stop(lml_work_accumulator *work, size_t replica, struct lml_work_accumulator_stop **stop,
                            lml_error *error) {
  const lml_status status =
      lml_grow(&work->stops, &work->capacity, replica + 1, sizeof *work->stops, "the work of the forces", error);
  if (status != LML_OK) return status;
  while (work->nstops <= replica) work->stops[work->nstops++] = (struct lml_work_accumulator_stop){0};
  *stop = &work->stops[replica];
  return LML_OK;
}

lml_status lml_work_accumulator_add(lml_work_accumulator *work, size_t replica, const lml_structure *structure,
                                    const double *forces, double *energy, lml_error *error) {
  const size_t count = 3 * structure->natoms;
  struct lml_work_accumulator_stop *stop;
  double sum = 0.0;
  lml_status status = find_stop(work, replica, &stop, error);
  if (status == LML_OK && stop->natoms == structure->natoms) {
    status = sum_work(stop, structure, forces, &sum, error);
  } else if (status == LML_OK) {
    lml_free(stop->positions);
    *stop = (struct lml_work_accumulator_stop){0};
    status = lml_alloc(&stop->positions, 2 * count, sizeof *stop->positions, "the work of the forces", error);
  }
  if (status != LML_OK) return status;
  stop->natoms = structure->natoms;
  stop->energy -= 0.5 * sum;
  memcpy(stop->positions, structure->positions, count * sizeof *stop->positions);
  memcpy(stop->positions + count, forces, count * sizeof *stop->positions);
  *energy = stop->energy;
  return LML_OK;
}

void lml_work_accumulator_forget(lml_work_accumulator *work) {
  for (size_t i = 0; i < work->nstops; i++) lml_free(work->stops[i].positions);
  work->nstops = 0;
}

void lml_work_accumulator_free(lml_work_accumulator *work) {
  lml_work_accumulator_forget(work);
  lml_free(work->stops);
  *work = (lml_work_accumulator){0};
}
