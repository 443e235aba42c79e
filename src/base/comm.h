/** @file comm.h
 *  What lmlink needs of MPI, behind one small table; without MPI or without a launcher there is one rank.
 */
#ifndef LML_BASE_COMM_H
#define LML_BASE_COMM_H

#include <stddef.h>

#include "lmlink/error.h"

typedef struct lml_comm lml_comm;

/** The communicator of one rank. Static, never freed. */
lml_comm *lml_comm_serial(void);

/** All ranks of the launcher that started this process (mpirun, srun); the serial one where there is no launcher or
 *  the build has no MPI. MPI is initialised here. End with lml_comm_finalise, once, on every rank. */
lml_status lml_comm_world(lml_comm **comm, lml_error *error);
void lml_comm_finalise(lml_comm *comm);

int lml_comm_rank(const lml_comm *comm);
int lml_comm_size(const lml_comm *comm);

/** Send @p bytes bytes of rank 0 to all. Ranks that wait for it sleep rather than spin. */
lml_status lml_comm_broadcast(lml_comm *comm, void *data, size_t bytes, lml_error *error);

/** Add up @p count doubles of all ranks into rank 0's @p data; the others' data is left as it was. */
lml_status lml_comm_sum(lml_comm *comm, double *data, size_t count, lml_error *error);

/** All ranks agree on an outcome: LML_OK where every rank brings LML_OK, else on every rank the status and message of
 *  the lowest rank that failed, "rank N: " in front where N is not 0. */
lml_status lml_comm_agree(lml_comm *comm, lml_status status, lml_error *error);

#endif
