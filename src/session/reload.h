/** @file reload.h
 *  New coefficients for a potential that is being served, between two evaluations.
 */
#ifndef LML_SESSION_RELOAD_H
#define LML_SESSION_RELOAD_H

#include <signal.h>
#include <stdbool.h>

#include "base/log.h"
#include "lmlink/potential.h"
#include "session/recorder.h"

/** When the file is looked at. */
typedef enum lml_reload_when {
  LML_RELOAD_ASKED = 0, /**< when somebody asks */
  LML_RELOAD_CHANGED    /**< also before each evaluation, and read where it has changed */
} lml_reload_when;

/** Everything is the caller's and must outlive the reload. */
typedef struct lml_reload_settings {
  lml_calculator *calculator;     /**< linear */
  const lml_potential *potential; /**< that it was made of */
  const char *path, *parameters;  /**< as for lml_potential_read */
  lml_fixed_terms fixed_terms;
  lml_reload_when when;
  volatile sig_atomic_t *asked; /**< non-zero: somebody asks; set to zero then */
  lml_recorder *recorder;       /**< is told; NULL: there is no force log */
  const lml_log *log;
} lml_reload_settings;

typedef struct lml_reload lml_reload;

lml_status lml_reload_create(const lml_reload_settings *settings, lml_reload **reload, lml_error *error);

/** What came of a look at the files. */
typedef enum lml_reload_outcome {
  LML_RELOAD_NOTHING = 0, /**< all is as it was */
  LML_RELOAD_AGAIN,       /**< the same coefficients were read again, and what lies beside them */
  LML_RELOAD_COEFFICIENTS /**< other coefficients are in force than before */
} lml_reload_outcome;

/** Take over new coefficients where it is time for that: on all ranks or on none. A file that can't be read, or differs
 *  in more than coefficients, leaves the old ones in force, and a line says why. */
lml_reload_outcome lml_reload_look(lml_reload *reload);

/** NULL is fine. */
void lml_reload_destroy(lml_reload *reload);

#endif
