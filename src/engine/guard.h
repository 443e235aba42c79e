/** @file guard.h
 *  What keeps two engines from computing in one place, whatever becomes of lmlink: a mark that all processes of an
 * engine carry, a file in its folder that says the mark and is locked while lmlink lives, and a process that ends what
 *  carries the mark when lmlink has ended without doing that, as after `kill -9`.
 */
#ifndef LML_ENGINE_GUARD_H
#define LML_ENGINE_GUARD_H

#include <stddef.h>

#include "lmlink/error.h"

typedef struct lml_guard_settings {
  const char *folder; /**< the engine's; made where it is missing */
  const char *name;   /**< of the engine among those that share the folder */
  const char *output; /**< as in lml_process_settings */
  double patience;    /**< s that what an earlier run left has to end after SIGTERM */
} lml_guard_settings;

typedef struct lml_guard lml_guard;

/** Take the file FOLDER/NAME-engine.lock, end what an earlier run with that file left (*@p ended says how many
 *  processes), and start the process that watches. LML_ERR_IO where another process has the file, or what was left
 *  cannot be ended. */
lml_status lml_guard_create(const lml_guard_settings *settings, lml_guard **guard, size_t *ended, lml_error *error);

/** The mark that its processes are to carry, see lml_process_settings. */
const char *lml_guard_mark(const lml_guard *guard);

/** End the process that watches, remove the file. What carries the mark must have ended. NULL is fine. */
void lml_guard_destroy(lml_guard *guard);

#endif
