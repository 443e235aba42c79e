/** @file memory_check.h
 *  Saying beforehand that the memory will not do.
 */
#ifndef LML_RETRAIN_MEMORY_CHECK_H
#define LML_RETRAIN_MEMORY_CHECK_H

#include "retrain/options.h"
#include "retrain/rows/design.h"

/** Take so many threads from @p nthreads that the matrices of N_D² numbers and, for each thread, one more and the
 * largest frame's descriptors fit: those of all ranks of @p comm on this machine into what it has available, and those
 * of one rank into what the process may have (RLIMIT_AS). LML_ERR_MEMORY, with figures, where they don't with one
 * thread. */
lml_status lml_memory_check(const lml_design *design, const lml_retrain_options *options, const lml_comm *comm,
                            size_t *nthreads, lml_error *error);

#endif
