/** @file ipi_peer.h
 *  Who is at the other end of a connection that was taken, as far as the operating system tells.
 */
#ifndef LML_SOCKET_IPI_PEER_H
#define LML_SOCKET_IPI_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "ipi_address.h"
#include "ipi_network.h"

/** Plain data. */
typedef struct lml_ipi_peer {
  lml_ipi_transport transport;
  bool is_local;             /**< on this machine */
  uid_t user;                /**< unix */
  pid_t process;             /**< unix: that connected; 0: it is not to be seen from here */
  lml_ipi_number own, other; /**< TCP: numbers and ports of this end and the other */
  unsigned own_port, other_port;
  char text[LML_IPI_NUMBER_TEXT_SIZE + 16]; /**< for messages: "process 17", "10.1.2.3" */
} lml_ipi_peer;

/** Find out. False, with errno set, where that cannot be told, as where the peer has gone. */
bool lml_ipi_peer_find(int fd, lml_ipi_transport transport, lml_ipi_peer *peer);

#endif
