/** @file linear_beside.h
 *  What an evaluation finds beside energies and forces, from the same densities: distances of atoms, sums of
 * descriptors, and energies and forces of the columns of an uncertainty's factor. Units of centres are evaluated by
 * several threads, and moved in their order.
 */
#ifndef LML_POTENTIAL_LINEAR_BESIDE_H
#define LML_POTENTIAL_LINEAR_BESIDE_H

#include "potential/descriptor_sums.h"
#include "potential/evaluator_atoms.h"
#include "potential/linear_uncertainty.h"
#include "potential/unit_sums.h"

/** The part of the unit in one of the pool's slots. */
typedef struct lml_beside_unit {
  const struct lml_linear_beside *whole;
  lml_descriptor_sums sums;
} lml_beside_unit;

/** Initialise with `lml_linear_beside b = {0};`, reuse, release with lml_linear_beside_free. */
typedef struct lml_linear_beside {
  const lml_linear_uncertainty *uncertainty; /**< NULL where nothing is from it */
  const lml_linear_model *model;             /**< the potential's */
  unsigned needs;                            /**< bits of linear_uncertainty.h */
  size_t rank;                               /**< columns of L that are evaluated or multiplied with; else 0 */
  size_t nall;                               /**< atoms and images */
  size_t nsums;                              /**< N_D where descriptors are summed; else 0 */
  double *energies;       /**< atoms × rank, eV, sorted: deviations of centres; where LML_NEEDS_ENERGIES */
  double *forces;         /**< nall × rank × 3, eV/Å, sorted: deviations; where LML_NEEDS_FORCES */
  double *squares;        /**< atoms, sorted: of the distance of each centre; NaN: undefined */
  double *square_sums;    /**< atoms, sorted; zero: room for sums of the squares of neighbours */
  double *sums;           /**< nsums, in the order of Θ: ΣD over the centres */
  lml_beside_unit *units; /**< nunits */
  size_t nunits;
  size_t energies_capacity, forces_capacity, squares_capacity, square_sums_capacity, sums_capacity;
} lml_linear_beside;

/** Columns whose forces are evaluated: 0 where none are. */
size_t lml_linear_beside_nforces(const lml_linear_beside *beside);

/** Begin with an evaluation that needs @p needs, of @p natoms atoms and @p nall with their images, by @p model and,
 * where something is from it, @p uncertainty; @p nunits units at a time. */
lml_status lml_linear_beside_begin(lml_linear_beside *beside, const lml_linear_model *model,
                                   const lml_linear_uncertainty *uncertainty, unsigned needs, size_t natoms,
                                   size_t nall, size_t nunits, lml_error *error);

/** What an evaluator is to do for a unit in slot @p slot, whose forces beside are added to @p forces. */
lml_evaluator_beside lml_linear_beside_unit(lml_linear_beside *beside, size_t slot, double *forces);

/** Take what the unit in slot @p slot has summed, but its forces. */
void lml_linear_beside_move(lml_linear_beside *beside, size_t slot);

void lml_linear_beside_free(lml_linear_beside *beside);

#endif
