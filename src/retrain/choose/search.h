/** @file search.h
 *  Trying pairs of λ_S and λ₀ with the same sums, and choosing the best: those of a grid, and where a search is wanted
 *  others from the best of these on.
 */
#ifndef LML_RETRAIN_CHOOSE_SEARCH_H
#define LML_RETRAIN_CHOOSE_SEARCH_H

#include "retrain/state.h"

/** Pairs that are tried, at most. */
size_t lml_search_most(const lml_retrain_options *options);

/** Solve for one pair after the other (rank 0 alone), with up to @p nthreads threads: fills trials, ngrid, chosen,
 *  at_end, solution and delta of @p retrain. @p progress (may be NULL) is called after each pair. @p scale (width)
 * gets that of the chosen solution, see cholesky.h. */
lml_status lml_search_run(lml_retrain *retrain, size_t nthreads, double *scale, void (*progress)(void *context),
                          void *context, lml_error *error);

/** Solve again with the λs that were chosen, as after more hard constraints: @p scale as above. */
lml_status lml_search_renew(lml_retrain *retrain, size_t nthreads, double *scale, lml_error *error);

#endif
