/** @file linear_calculator.h
 *  The linear calculator on all ranks of a launcher.
 *
 *  Every rank makes a calculator of the same potential. Rank 0 uses it like any other; the others call
 *  lml_linear_calculator_work, which serves rank 0's evaluations until its calculator is destroyed.
 */
#ifndef LML_POTENTIAL_LINEAR_CALCULATOR_H
#define LML_POTENTIAL_LINEAR_CALCULATOR_H

#include "base/comm.h"
#include "base/roster.h"
#include "lmlink/potential.h"

/** Like lml_linear_calculator_create, on all ranks of @p comm (collective), which must outlive the calculator. */
lml_status lml_linear_calculator_create_parallel(const lml_potential *potential, lml_comm *comm,
                                                 lml_calculator **calculator, lml_error *error);

/** Let the calculator share its threads from now on with the other programs that are at work while it is, by @p roster,
 * which must outlive it: an evaluation that begins while n of them are, this one included, has an nth of the threads,
 * at least one. */
void lml_linear_calculator_share_threads(lml_calculator *calculator, lml_roster *roster);

/** The coefficient file beside which the uncertainty lies that results of the last evaluation were from; NULL: none
 * were. Owned by the potential. */
const char *lml_linear_calculator_uncertain(lml_calculator *calculator);

/** On rank 0: what @p request names is needed of evaluations to come, if not of each: the uncertainty counts as if the
 *  last evaluation had results from it. */
lml_status lml_linear_calculator_keep(lml_calculator *calculator, const lml_request *request, lml_error *error);

/** On rank 0, between evaluations: let Θ be @p coefficients (nelements × ncoefficients, eV) from now on, on all ranks
 * or, where that fails, on none. Where results of the last evaluation were from the uncertainty, it is read again, and
 * one that is not that of
 * @p coefficients is such a failure. The other ranks take part in lml_linear_calculator_work. */
lml_status lml_linear_calculator_update(lml_calculator *calculator, const double *coefficients, lml_error *error);

/** For ranks other than 0: take part in rank 0's evaluations until it destroys its calculator. An evaluation that
 *  fails is rank 0's to report and does not end the work; a failed communication does. */
lml_status lml_linear_calculator_work(lml_calculator *calculator, lml_error *error);

/** Evaluate @p structure as lml_calculator_evaluate does, but so that nothing depends on earlier evaluations, whose
 *  neighbour lists otherwise may serve again, in another order and so with other rounding. Where @p atoms is not NULL,
 *  the forces on these @p natoms atoms alone are evaluated: the rest of the results is not to be used. Not with several
 *  ranks, and not while another evaluation is under way. */
lml_status lml_linear_calculator_evaluate_atoms(lml_calculator *calculator, const lml_structure *structure,
                                                const size_t *atoms, size_t natoms, const lml_request *request,
                                                lml_results *results, lml_error *error);

#endif
