/** @file environment.h
 *  The environment of a process that lmlink starts.
 */
#ifndef LML_ENGINE_ENVIRONMENT_H
#define LML_ENGINE_ENVIRONMENT_H

#include <stdbool.h>

#include "lmlink/error.h"

/** Whether @p variable ("NAME=value") tells a process that an MPI launcher started it as one of its ranks. What a user
 *  sets to steer MPI (OMPI_MCA_btl, OMPI_ALLOW_RUN_AS_ROOT, I_MPI_FABRICS) is not of that kind. LMLINK_MPI is, which
 *  says the same about an lmlink-serve, and would be wrong for one that is an engine. */
bool lml_environment_is_launchers(const char *variable);

/** This process's environment without the launcher's variables, and with @p added. A list that ends with NULL, to be
 *  freed with lml_free; its strings are not copied. */
lml_status lml_environment_make(const char *added, const char ***environment, lml_error *error);

/** The string of this process's environment that begins with @p beginning ("NAME="); NULL: there is none. */
const char *lml_environment_find(const char *beginning);

#endif
