/** @file running_work.h
 *  The work of the forces on each replica along its way, with which a mixture of forces has an energy (theory.md,
 *  "Virtual work"): E₀ = 0, Eₙ₊₁ = Eₙ − ½ Σᵢ (Fₙ,ᵢ + Fₙ₊₁,ᵢ)·(Xₙ₊₁,ᵢ − Xₙ,ᵢ), the displacements by the nearest periodic
 *  image, as drivers wrap atoms.
 */
#ifndef LML_SESSION_RUNNING_WORK_H
#define LML_SESSION_RUNNING_WORK_H

#include <stddef.h>

#include "lmlink/structure.h"

/** Initialise with `lml_running_work w = {0};`, release with lml_running_work_free. */
typedef struct lml_running_work {
  struct lml_running_work_stop *stops; /**< where each replica was last */
  size_t nstops, capacity;
} lml_running_work;

/** Replica @p replica, of those numbered from 0, has come to @p structure, where the forces are @p forces (natoms × 3,
 *  eV/Å). *@p energy becomes its energy there, eV: 0 where it was not seen before. */
lml_status lml_running_work_add(lml_running_work *work, size_t replica, const lml_structure *structure,
                                const double *forces, double *energy, lml_error *error);

/** Forget all replicas: each begins again at 0. */
void lml_running_work_forget(lml_running_work *work);

void lml_running_work_free(lml_running_work *work);

#endif
