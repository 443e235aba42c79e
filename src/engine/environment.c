#include "engine/environment.h"

#include <stddef.h>
#include <string.h>

#include "base/memory.h"

extern char **environ;

bool lml_environment_is_launchers(const char *variable) {
  static const char *const beginnings[] = {"OMPI_COMM_WORLD_",
                                           "OMPI_UNIVERSE_SIZE",
                                           "OMPI_APP_CTX_",
                                           "OMPI_FIRST_RANKS",
                                           "OMPI_NUM_APP_CTX",
                                           "OMPI_FILE_LOCATION",
                                           "OMPI_ARGV",
                                           "OMPI_COMMAND",
                                           "OMPI_MCA_ess",
                                           "OMPI_MCA_orte_",
                                           "OMPI_MCA_pmix",
                                           "OMPI_MCA_initial_wdir",
                                           "OMPI_MCA_shmem_RUNTIME",
                                           "OMPI_MCA_mpi_oversubscribe",
                                           "OMPI_MCA_mpi_yield_when_idle",
                                           "PMIX_",
                                           "PMI_",
                                           "PRTE_LAUNCHED",
                                           "MPI_LOCALNRANKS",
                                           "MPI_LOCALRANKID",
                                           "HYDI_CONTROL_FD",
                                           "HYDRA_CONTROL_FD",
                                           "MV2_COMM_WORLD_",
                                           "SLURM_STEP_NUM_TASKS",
                                           "LMLINK_MPI="};
  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
    if (strncmp(variable, beginnings[i], strlen(beginnings[i])) == 0) return true;
  return false;
}

lml_status lml_environment_make(const char *added, const char ***environment, lml_error *error) {
  size_t count = 0, kept = 0;
  while (environ[count] != NULL) count++;
  const lml_status status = lml_alloc(environment, count + 2, sizeof **environment, "an environment", error);
  if (status != LML_OK) return status;
  (*environment)[kept++] = added;
  for (size_t i = 0; i < count; i++)
    if (!lml_environment_is_launchers(environ[i])) (*environment)[kept++] = environ[i];
  return LML_OK;
}

const char *lml_environment_find(const char *beginning) {
  for (char **at = environ; *at != NULL; at++)
    if (strncmp(*at, beginning, strlen(beginning)) == 0) return *at;
  return NULL;
}
