/** @file comm_table.h
 *  The table behind lml_comm, which the MPI side fills.
 */
#ifndef LML_BASE_COMM_TABLE_H
#define LML_BASE_COMM_TABLE_H

#include "base/comm.h"

/** One chunk at a time: counts fit MPI's int. */
typedef struct lml_comm_ops {
  lml_status (*broadcast)(void *data, int bytes, int root, lml_error *error);
  lml_status (*sum)(double *data, int count, lml_error *error);        /**< into rank 0's */
  lml_status (*minimum)(int *value, lml_error *error);                 /**< on all ranks */
  lml_status (*sum_machine)(int *values, int count, lml_error *error); /**< of the machine's ranks, on all of them */
  void (*finalise)(void);
} lml_comm_ops;

struct lml_comm {
  int rank;
  int size;
  int neighbours;          /**< ranks on this machine */
  const lml_comm_ops *ops; /**< NULL for the serial one */
};

/** Initialise MPI and describe all its ranks in @p comm. */
lml_status lml_comm_start_mpi(lml_comm *comm, lml_error *error);

#endif
