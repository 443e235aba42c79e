/** @file ipi_stream.h
 *  A connected socket that never blocks: waiting is done here, in slices, so that a stop flag is seen soon.
 */
#ifndef LML_SOCKET_IPI_STREAM_H
#define LML_SOCKET_IPI_STREAM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

/** Plain data. */
typedef struct lml_ipi_stream {
  int fd;                            /**< non-blocking; −1: closed */
  volatile const sig_atomic_t *stop; /**< non-zero asks to stop; NULL: never */
  void (*attend)(void *context);     /**< called whenever the flag is looked at; NULL: not wanted */
  void *context;
  bool acknowledge_at_once; /**< TCP: a peer that sends a message in pieces, as ASE does, waits for the
                                 acknowledgement of each, which the kernel delays by 40 ms otherwise */
} lml_ipi_stream;

/** LML_ERR_INTERRUPTED where the stop flag is set. */
lml_status lml_ipi_stream_check_stop(const lml_ipi_stream *stream, lml_error *error);

/** Wait until one of the poll @p events (or a hang-up) is there, or @p seconds are over (negative: no limit); *@p ready
 *  says which. A signal that comes between the look at the flag and poll is seen 0.2 s later. */
lml_status lml_ipi_stream_wait(const lml_ipi_stream *stream, short events, double seconds, bool *ready,
                               lml_error *error);

/** Read what is there, at most @p size bytes, without waiting. *@p received is 0 where nothing is; *@p closed becomes
 *  true (and stays as it was otherwise) where the peer closed or reset the connection. */
lml_status lml_ipi_stream_receive(const lml_ipi_stream *stream, void *buffer, size_t size, size_t *received,
                                  bool *closed, lml_error *error);

/** Send all of @p bytes, waiting where the peer does not take them. *@p closed becomes true (and stays as it was
 *  otherwise) where the peer closed the connection; some bytes may then be lost. */
lml_status lml_ipi_stream_send(const lml_ipi_stream *stream, const void *bytes, size_t length, bool *closed,
                               lml_error *error);

/** Send what the peer takes at once of @p bytes, without waiting; *@p sent says how much. */
lml_status lml_ipi_stream_send_some(const lml_ipi_stream *stream, const void *bytes, size_t length, size_t *sent,
                                    bool *closed, lml_error *error);

/** Close; fine where it is closed. */
void lml_ipi_stream_close(lml_ipi_stream *stream);

#endif
