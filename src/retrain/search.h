/** @file search.h
 *  Trying all pairs of λ_S and λ₀ with the same sums, and choosing the best.
 */
#ifndef LML_RETRAIN_SEARCH_H
#define LML_RETRAIN_SEARCH_H

#include "retrain/retrain.h"

/** Solve for every pair (rank 0 alone): fills trials, chosen, solution and delta of @p retrain. @p tell (may be NULL)
 *  is called behind each pair. The scale of the last solution stays in @p solver. */
lml_status lml_search_run(lml_retrain *retrain, lml_solver *solver, void (*tell)(void *context), void *context,
                          lml_error *error);

#endif
