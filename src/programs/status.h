/** @file status.h
 *  What a running server does and has done: lines for its log, and a file for whoever asked (`lmlink status`).
 *
 *  The file is /tmp/lmlink-UID/PID.json, UID and PID being numbers of user and process. It is written where that folder
 *  is there, is the user's, and nobody else may enter it: who asks makes it. SIGUSR1 alone, as a batch system sends it,
 *  leaves no file.
 */
#ifndef LML_PROGRAMS_STATUS_H
#define LML_PROGRAMS_STATUS_H

#include "base/log.h"
#include "programs/build.h"
#include "session/meter.h"

typedef struct lml_status_source {
  const lml_meter *meter;
  const lml_build *build;
  const char *address; /**< the driver's */
} lml_status_source;

/** Write the file where it is asked for, and tell all of it in lines. What fails costs a warning. */
void lml_status_tell(const lml_status_source *source, const lml_log *log);

/** Where the time went, in lines of level info. */
void lml_status_summarise(const lml_status_source *source, const lml_log *log);

#endif
