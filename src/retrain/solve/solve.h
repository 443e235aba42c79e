/** @file solve.h
 *  The change δ: from the sums, or, where they are too ill-conditioned, from the rows by QR.
 */
#ifndef LML_RETRAIN_SOLVE_SOLVE_H
#define LML_RETRAIN_SOLVE_SOLVE_H

#include "retrain/run.h"

/** Find the rank of the targets' sums, unless it is known; @p context is the run. A job for workers, not
 *  collective: it takes long, and nothing that comes after the solution depends on it. */
lml_status lml_run_find_rank(void *context, lml_pool_place place, size_t position, lml_error *error);

/** Find δ from the sums, or where they won't do, from the rows. */
lml_status lml_run_solve(lml_run *run, lml_error *error);

#endif
