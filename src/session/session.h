/** @file session.h
 *  Serves a calculator to one driver after the other.
 *
 *  The i-PI protocol sends a cell and positions alone. What else a structure has, species and periodicity, the session
 *  has from the structure it was created with, from an INIT in lmlink's own JSON (see init.h), or, where the calculator
 *  knows one element alone, from that: all atoms are of this element, periodic along every cell vector that is not
 *  zero.
 *
 *  Regions of a mixture that move follow their seeds before each evaluation, or the uncertainty within it (see
 *  adaptive_region.h).
 *
 *  Of a mixture the session adds the work that the forces have done on the driver's replica (see work_accumulator.h) to
 * the extras, as virtual_work (eV), and where the mixture says so, as the energy. It begins at zero with each driver
 * and with new coefficients; in a batch, where replicas are not known, it is no number. Where regions may be skipped,
 * virtual_work_skipped is the part of it in which the ML calculator stands in for them.
 *
 *  Results of energies of an uncertainty are differences from the first structure that a driver sends, of whichever
 *  replica, and from the next one after new coefficients (see derived_results.h).
 *
 *  Each evaluation is written into the force log, where there is one, before its results are sent.
 *
 *  While an evaluation runs, the driver's connection is looked at between its slices, so that a driver that has
 *  vanished, or the user, can end it.
 */
#ifndef LML_SESSION_SESSION_H
#define LML_SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "ipi_client.h"
#include "lmlink/calculator.h"
#include "lmlink/structure.h"
#include "session/adaptive_region.h"
#include "session/meter.h"
#include "session/recorder.h"
#include "session/reload.h"
#include "session/skipping.h"

/** What goes into the reply's extras where the INIT does not ask for more. */
typedef enum lml_session_extras {
  LML_SESSION_EXTRAS_NONE = 0,     /**< nothing: what every driver takes */
  LML_SESSION_EXTRAS_JSON,         /**< one JSON object with the same keys in every reply */
  LML_SESSION_EXTRAS_IPI_COMMITTEE /**< the same, with a committee as i-PI's <ffcommittee> reads it */
} lml_session_extras;

typedef struct lml_session_settings {
  lml_calculator *calculator;     /**< stays the caller's and must outlive the session */
  const lml_mixture *mixture;     /**< that the calculator is; NULL: it is none */
  const lml_structure *structure; /**< species and periodicity; copied; NULL: none is known beforehand */
  const unsigned char
      *held;       /**< 1 for each atom of the structure that is held; NULL: none is; must outlive the session */
  bool knows_held; /**< whether that is known */
  int element;     /**< atomic number of all atoms where the calculator knows one element alone; else 0 */
  lml_session_extras extras;
  lml_request results;    /**< wanted of every evaluation, beside what an INIT asks for; must outlive the session */
  lml_recorder *recorder; /**< writes the force log; stays the caller's and must outlive the session; NULL: none */
  lml_reload *reload;     /**< looked at before each evaluation; likewise */
  lml_adaptive_regions *adaptive; /**< moves the regions of a mixture before each evaluation; likewise */
  lml_skipping *skipping;         /**< knows when the mixture's regions are asked; likewise */
  const lml_log *log;             /**< must outlive the session; NULL: nothing is told */
  lml_meter *meter;               /**< is told what is done; likewise; NULL: nobody asks */
} lml_session_settings;

typedef struct lml_session lml_session;

/** The largest number of atoms that is taken from a driver where the structure does not fix it. */
enum { LML_SESSION_MAX_NATOMS = 20000000 };

lml_status lml_session_create(const lml_session_settings *settings, lml_session **session, lml_error *error);

/** Serve the driver that @p client is connected to until it says goodbye. LML_OK: it sent EXIT or closed between
 *  messages. LML_ERR_INTERRUPTED: the user asked to stop. LML_ERR_CLOSED: the driver vanished within a message or while
 *  an evaluation was under way. LML_ERR_PROTOCOL or LML_ERR_INPUT: it sent what cannot be evaluated. Anything else:
 *  the evaluation failed. The connection is closed in any case, and the next driver may be served. */
lml_status lml_session_serve(lml_session *session, lml_ipi_client *client, lml_error *error);

/** NULL is fine. */
void lml_session_destroy(lml_session *session);

#endif
