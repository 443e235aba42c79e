/** @file ipi_client.h
 *  The client end of the i-PI protocol: connects to a driver (ASE, i-PI), takes its structures, sends the results.
 *
 *  The caller sees events alone; STATUS, GETFORCE and batches are answered inside:
 *
 *      lml_ipi_client_create(&settings, &client, error);
 *      lml_ipi_client_connect(client, error);                  waits until the driver is up
 *      for (;;) {
 *        lml_ipi_client_next(client, &event, error);           waits for the driver's next wish
 *        if (event.type == LML_IPI_EVENT_END) break;
 *        if (event.type == LML_IPI_EVENT_INIT) continue;       event.replica, event.text
 *        … compute event.cell, event.positions; lml_ipi_client_check(client, error) now and then …
 *        lml_ipi_client_reply(client, &result, error);
 *      }
 *      lml_ipi_client_destroy(client);
 *
 *  After END, or after any failure, the connection is closed; lml_ipi_client_connect may then be called again.
 *  A client that cannot answer an evaluation calls lml_ipi_client_close: the driver sees a closed connection rather
 *  than a guess.
 *
 *  States. STATUS is answered NEEDINIT until an INIT arrives (and after every evaluation with
 *  LML_IPI_INIT_EVERY_EVALUATION), READY until POSDATA arrives, and HAVEDATA once the reply is there. A STATUS that
 *  arrives while the caller computes is answered when it has replied: i-PI would otherwise ask for the forces at once
 *  and print a warning every 0.1 s. POSDATA is read whole before the caller computes, since i-PI gives up after 0.1 s.
 *
 *  Batches (i-PI 3.3, `batch_size` in <ffsocket>). i-PI announces the size N in the INIT string alone ("batch_size:N"
 *  as its last comma-separated token) and sends every later POSDATA in the batched layout; the protocol has no answer
 *  that declines it. So the client asks for an INIT first, takes the size from it, and hands out the N structures one
 *  by one as evaluations; the reply to the last one sends all N. i-PI fills a batch up by repeating its last
 *  structure: repetitions at a batch's end that agree in every bit get the same result without being handed out.
 *  Only the first structure's replica is known in a batch.
 */
#ifndef LML_SOCKET_IPI_CLIENT_H
#define LML_SOCKET_IPI_CLIENT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipi_address.h"
#include "lmlink/error.h"

/** When the client asks for an INIT. i-PI moves replicas between clients and names one only in INIT, so that state
 *  that is kept per replica needs an INIT for every evaluation. */
typedef enum lml_ipi_init_policy {
  LML_IPI_INIT_ONCE = 0,        /**< at the start of a connection: the fewest messages */
  LML_IPI_INIT_EVERY_EVALUATION /**< before each evaluation, so that its replica is always known */
} lml_ipi_init_policy;

typedef struct lml_ipi_client_settings {
  lml_ipi_address address;
  lml_ipi_init_policy init;
  lml_ipi_trust trust;               /**< whose driver is served at a unix socket */
  double wait_limit;                 /**< s that connect waits for a driver; negative: no limit; 0: one attempt */
  size_t natoms;                     /**< the only number of atoms that is accepted; 0: any up to max_natoms */
  size_t max_natoms;                 /**< with natoms = 0; 0: LML_IPI_MAX_NATOMS, 2²⁸ − 1 */
  volatile const sig_atomic_t *stop; /**< non-zero asks to stop; looked at at least every 0.2 s while waiting, and at
                                          once when a signal interrupts; NULL: never */
  /** Called whenever that flag is looked at, between the slices of an evaluation too; NULL: not wanted. */
  void (*attend)(void *context);
  /** Called once per connect, when the first attempt found no driver and waiting begins; NULL: not wanted.
   *  @p reason is the operating system's, such as "Connection refused". */
  void (*waiting)(void *context, const lml_ipi_address *address, const char *reason);
  void *context;
} lml_ipi_client_settings;

typedef enum lml_ipi_event_type {
  LML_IPI_EVENT_INIT = 0, /**< replica, text, length */
  LML_IPI_EVENT_EVALUATE, /**< cell, positions, natoms, replica, batch_index, batch_size: wants a reply */
  LML_IPI_EVENT_END       /**< end; the connection is closed */
} lml_ipi_event_type;

/** How a conversation ended where nothing was wrong with the bytes. */
typedef enum lml_ipi_end {
  LML_IPI_END_EXIT = 0, /**< the driver sent EXIT (i-PI) */
  LML_IPI_END_CLOSED,   /**< the driver closed the connection between messages (ASE) */
  LML_IPI_END_ABANDONED /**< the driver closed the connection while it still owed the fetching of an evaluation */
} lml_ipi_end;

/** Pointers belong to the client and are valid until its next call (lml_ipi_client_check excepted). */
typedef struct lml_ipi_event {
  lml_ipi_event_type type;
  int32_t replica;         /**< bead index of the last INIT; −1 before one, or inside a batch behind its first */
  bool replica_is_current; /**< evaluate: an INIT named the replica for this very evaluation */
  const char *text;        /**< INIT: the driver's string, with a NUL behind it that length does not count */
  size_t length;           /**< INIT: bytes */
  double cell[9];          /**< evaluate: Å, row vectors in rows */
  const double *positions; /**< evaluate: natoms × 3, Å; not yet checked for infinities and NaN */
  size_t natoms;
  size_t batch_index; /**< evaluate: 0 … batch_size − 1 */
  size_t batch_size;  /**< evaluate: 1 where the driver sends no batches */
  lml_ipi_end end;
} lml_ipi_event;

/** An evaluation's result; the arrays stay the caller's. */
typedef struct lml_ipi_result {
  double energy;        /**< eV */
  size_t natoms;        /**< that of the event */
  const double *forces; /**< natoms × 3, eV/Å */
  const double *virial; /**< 9, eV, W = Σ r⊗F = −∂U/∂ε; NULL: zero. Sent symmetric (mean of both triangles), since
                             i-PI reads the upper and ASE 3.22 the lower triangle */
  const char *extras;   /**< bytes for the driver, for i-PI a JSON object in UTF-8 without the key "raw"; NULL: none */
  size_t extras_length; /**< bytes. 0 is what every driver takes; ASE up to 3.22 fails on more than 1 */
} lml_ipi_result;

typedef struct lml_ipi_client lml_ipi_client;

/** A client that is not connected yet; settings are copied (what they point to is not). */
lml_status lml_ipi_client_create(const lml_ipi_client_settings *settings, lml_ipi_client **client, lml_error *error);

/** Close the connection, free everything. NULL is fine. */
void lml_ipi_client_destroy(lml_ipi_client *client);

/** From now on accept only @p natoms atoms (0: any up to @p max_natoms, 0: LML_IPI_MAX_NATOMS): for an INIT that
 * brought a new structure. */
void lml_ipi_client_expect(lml_ipi_client *client, size_t natoms, size_t max_natoms);

/** Connect, or wait for a driver that is not up yet: a missing or refusing socket is tried again after a pause.
 *  Fails with LML_ERR_TIMEOUT after wait_limit, LML_ERR_INTERRUPTED on the stop flag, LML_ERR_IO for what waiting
 *  cannot mend (no permission, a path that is no socket, an unknown host). */
lml_status lml_ipi_client_connect(lml_ipi_client *client, lml_error *error);

/** Wait for the next event, answering the driver meanwhile. Fails with LML_ERR_PROTOCOL on what the protocol does not
 *  allow, LML_ERR_CLOSED where the driver closed inside a message, LML_ERR_INTERRUPTED on the stop flag; the connection
 *  is then closed. LML_ERR_USAGE where an evaluation still wants its reply; the connection stays. */
lml_status lml_ipi_client_next(lml_ipi_client *client, lml_ipi_event *event, lml_error *error);

/** While computing: look, without waiting, whether the driver is still there. LML_ERR_CLOSED where it hung up, and
 *  LML_ERR_INTERRUPTED on the stop flag: the evaluation is then of no use to anyone, the connection is closed, and
 *  there is nothing to reply. */
lml_status lml_ipi_client_check(lml_ipi_client *client, lml_error *error);

/** Answer the evaluation of the last event: FORCEREADY goes out in one piece, at once if the driver has asked for it
 *  already, else in lml_ipi_client_next when it asks. The result is copied. LML_ERR_USAGE where there is nothing to
 *  answer or natoms is another. */
lml_status lml_ipi_client_reply(lml_ipi_client *client, const lml_ipi_result *result, lml_error *error);

/** Close the connection without a further word; fine where there is none. */
void lml_ipi_client_close(lml_ipi_client *client);

#endif
