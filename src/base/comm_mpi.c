#include <mpi.h>
#include <stdbool.h>

#include "base/comm_table.h"
#include "base/fail.h"
#include "base/sys.h"

/* A rank first looks this often without sleeping, so that a collective that all ranks enter at about the same time
 * costs microseconds; then it sleeps ever longer, so that ranks without work leave their core to others. */
enum { LOOKS_WITHOUT_SLEEP = 2000 };
static const double first_sleep = 20e-6, longest_sleep = 1e-3; /* seconds */

/** All ranks, apart from whatever else uses MPI in the process. One per process, as MPI itself. */
static MPI_Comm ranks = MPI_COMM_NULL;

/** Those of this machine. */
static MPI_Comm machine = MPI_COMM_NULL;

static lml_status check(int code, const char *what, lml_error *error) {
  if (code == MPI_SUCCESS) return LML_OK;
  char reason[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, reason, &length);
  return lml_fail(error, LML_ERR_IO, "MPI %s failed: %s", what, reason);
}

/** Complete @p request, sleeping while there is nothing to do. */
static lml_status complete(int code, MPI_Request *request, const char *what, lml_error *error) {
  lml_status status = check(code, what, error);
  if (status != LML_OK) return status;
  double sleep = first_sleep;
  for (int looks = 0;; looks++) {
    int done = 0;
    status = check(MPI_Test(request, &done, MPI_STATUS_IGNORE), what, error);
    if (status != LML_OK || done) return status;
    if (looks < LOOKS_WITHOUT_SLEEP) continue;
    lml_sys->sleep(sleep);
    sleep = sleep * 2.0 < longest_sleep ? sleep * 2.0 : longest_sleep;
  }
}

/** Wait, asleep, until all ranks are here. What is moved afterwards comes in many pieces, each of which would wait for
 *  the other side to wake; with everybody awake it takes as long as copying. */
static lml_status meet(lml_error *error) {
  MPI_Request request;
  const int code = MPI_Ibarrier(ranks, &request);
  return complete(code, &request, "barrier", error);
}

static lml_status broadcast(void *data, int bytes, int root, lml_error *error) {
  const lml_status status = meet(error);
  return status == LML_OK ? check(MPI_Bcast(data, bytes, MPI_BYTE, root, ranks), "broadcast", error) : status;
}

static lml_status sum(double *data, int count, lml_error *error) {
  int rank;
  MPI_Comm_rank(ranks, &rank);
  const lml_status status = meet(error);
  if (status != LML_OK) return status;
  const void *from = rank == 0 ? MPI_IN_PLACE : data;
  return check(MPI_Reduce(from, rank == 0 ? data : NULL, count, MPI_DOUBLE, MPI_SUM, 0, ranks), "reduction", error);
}

static lml_status minimum(int *value, lml_error *error) {
  const int mine = *value;
  MPI_Request request;
  const int code = MPI_Iallreduce(&mine, value, 1, MPI_INT, MPI_MIN, ranks, &request);
  return complete(code, &request, "reduction", error);
}

static lml_status sum_machine(int *values, int count, lml_error *error) {
  MPI_Request request;
  const int code = MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_INT, MPI_SUM, machine, &request);
  return complete(code, &request, "reduction", error);
}

/** MPI_Finalize waits without sleeping: a rank that has nothing to do, as beside an engine, would take a core. */
static void finalise(void) {
  int nothing = 0;
  (void)minimum(&nothing, NULL);
  MPI_Comm_free(&machine);
  MPI_Comm_free(&ranks);
  MPI_Finalize();
}

static lml_status find_neighbours(int *count, lml_error *error) {
  const lml_status status =
      check(MPI_Comm_split_type(ranks, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine), "initialisation", error);
  if (status == LML_OK) MPI_Comm_size(machine, count);
  return status;
}

lml_status lml_comm_start_mpi(lml_comm *comm, lml_error *error) {
  static const lml_comm_ops ops = {broadcast, sum, minimum, sum_machine, finalise};
  int provided;
  lml_status status = check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "initialisation", error);
  if (status == LML_OK) status = check(MPI_Comm_dup(MPI_COMM_WORLD, &ranks), "initialisation", error);
  if (status == LML_OK) status = check(MPI_Comm_set_errhandler(ranks, MPI_ERRORS_RETURN), "initialisation", error);
  if (status == LML_OK) status = find_neighbours(&comm->neighbours, error);
  if (status != LML_OK) return status;
  MPI_Comm_rank(ranks, &comm->rank);
  MPI_Comm_size(ranks, &comm->size);
  comm->ops = &ops;
  return LML_OK;
}
