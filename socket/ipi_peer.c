#include "ipi_peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/print.h"
#include "base/sys.h"

static bool find_user(int fd, lml_ipi_peer *peer) {
  if (lml_sys->peer_user(fd, &peer->user) != 0 || lml_sys->peer_process(fd, &peer->process) != 0) return false;
  peer->is_local = true;
  lml_print_cut(peer->text, sizeof peer->text, "process %ld", (long)peer->process);
  return true;
}

static bool find_numbers(int fd, lml_ipi_peer *peer) {
  struct sockaddr_storage own, other;
  socklen_t own_length = sizeof own, other_length = sizeof other;
  memset(&own, 0, sizeof own);
  memset(&other, 0, sizeof other);
  if (lml_sys->getsockname(fd, (struct sockaddr *)&own, &own_length) != 0 ||
      lml_sys->getpeername(fd, (struct sockaddr *)&other, &other_length) != 0)
    return false;
  errno = EAFNOSUPPORT;
  if (!lml_ipi_number_of((const struct sockaddr *)&own, &peer->own, &peer->own_port) ||
      !lml_ipi_number_of((const struct sockaddr *)&other, &peer->other, &peer->other_port))
    return false;
  /* Whoever connects to one of its own machine's numbers has that number itself. */
  peer->is_local = lml_ipi_number_is_loopback(&peer->other) || lml_ipi_number_equals(&peer->own, &peer->other);
  lml_ipi_number_print(&peer->other, peer->text);
  return true;
}

bool lml_ipi_peer_find(int fd, lml_ipi_transport transport, lml_ipi_peer *peer) {
  *peer = (lml_ipi_peer){.transport = transport};
  return transport == LML_IPI_UNIX ? find_user(fd, peer) : find_numbers(fd, peer);
}
