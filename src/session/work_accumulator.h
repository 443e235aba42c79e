/** @file work_accumulator.h
 *  The work of the forces on each replica along its way, with which a mixture of forces has an energy (theory.md,
 *  "Virtual work"): E₀ = 0, Eₙ₊₁ = Eₙ − ½ Σᵢ (Fₙ,ᵢ + Fₙ₊₁,ᵢ)·(Xₙ₊₁,ᵢ − Xₙ,ᵢ), the displacements by the nearest periodic
 *  image, as drivers wrap atoms.
 */
#ifndef LML_SESSION_WORK_ACCUMULATOR_H
#define LML_SESSION_WORK_ACCUMULATOR_H

#include <stddef.h>

#include "lmlink/structure.h"

/** Initialise with `lml_work_accumulator w = {0};`, release with lml_work_accumulator_free. */
typedef struct lml_work_accumulator {
  struct lml_work_accumulator_stop *stops; /**< where each replica was last */
  size_t nstops, capacity;
} lml_work_accumulator;

/** Replica @p replica, of those numbered from 0, has come to @p structure, where the forces are @p forces (natoms × 3,
 *  eV/Å). *@p energy becomes its energy there, eV: 0 where it was not seen before. */
lml_status lml_work_accumulator_add(lml_work_accumulator *work, size_t replica, const lml_structure *structure,
                                    const double *forces, double *energy, lml_error *error);

/** Forget all replicas: each begins again at 0. */
void lml_work_accumulator_forget(lml_work_accumulator *work);

void lml_work_accumulator_free(lml_work_accumulator *work);

#endif
