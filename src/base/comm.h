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

/** All ranks of the launcher that started this process (mpirun, srun), the serial one where there is no launcher.
 *
 *  MPI is initialised here, and only under a launcher, which is known by one of these environment variables:
 *  OMPI_COMM_WORLD_SIZE (Open MPI), PMIX_RANK (Open MPI 5, Slurm's pmix), PMI_RANK and PMI_SIZE (MPICH, Intel MPI,
 *  Slurm's pmi2), MPI_LOCALNRANKS (MPICH), MV2_COMM_WORLD_SIZE (MVAPICH). SLURM_PROCID counts for nothing by itself: it
 *  is also there in a batch script that no srun started. A process that inherits the variables of a launcher without
 *  being one of its ranks (a program started by a rank) must be told so with LMLINK_MPI=off in its environment;
 *  LMLINK_MPI=on initialises MPI in any case, any other value is an LML_ERR_USAGE. In a build without MPI, "on" and
 *  more than one rank are an LML_ERR_USAGE: each rank would believe to be the only one. So are several tasks of srun
 *  (SLURM_STEP_NUM_TASKS) without any of these variables, and a launcher of another MPI, under which each process is
 *  alone, unless LMLINK_MPI=off.
 *
 *  End with lml_comm_finalise, on every rank, unless a rank failed without the others knowing: it leaves
 *  without, and the launcher ends the others. */
lml_status lml_comm_world(lml_comm **comm, lml_error *error);

/** For a program that is one process: LML_ERR_USAGE where a launcher started several, each of which would do all the
 *  work, by the same variables (its number of processes, or SLURM_STEP_NUM_TASKS), unless LMLINK_MPI=off. */
lml_status lml_comm_check_single(lml_error *error);

/** End MPI where lml_comm_world began it; waits for all ranks. NULL and the serial one are fine. */
void lml_comm_finalise(lml_comm *comm);

int lml_comm_rank(const lml_comm *comm);
int lml_comm_size(const lml_comm *comm);

/** Ranks that share this rank's memory, itself included. */
int lml_comm_neighbours(const lml_comm *comm);

/** Send @p bytes bytes of rank 0 to all. As in all functions below, every rank calls it with the same count, and a rank
 *  that waits for the others sleeps, for at most a millisecond at a time, rather than spins. */
lml_status lml_comm_broadcast(lml_comm *comm, void *data, size_t bytes, lml_error *error);

/** Add up @p count doubles of all ranks into rank 0's @p data; the others' data is left as it was. */
lml_status lml_comm_sum(lml_comm *comm, double *data, size_t count, lml_error *error);

/** Add up @p count numbers of the ranks that share this rank's memory; all of them get the sums. */
lml_status lml_comm_sum_machine(lml_comm *comm, int *values, int count, lml_error *error);

/** All ranks agree on an outcome: LML_OK where every rank brings LML_OK, else on every rank the status and message of
 *  the lowest rank that failed, "rank N: " in front where N is not 0. */
lml_status lml_comm_agree(lml_comm *comm, lml_status status, lml_error *error);

#endif
