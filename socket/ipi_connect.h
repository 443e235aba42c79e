/** @file ipi_connect.h
 *  Connecting to a driver, or waiting for one that is not up yet.
 */
#ifndef LML_SOCKET_IPI_CONNECT_H
#define LML_SOCKET_IPI_CONNECT_H

#include "ipi_address.h"
#include "ipi_stream.h"

typedef struct lml_ipi_connect_settings {
  double wait_limit;   /**< s; negative: no limit; 0: one attempt */
  lml_ipi_trust trust; /**< of a unix socket */
  /** Called once, when the first attempt found no driver and waiting begins; NULL: not wanted. */
  void (*waiting)(void *context, const lml_ipi_address *address, const char *reason);
  void *context;
} lml_ipi_connect_settings;

/** Connect @p stream (its `stop` is set, its `fd` is not looked at) to a unix or TCP socket: non-blocking,
 *  close-on-exec, TCP_NODELAY. A missing, refusing or busy socket is tried again, after pauses of 0.02 to 0.2 s.
 *  LML_ERR_TIMEOUT after the limit, LML_ERR_INTERRUPTED on the stop flag, LML_ERR_IO for what waiting cannot mend,
 *  such as a unix socket of a user who is not trusted. */
lml_status lml_ipi_connect(const lml_ipi_address *address, const lml_ipi_connect_settings *settings,
                           lml_ipi_stream *stream, lml_error *error);

#endif
