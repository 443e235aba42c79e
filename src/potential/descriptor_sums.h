/** @file descriptor_sums.h
 *  The sum of D over atoms: with it the energy of a structure is known for any Θ.
 *
 *  D of a quadratic potential are the products V_i V_j, i ≤ j, of V = (1, B), but that squares of B are halved. They
 * are summed over several runs at a time, with the sums in registers.
 */
#ifndef LML_POTENTIAL_DESCRIPTOR_SUMS_H
#define LML_POTENTIAL_DESCRIPTOR_SUMS_H

#include "potential/atoms.h"
#include "potential/linear_model.h"

/** Runs that are kept until their products are summed. */
enum { LML_DESCRIPTOR_SUMS_RUNS = 16 };

/** Initialise with `lml_descriptor_sums s = {0};`, release with lml_descriptor_sums_free. */
typedef struct lml_descriptor_sums {
  const lml_linear_model *model;
  double *sums;   /**< nelements × ncoefficients, in the order of Θ; of quadratic potentials squares are whole */
  double *values; /**< LML_DESCRIPTOR_SUMS_RUNS × (1 + ncomponents) vectors: V of the runs that are kept */
  double *masks;  /**< nelements × LML_DESCRIPTOR_SUMS_RUNS vectors: 1 in the lanes of atoms of the element */
  size_t nruns;
} lml_descriptor_sums;

/** Begin with nothing, for @p model, which must outlive the sums. */
lml_status lml_descriptor_sums_begin(lml_descriptor_sums *sums, const lml_linear_model *model, lml_error *error);

/** Add the atoms of a run with components @p values (ncomponents × width). */
void lml_descriptor_sums_add(lml_descriptor_sums *sums, const lml_run_of_atoms *run, const double *values,
                             size_t width);

/** Add the sums to @p totals (nelements × ncoefficients, in the order of Θ), and begin with nothing. */
void lml_descriptor_sums_move(lml_descriptor_sums *sums, double *totals);

void lml_descriptor_sums_free(lml_descriptor_sums *sums);

#endif
