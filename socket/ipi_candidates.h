/** @file ipi_candidates.h
 *  Connections that have come to where an engine is awaited, and have not shown yet that they are one: each is asked
 * for its STATUS, and the first that answers is the engine. The others wait beside it; none holds another up.
 *
 *  Who comes from a network that is not allowed, is another user, says something else, or nothing within a limit, is a
 *  stranger: it is closed and told of, and no failure, unless it is known to be the engine.
 */
#ifndef LML_SOCKET_IPI_CANDIDATES_H
#define LML_SOCKET_IPI_CANDIDATES_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "ipi_codec.h"
#include "ipi_listen.h"
#include "ipi_network.h"
#include "ipi_peer.h"
#include "ipi_stream.h"

enum { LML_IPI_MOST_CANDIDATES = 64 };

/** Whether a connection is that of the engine that is awaited. */
typedef enum lml_ipi_judgement {
  LML_IPI_UNKNOWN = 0, /**< it may be */
  LML_IPI_ENGINE,
  LML_IPI_STRANGER
} lml_ipi_judgement;

/** Why a connection was closed. */
typedef enum lml_ipi_refusal {
  LML_IPI_REFUSED_NETWORK = 0, /**< not allowed */
  LML_IPI_REFUSED_USER,
  LML_IPI_REFUSED_STRANGER, /**< judged so */
  LML_IPI_REFUSED_SILENT,
  LML_IPI_REFUSED_WORDS, /**< no answer that the protocol has */
  LML_IPI_REFUSALS       /**< their number */
} lml_ipi_refusal;

typedef struct lml_ipi_admission {
  lml_ipi_networks networks; /**< from where an engine may connect over TCP, beside this machine */
  double answer_limit;       /**< s that it may take to answer the first STATUS; negative: any time */
  /** Judge who has answered as the protocol wants it, or has failed; NULL: unknown. */
  lml_ipi_judgement (*judge)(void *context, const lml_ipi_peer *peer);
  /** Told of each connection that is closed, "process 17 said …"; NULL: not wanted. */
  void (*refused)(void *context, lml_ipi_refusal why, const char *what);
  void *context;
} lml_ipi_admission;

typedef struct lml_ipi_candidate {
  lml_ipi_stream stream;
  lml_ipi_peer peer;
  double since;                                  /**< the clock's time when it came */
  size_t sent;                                   /**< bytes of STATUS */
  unsigned char answer[LML_IPI_HEADER_SIZE + 1]; /**< what it said, of which a byte behind the header is too much */
  size_t received;
} lml_ipi_candidate;

/** Initialise with {0} and the admission. */
typedef struct lml_ipi_candidates {
  lml_ipi_admission admission;
  size_t count;
  size_t came; /**< connections so far that were not refused at once */
  lml_ipi_candidate list[LML_IPI_MOST_CANDIDATES];
} lml_ipi_candidates;

/** Take the connections that wait, and listen to all, without waiting. Where one has answered and is admitted, @p
 * chosen is its connection, the caller's from now on, and @p type its answer, READY or NEEDINIT; chosen->fd is −1
 * otherwise. A failure is that of a connection that is judged to be the engine's, LML_ERR_TIMEOUT, _PROTOCOL or
 * _CLOSED, or the operating system's. @p decoder, of what clients send, is one that nobody uses meanwhile. */
lml_status lml_ipi_candidates_choose(lml_ipi_candidates *candidates, const lml_ipi_listener *listener,
                                     lml_ipi_decoder *decoder, lml_ipi_stream *chosen, lml_ipi_type *type,
                                     lml_error *error);

/** Fill @p entries (LML_IPI_MOST_CANDIDATES + 1) with what to poll; their number. *@p timeout_ms is made shorter where
 * a limit ends before. */
size_t lml_ipi_candidates_poll(const lml_ipi_candidates *candidates, const lml_ipi_listener *listener,
                               struct pollfd *entries, int *timeout_ms);

/** Close all. */
void lml_ipi_candidates_close(lml_ipi_candidates *candidates);

#endif
