#include "ipi_connect.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/print.h"
#include "base/sys.h"

#define FIRST_PAUSE 0.02  /**< s between the first two attempts; */
#define LONGEST_PAUSE 0.2 /**< s: pauses double up to this, which is also how late a stop flag is seen */
#define TCP_PATIENCE 5.0  /**< s that one attempt waits for a host that does not answer */

/** One connect from start to end. */
typedef struct attempt {
  const lml_ipi_address *address;
  lml_ipi_stream *stream;
  lml_ipi_trust trust;
  double patience;  /**< s */
  int failure;      /**< errno of what may pass: no driver there yet; 0: connected */
  char reason[128]; /**< the same in words */
} attempt;

static void not_yet(attempt *try, int number) {
  try->failure = number;
  if (number == EAGAIN) /* what a unix socket says when nobody accepts */
    lml_print_cut(try->reason, sizeof try->reason, "its queue of connections is full");
  else if (strerror_r(number, try->reason, sizeof try->reason) != 0)
    lml_print_cut(try->reason, sizeof try->reason, "error %d", number);
}

/** Whether a driver that starts or comes back would end this failure. */
static bool may_pass(int number) {
  static const int passing[] = {ENOENT,      ECONNREFUSED, EAGAIN,       EINTR,         ETIMEDOUT, EHOSTUNREACH,
                                ENETUNREACH, ECONNRESET,   ECONNABORTED, EADDRNOTAVAIL, EHOSTDOWN, ENETDOWN};
  for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
    if (number == passing[i]) return true;
  return false;
}

/** A socket that was told to connect: wait until it has. Its errno goes to *@p number, 0 where it is connected. */
static lml_status await_connection(attempt *try, int *number, lml_error *error) {
  bool ready;
  const lml_status status = lml_ipi_stream_wait(try->stream, POLLOUT, try->patience, &ready, error);
  if (status != LML_OK) return status;
  *number = ETIMEDOUT;
  socklen_t length = sizeof *number;
  if (ready && lml_sys->getsockopt(try->stream->fd, SOL_SOCKET, SO_ERROR, number, &length) != 0) *number = errno;
  return LML_OK;
}

/** A TCP connect to a port of this host that nobody listens to can, by chance, get connected to itself. */
static bool is_own_echo(int fd) {
  struct sockaddr_storage own, peer;
  memset(&own, 0, sizeof own);
  memset(&peer, 0, sizeof peer);
  socklen_t own_length = sizeof own, peer_length = sizeof peer;
  return lml_sys->getsockname(fd, (struct sockaddr *)&own, &own_length) == 0 &&
         lml_sys->getpeername(fd, (struct sockaddr *)&peer, &peer_length) == 0 && own_length == peer_length &&
         memcmp(&own, &peer, own_length) == 0;
}

/** Try one socket address. Afterwards the stream is open exactly where try->failure is 0 and LML_OK is returned. */
static lml_status try_socket(attempt *try, int domain, const struct sockaddr *to, socklen_t length, lml_error *error) {
  lml_ipi_stream *stream = try->stream;
  stream->acknowledge_at_once = domain != AF_UNIX;
  stream->fd = lml_sys->socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (stream->fd < 0) return lml_fail_errno(error, errno, "cannot make a socket for %s", try->address->text);
  int number = lml_sys->connect(stream->fd, to, length) == 0 ? 0 : errno;
  lml_status status = LML_OK;
  if (number == EINPROGRESS) status = await_connection(try, &number, error);
  if (status == LML_OK && number == 0 && domain != AF_UNIX) {
    const int on = 1;
    if (is_own_echo(stream->fd))
      number = ECONNREFUSED;
    else if (lml_sys->setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
      status = lml_fail_errno(error, errno, "cannot set TCP_NODELAY on the connection to %s", try->address->text);
  }
  if (status == LML_OK && number != 0 && !may_pass(number))
    status = lml_fail_errno(error, number, "cannot connect to %s", try->address->text);
  not_yet(try, number);
  if (status != LML_OK || number != 0) lml_ipi_stream_close(stream);
  return status;
}

/** Whoever listens at the socket is given positions and believed to be the driver. */
static lml_status check_user(const attempt *try, lml_error *error) {
  uid_t user;
  if (try->trust == LML_IPI_TRUST_ANY) return LML_OK;
  if (lml_sys->peer_user(try->stream->fd, &user) != 0)
    return lml_fail_errno(error, errno, "cannot find out who listens at %s", try->address->text);
  if (user == 0 || user == lml_sys->geteuid()) return LML_OK;
  return lml_fail(
      error, LML_ERR_IO,
      "the driver at %s is another user's (number %lu); give another name, or --driver-user any if that user "
      "is to be served",
      try->address->text, (unsigned long)user);
}

static lml_status try_unix(attempt *try, lml_error *error) {
  const lml_ipi_address *address = try->address;
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  memcpy(to.sun_path, address->path, sizeof to.sun_path);
  lml_status status = try_socket(try, AF_UNIX, (const struct sockaddr *)&to, sizeof to, error);
  if (status == LML_OK && try->failure == 0) {
    status = check_user(try, error);
    if (status != LML_OK) lml_ipi_stream_close(try->stream);
    return status;
  }
  if (status != LML_OK || try->failure != ECONNREFUSED) return status;
  struct stat file;
  if (lml_sys->stat(address->path, &file) == 0 && !S_ISSOCK(file.st_mode))
    return lml_fail(error, LML_ERR_IO, "%s is not a socket; give the name that the driver listens at", address->path);
  return LML_OK;
}

static lml_status try_tcp(attempt *try, lml_error *error) {
  const lml_ipi_address *address = try->address;
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  const int outcome = lml_sys->getaddrinfo(address->host, address->port, &hints, &found);
  if (outcome == EAI_AGAIN) {
    not_yet(try, EAGAIN);
    lml_print_cut(try->reason, sizeof try->reason, "%s", gai_strerror(outcome));
    return LML_OK;
  }
  if (outcome == EAI_MEMORY) return lml_fail(error, LML_ERR_MEMORY, "out of memory: looking up %s", address->text);
  if (outcome == EAI_SYSTEM) return lml_fail_errno(error, errno, "cannot find the host of %s", address->text);
  if (outcome != 0)
    return lml_fail(error, LML_ERR_IO, "cannot find the host of %s: %s", address->text, gai_strerror(outcome));
  lml_status status = LML_OK;
  try->failure = EADDRNOTAVAIL;
  for (struct addrinfo *at = found; at != NULL && status == LML_OK && try->failure != 0; at = at->ai_next)
    status = try_socket(try, at->ai_family, at->ai_addr, at->ai_addrlen, error);
  lml_sys->freeaddrinfo(found);
  return status;
}

lml_status lml_ipi_connect(const lml_ipi_address *address, const lml_ipi_connect_settings *settings,
                           lml_ipi_stream *stream, lml_error *error) {
  const double limit = settings->wait_limit;
  const double end = limit < 0.0 ? INFINITY : lml_sys->clock() + limit;
  attempt try = {.address = address, .stream = stream, .trust = settings->trust, .patience = TCP_PATIENCE};
  stream->fd = -1;
  for (double pause = FIRST_PAUSE;; pause = fmin(2.0 * pause, LONGEST_PAUSE)) {
    lml_status status = lml_ipi_stream_check_stop(stream, error);
    if (status == LML_OK) status = (address->transport == LML_IPI_UNIX ? try_unix : try_tcp)(&try, error);
    if (status != LML_OK || try.failure == 0) return status;
    const double left = end - lml_sys->clock();
    if (left <= 0.0)
      return lml_fail(error, LML_ERR_TIMEOUT, "no driver at %s within %g s (%s); start the driver or wait longer",
                      address->text, limit, try.reason);
    if (pause == FIRST_PAUSE && settings->waiting != NULL) settings->waiting(settings->context, address, try.reason);
    lml_sys->sleep(fmin(pause, left));
  }
}
