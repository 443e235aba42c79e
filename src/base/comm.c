#include "base/comm.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm_table.h"
#include "base/fail.h"

/* What one MPI call carries at most; far below INT_MAX, and large enough that the number of calls costs nothing. */
enum { CHUNK_BYTES = 1 << 28, CHUNK_DOUBLES = CHUNK_BYTES / 8 };

static lml_comm serial = {.rank = 0, .size = 1, .neighbours = 1, .ops = NULL};

lml_comm *lml_comm_serial(void) { return &serial; }

/** True where an environment variable says that a launcher started this process. */
static bool started_by_launcher(void) {
  if (getenv("PMI_RANK") != NULL && getenv("PMI_SIZE") != NULL) return true;
  static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS",
                                          "MV2_COMM_WORLD_SIZE"};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
    if (getenv(variables[i]) != NULL) return true;
  return false;
}

/** The variable, and its value, by which a launcher says that it started several processes; NULL where none does. */
static const char *size_variable(const char **value) {
  static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE"};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    *value = getenv(sizes[i]);
    if (*value != NULL && strtol(*value, NULL, 10) > 1) return sizes[i];
  }
  return NULL;
}

/** Where no launcher's variable is there: srun has started several processes all the same if it was not told of MPI. */
static lml_status check_that_alone(lml_error *error) {
  const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
  if (tasks == NULL || strtol(tasks, NULL, 10) <= 1) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE,
                  "SLURM_STEP_NUM_TASKS=%s: srun started several processes that do not know of one another; use srun "
                  "--mpi=pmix (srun --mpi=list says what there is), or set LMLINK_MPI=off if each works by itself",
                  tasks);
}

lml_status lml_comm_check_single(lml_error *error) {
  static const char tasks[] = "SLURM_STEP_NUM_TASKS";
  const char *value, *variable = size_variable(&value), *setting = getenv("LMLINK_MPI"), *of_step = getenv(tasks);
  if (setting != NULL && strcmp(setting, "off") == 0) return LML_OK;
  if (variable == NULL && of_step != NULL && strtol(of_step, NULL, 10) > 1) {
    variable = tasks;
    value = of_step;
  }
  if (variable == NULL) return LML_OK;
  return lml_fail(
      error, LML_ERR_USAGE,
      "%s=%s: a launcher started several processes, but this program is a single one, and each would do all "
      "the work; start it once, or set LMLINK_MPI=off if each works by itself",
      variable, value);
}

#ifdef LMLINK_MPI

/** A launcher that belongs to another MPI starts processes each of which this one takes to be alone. */
static lml_status check_launcher(const lml_comm *world, lml_error *error) {
  const char *value, *variable = size_variable(&value);
  if (world->size > 1 || variable == NULL) return LML_OK;
  return lml_fail(error, LML_ERR_USAGE,
                  "%s=%s: a launcher started several processes, and for this lmlink's MPI each is alone, so that the "
                  "launcher must be another MPI's: use the mpirun of the MPI that lmlink was built with (by its full "
                  "path), or set LMLINK_MPI=off if each works by itself",
                  variable, value);
}

static lml_status start(lml_comm **comm, lml_error *error) {
  static lml_comm world;
  if (world.ops == NULL) {
    lml_status status = lml_comm_start_mpi(&world, error);
    if (status != LML_OK) return status;
    status = check_launcher(&world, error);
    if (status != LML_OK) {
      lml_comm_finalise(&world);
      return status;
    }
  }
  *comm = &world;
  return LML_OK;
}

#else

static lml_status start(lml_comm **comm, lml_error *error) {
  const char *value, *variable = size_variable(&value);
  if (variable != NULL)
    return lml_fail(error, LML_ERR_USAGE,
                    "%s=%s: a launcher started several ranks, but this lmlink was built without MPI; start one "
                    "process, or build with LMLINK_MPI=ON",
                    variable, value);
  if (getenv("LMLINK_MPI") != NULL)
    return lml_fail(error, LML_ERR_USAGE, "LMLINK_MPI=on: this lmlink was built without MPI; build with LMLINK_MPI=ON");
  *comm = &serial;
  return LML_OK;
}

#endif

lml_status lml_comm_world(lml_comm **comm, lml_error *error) {
  *comm = &serial;
  const char *setting = getenv("LMLINK_MPI");
  if (setting == NULL) return started_by_launcher() ? start(comm, error) : check_that_alone(error);
  if (strcmp(setting, "off") == 0) return LML_OK;
  if (strcmp(setting, "on") == 0) return start(comm, error);
  return lml_fail(error, LML_ERR_USAGE, "environment variable LMLINK_MPI=%s: it may be on or off", setting);
}

void lml_comm_finalise(lml_comm *comm) {
  if (comm == NULL || comm->ops == NULL) return;
  comm->ops->finalise();
  comm->ops = NULL;
  comm->rank = 0;
  comm->size = comm->neighbours = 1;
}

int lml_comm_rank(const lml_comm *comm) { return comm->rank; }

int lml_comm_size(const lml_comm *comm) { return comm->size; }

int lml_comm_neighbours(const lml_comm *comm) { return comm->neighbours; }

lml_status lml_comm_broadcast(lml_comm *comm, void *data, size_t bytes, lml_error *error) {
  if (comm->ops == NULL) return LML_OK;
  char *position = data;
  lml_status status = LML_OK;
  while (status == LML_OK && bytes > 0) {
    const size_t chunk = bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES;
    status = comm->ops->broadcast(position, (int)chunk, 0, error);
    position += chunk;
    bytes -= chunk;
  }
  return status;
}

lml_status lml_comm_sum(lml_comm *comm, double *data, size_t count, lml_error *error) {
  if (comm->ops == NULL) return LML_OK;
  lml_status status = LML_OK;
  while (status == LML_OK && count > 0) {
    const size_t chunk = count < CHUNK_DOUBLES ? count : CHUNK_DOUBLES;
    status = comm->ops->sum(data, (int)chunk, error);
    data += chunk;
    count -= chunk;
  }
  return status;
}

lml_status lml_comm_sum_machine(lml_comm *comm, int *values, int count, lml_error *error) {
  return comm->ops == NULL ? LML_OK : comm->ops->sum_machine(values, count, error);
}

lml_status lml_comm_agree(lml_comm *comm, lml_status status, lml_error *error) {
  if (comm->ops == NULL) return status;
  int failed = status == LML_OK ? comm->size : comm->rank;
  lml_status outcome = comm->ops->minimum(&failed, error);
  if (outcome != LML_OK || failed == comm->size) return outcome;

  lml_error first = {.status = status};
  if (failed == comm->rank && error != NULL) first = *error;
  first.status = failed == comm->rank ? status : LML_OK;
  outcome = comm->ops->broadcast(&first, (int)sizeof first, failed, error);
  if (outcome != LML_OK) return outcome;
  if (failed == 0) return lml_fail(error, first.status, "%s", first.message);
  return lml_fail(error, first.status, "rank %d: %s", failed, first.message);
}
