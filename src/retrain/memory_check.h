/** @file memory_check.h
 *  Saying beforehand that the memory will not do.
 */
#ifndef LML_RETRAIN_MEMORY_CHECK_H
#define LML_RETRAIN_MEMORY_CHECK_H

#include "retrain/design.h"
#include "retrain/retrain.h"

/** LML_ERR_MEMORY, with figures, where the matrices of N_D² numbers and the largest frame's descriptors, of all ranks
 * of
 *  @p comm on this machine, exceed what it has available, or those of one rank what the process may have (RLIMIT_AS).
 */
lml_status lml_memory_check(const lml_design *design, const lml_retrain_options *options, const lml_comm *comm,
                            lml_error *error);

#endif
