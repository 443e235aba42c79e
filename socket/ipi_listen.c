#include "ipi_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/lock_file.h"
#include "base/print.h"
#include "base/sys.h"

enum { BACKLOG = 128, OWNER_ONLY = 0600 };

static lml_status make_socket(int domain, const lml_ipi_address *address, int *fd, lml_error *error) {
  *fd = lml_sys->socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (*fd < 0) return lml_fail_errno(error, errno, "cannot make a socket for %s", address->text);
  return LML_OK;
}

static struct sockaddr_un unix_address(const lml_ipi_address *address) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  memcpy(to.sun_path, address->path, sizeof to.sun_path);
  return to;
}

/* ---- unix ---- */

/** Two processes that find the same left-over file must not remove one another's: while one looks and binds, it holds a
 *  file beside it. Other users' left-over sockets are not removed, so that each user has a file of its own. */
static lml_status lock_path(const lml_ipi_address *address, lml_lock_file *lock, lml_error *error) {
  char path[LML_IPI_PATH_SIZE + 32];
  bool taken;
  lml_print_cut(path, sizeof path, "%s.%lu.lock", address->path, (unsigned long)lml_sys->geteuid());
  const lml_status status = lml_lock_file_take(path, lock, &taken, error);
  if (status != LML_OK || taken) return status;
  return lml_fail(error, LML_ERR_IO, "another process is about to listen at %s; give another name", address->text);
}

/** Whether somebody listens there. */
static lml_status is_live(const lml_ipi_address *address, bool *live, lml_error *error) {
  int fd;
  const lml_status status = make_socket(AF_UNIX, address, &fd, error);
  if (status != LML_OK) return status;
  const struct sockaddr_un to = unix_address(address);
  /* A full queue (EAGAIN) is somebody's too. */
  *live = lml_sys->connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno != ECONNREFUSED;
  lml_sys->close(fd);
  return LML_OK;
}

/** Remove the file that has the socket's name, if nobody needs it. */
static lml_status remove_left_over(const lml_ipi_address *address, lml_error *error) {
  struct stat file;
  if (lml_sys->lstat(address->path, &file) != 0)
    return errno == ENOENT ? LML_OK : lml_fail_errno(error, errno, "cannot look at %s", address->path);
  if (!S_ISSOCK(file.st_mode))
    return lml_fail(error, LML_ERR_IO, "%s exists and is not a socket; give another name or remove it", address->path);
  if (file.st_uid != lml_sys->geteuid())
    return lml_fail(error, LML_ERR_IO, "%s belongs to another user; give another name", address->path);
  bool live;
  const lml_status status = is_live(address, &live, error);
  if (status != LML_OK) return status;
  if (live)
    return lml_fail(error, LML_ERR_IO, "another process listens at %s; end it or give another name", address->text);
  if (lml_sys->unlink(address->path) != 0 && errno != ENOENT)
    return lml_fail_errno(error, errno, "cannot remove the left-over socket %s", address->path);
  return LML_OK;
}

/** Bind; nobody can connect before the mode is set, since nobody listens yet. */
static lml_status bind_unix(lml_ipi_listener *listener, lml_error *error) {
  const lml_ipi_address *address = &listener->address;
  const struct sockaddr_un at = unix_address(address);
  if (lml_sys->bind(listener->fd, (const struct sockaddr *)&at, sizeof at) != 0)
    return lml_fail_errno(error, errno, "cannot make the socket %s", address->path);
  struct stat file;
  lml_status status = LML_OK;
  if (lml_sys->lstat(address->path, &file) != 0 || lml_sys->chmod(address->path, OWNER_ONLY) != 0)
    status = lml_fail_errno(error, errno, "cannot protect the socket %s", address->path);
  else if (lml_sys->listen(listener->fd, BACKLOG) != 0)
    status = lml_fail_errno(error, errno, "cannot listen at %s", address->text);
  if (status != LML_OK) {
    lml_sys->unlink(address->path);
    return status;
  }
  listener->device = file.st_dev;
  listener->inode = file.st_ino;
  return LML_OK;
}

static lml_status listen_unix(lml_ipi_listener *listener, lml_error *error) {
  lml_lock_file lock;
  lml_status status = lock_path(&listener->address, &lock, error);
  if (status != LML_OK) return status;
  status = remove_left_over(&listener->address, error);
  if (status == LML_OK) status = make_socket(AF_UNIX, &listener->address, &listener->fd, error);
  if (status == LML_OK) status = bind_unix(listener, error);
  lml_lock_file_release(&lock);
  return status;
}

/* ---- TCP ---- */

static lml_status bind_tcp(lml_ipi_listener *listener, const struct addrinfo *at, lml_error *error) {
  const int on = 1;
  lml_status status = make_socket(at->ai_family, &listener->address, &listener->fd, error);
  if (status != LML_OK) return status;
  /* Connections of an earlier run that are still being wound up do not count as taken; a listener does. */
  if (lml_sys->setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      lml_sys->bind(listener->fd, at->ai_addr, at->ai_addrlen) != 0 || lml_sys->listen(listener->fd, BACKLOG) != 0)
    return errno == EADDRINUSE
               ? lml_fail(error, LML_ERR_IO, "another process listens at %s; give another port", listener->address.text)
               : lml_fail_errno(error, errno, "cannot listen at %s", listener->address.text);
  return LML_OK;
}

static lml_status listen_tcp(lml_ipi_listener *listener, lml_error *error) {
  const lml_ipi_address *address = &listener->address;
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  const int outcome = lml_sys->getaddrinfo(address->host, address->port, &hints, &found);
  if (outcome == EAI_MEMORY) return lml_fail(error, LML_ERR_MEMORY, "out of memory: looking up %s", address->text);
  if (outcome != 0)
    return lml_fail(error, LML_ERR_IO, "cannot find the host of %s: %s", address->text, gai_strerror(outcome));
  /* A name like localhost has several numbers; IPv4's, where there is one, is what every engine connects to. */
  const struct addrinfo *chosen = found;
  for (const struct addrinfo *at = found->ai_next; at != NULL; at = at->ai_next)
    if (at->ai_family == AF_INET && chosen->ai_family != AF_INET) chosen = at;
  const lml_status status = bind_tcp(listener, chosen, error);
  lml_sys->freeaddrinfo(found);
  return status;
}

/* ---- both ---- */

lml_status lml_ipi_listen(lml_ipi_listener *listener, const lml_ipi_address *address, lml_error *error) {
  *listener = (lml_ipi_listener){.fd = -1, .address = *address};
  const lml_status status = (address->transport == LML_IPI_UNIX ? listen_unix : listen_tcp)(listener, error);
  if (status != LML_OK && listener->fd >= 0) {
    lml_sys->close(listener->fd);
    listener->fd = -1;
  }
  return status;
}

static bool will_come_again(int number) {
  return number == EAGAIN || number == EWOULDBLOCK || number == EINTR || number == ECONNABORTED;
}

lml_status lml_ipi_accept(const lml_ipi_listener *listener, int *fd, lml_error *error) {
  *fd = lml_sys->accept(listener->fd);
  if (*fd >= 0 || will_come_again(errno)) return LML_OK;
  return lml_fail_errno(error, errno, "cannot take a connection to %s", listener->address.text);
}

void lml_ipi_listener_close(lml_ipi_listener *listener) {
  if (listener->fd < 0) return;
  struct stat file;
  if (listener->address.transport == LML_IPI_UNIX && lml_sys->lstat(listener->address.path, &file) == 0 &&
      file.st_dev == listener->device && file.st_ino == listener->inode)
    lml_sys->unlink(listener->address.path);
  lml_sys->close(listener->fd);
  listener->fd = -1;
}
