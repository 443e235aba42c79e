/** @file ipi_server.h
 *  The server end of the i-PI protocol: engines (quantum codes) connect, and compute the structures they are given.
 *
 *  Nothing in here waits but lml_ipi_server_wait: the caller computes something else meanwhile.
 *
 *      lml_ipi_server_create(&address, &admission, &server, error);       listens
 *      lml_ipi_server_request(server, &structure, error);      one at a time
 *      for (done = false; !done;) {
 *        lml_ipi_server_progress(server, &done, error);        takes a connection, talks to the engine
 *        … something else …
 *        if (!done) lml_ipi_server_wait(server, 100, error);
 *      }
 *      lml_ipi_server_result(server, &result);
 *      lml_ipi_server_destroy(server);
 *
 *  While a structure is asked for and no engine is there, whoever connects is asked for its STATUS, and the first that
 *  answers is the engine (ipi_candidates.h); others are strangers, which are closed and no errors.
 *
 *  The conversation, in what engines have in common: STATUS is asked before every structure. NEEDINIT is answered with
 *  INIT, once, and asked again; a client that says READY never gets an INIT (LAMMPS's fix ipi ends on one), but one
 * that had one on this connection gets another where the string has changed. After POSDATA, STATUS is asked once more,
 * which an engine answers HAVEDATA when it has computed, and GETFORCE fetches the result. Anything else (another
 * answer, bytes nobody asked for, a count that is not the structure's) closes the connection and is an error; the
 * server listens on, and a structure that was asked for stays asked for: the next engine that connects gets it.
 */
#ifndef LML_SOCKET_IPI_SERVER_H
#define LML_SOCKET_IPI_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "ipi_address.h"
#include "ipi_candidates.h"
#include "lmlink/error.h"

/** What an engine is asked for. */
typedef struct lml_ipi_request {
  size_t natoms;
  const double *cell;      /**< 9, Å, row vectors in rows */
  const double *positions; /**< natoms × 3, Å */
  const char *init;        /**< INIT's string; NULL: one NUL byte, as ASE sends it */
  size_t init_length;
} lml_ipi_request;

/** What it answered. Pointers belong to the server and are valid until the next request, abandon or hang-up. */
typedef struct lml_ipi_answer {
  double energy; /**< eV */
  size_t natoms;
  const double *forces; /**< natoms × 3, eV/Å; not yet checked for infinities and NaN */
  double virial[9];     /**< eV, symmetric, W = Σ r⊗F */
  const char *extras;   /**< what the engine sent, with a NUL behind it that extras_length does not count */
  size_t extras_length;
} lml_ipi_answer;

/** How far the engine is. */
typedef enum lml_ipi_server_state {
  LML_IPI_SERVER_ALONE = 0, /**< no engine is connected, though somebody may be who has not answered yet */
  LML_IPI_SERVER_IDLE,      /**< one is, and has nothing to do */
  LML_IPI_SERVER_TALKS,     /**< it was asked for its status and has not answered */
  LML_IPI_SERVER_COMPUTES   /**< it has a structure and has not sent the whole result */
} lml_ipi_server_state;

typedef struct lml_ipi_server lml_ipi_server;

/** Listen at @p address (see lml_ipi_listen) for whom @p admission admits. */
lml_status lml_ipi_server_create(const lml_ipi_address *address, const lml_ipi_admission *admission,
                                 lml_ipi_server **server, lml_error *error);

/** Send EXIT to an engine that is connected, close everything, remove the socket's file. NULL is fine. */
void lml_ipi_server_destroy(lml_ipi_server *server);

/** Ask for a structure, which is copied. LML_ERR_USAGE while another one is asked for. An engine that got another INIT
 *  string than this request's gets this one first: only engines that take an INIT when they are ready, as lmlink-serve
 *  does, may be given strings that change. */
lml_status lml_ipi_server_request(lml_ipi_server *server, const lml_ipi_request *request, lml_error *error);

/** Do what can be done without waiting. *@p done becomes true when the result is there. LML_ERR_CLOSED where the engine
 *  hung up, LML_ERR_PROTOCOL where it said what the protocol does not allow; the connection is closed then. */
lml_status lml_ipi_server_progress(lml_ipi_server *server, bool *done, lml_error *error);

/** The result; there must be one. */
void lml_ipi_server_result(const lml_ipi_server *server, lml_ipi_answer *answer);

/** Wait, at most @p timeout_ms, until progress has something to do. */
lml_status lml_ipi_server_wait(const lml_ipi_server *server, int timeout_ms, lml_error *error);

/** Ask again for the structure whose result is there, since the result is of no use. */
void lml_ipi_server_retry(lml_ipi_server *server);

/** Forget the structure that was asked for. An engine that computes it is left to end that; its result is thrown away
 *  when it comes, in later calls of progress, before the engine gets another structure. */
void lml_ipi_server_abandon(lml_ipi_server *server);

/** Send EXIT where the engine would hear it, and close the connection; a structure stays asked for. */
void lml_ipi_server_hang_up(lml_ipi_server *server);

lml_ipi_server_state lml_ipi_server_where(const lml_ipi_server *server);

/** Engines that have connected so far. */
size_t lml_ipi_server_connections(const lml_ipi_server *server);

/** Connections that have come so far, answered or not, but for those that were refused at once. */
size_t lml_ipi_server_callers(const lml_ipi_server *server);

#endif
