/** @file ipi_listen.h
 *  A socket that engines connect to.
 */
#ifndef LML_SOCKET_IPI_LISTEN_H
#define LML_SOCKET_IPI_LISTEN_H

#include <sys/types.h>

#include "ipi_address.h"

/** Initialise with fd = −1. */
typedef struct lml_ipi_listener {
  int fd; /**< non-blocking; −1: closed */
  lml_ipi_address address;
  dev_t device; /**< of the unix socket's file, by which it is known again */
  ino_t inode;
} lml_ipi_listener;

/** Listen at @p address. A unix socket's file has mode 0600. A file that a process left behind that ended long ago
 *  is replaced; LML_ERR_IO where a process listens there, or where something else has that name: nothing is taken
 *  over. TCP listens at the address that HOST stands for, and nowhere else. */
lml_status lml_ipi_listen(lml_ipi_listener *listener, const lml_ipi_address *address, lml_error *error);

/** Take a connection, if one waits: *@p fd is a non-blocking socket, or −1. */
lml_status lml_ipi_accept(const lml_ipi_listener *listener, int *fd, lml_error *error);

/** Close, and remove the socket's file if it is still the one that was made. Fine where it is closed. */
void lml_ipi_listener_close(lml_ipi_listener *listener);

#endif
