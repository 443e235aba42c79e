/** @file cores.h
 *  How many threads keep the cores busy that this process may use.
 *
 *  One rule: the processors of its affinity mask (taskset, srun --cpus-per-task, mpirun --bind-to), but no more than
 * the quota of its control groups (version 2 or 1; whole processors, rounded down), and no more than OMP_NUM_THREADS,
 * of whose list the first number counts. MPI ranks of one machine that may use the same processors share them evenly,
 * and the quota; OMP_NUM_THREADS is each rank's. At least one in any case.
 */
#ifndef LML_BASE_CORES_H
#define LML_BASE_CORES_H

#include <stddef.h>

#include "base/comm.h"

typedef struct lml_cores {
  size_t count;                       /**< at least 1 */
  const char *by;                     /**< in words, what says so */
  char doubt[LML_ERROR_MESSAGE_SIZE]; /**< what could not be found out, as a sentence for the user; empty: nothing */
} lml_cores;

/** Find @p cores; all ranks of @p comm call it. It fails where memory is out or MPI fails. */
lml_status lml_cores_find(lml_comm *comm, lml_cores *cores, lml_error *error);

#endif
