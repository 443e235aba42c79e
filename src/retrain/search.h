/** @file search.h
 *  Trying pairs of λ_S and λ₀ with the same sums, and choosing the best: those of a grid, and where a search is wanted
 *  others from the best of these on.
 */
#ifndef LML_RETRAIN_SEARCH_H
#define LML_RETRAIN_SEARCH_H

#include "retrain/retrain.h"

/** Pairs that are tried, at most. */
size_t lml_search_most(const lml_retrain_options *options);

/** Solve for one pair after the other (rank 0 alone): fills trials, ngrid, chosen, solution and delta of @p retrain. @p
 * tell (may be NULL) is called behind each pair. The scale of the last solution stays in @p solver. */
lml_status lml_search_run(lml_retrain *retrain, lml_solver *solver, void (*tell)(void *context), void *context,
                          lml_error *error);

#endif
