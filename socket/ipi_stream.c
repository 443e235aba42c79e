#include "ipi_stream.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "base/fail.h"
#include "base/sys.h"

#define SLICE 0.2 /**< s between two looks at the stop flag */

lml_status lml_ipi_stream_check_stop(const lml_ipi_stream *stream, lml_error *error) {
  if (stream->attend != NULL) stream->attend(stream->context);
  if (stream->stop == NULL || *stream->stop == 0) return LML_OK;
  return lml_fail(error, LML_ERR_INTERRUPTED, "stopped by a signal");
}

lml_status lml_ipi_stream_wait(const lml_ipi_stream *stream, short events, double seconds, bool *ready,
                               lml_error *error) {
  const double end = seconds < 0.0 ? INFINITY : lml_sys->clock() + seconds;
  double left = seconds < 0.0 ? INFINITY : seconds;
  *ready = false;
  do {
    const lml_status status = lml_ipi_stream_check_stop(stream, error);
    if (status != LML_OK) return status;
    struct pollfd entry = {.fd = stream->fd, .events = events};
    const int count = lml_sys->poll(&entry, 1, (int)ceil(1000.0 * fmin(left, SLICE)));
    if (count < 0 && errno != EINTR && errno != EAGAIN)
      return lml_fail_errno(error, errno, "cannot wait for the socket");
    *ready = count > 0;
    left = end - lml_sys->clock();
  } while (!*ready && left > 0.0);
  return LML_OK;
}

static bool would_wait(int number) { return number == EAGAIN || number == EWOULDBLOCK || number == EINTR; }

static bool is_hang_up(int number) { return number == EPIPE || number == ECONNRESET || number == ENOTCONN; }

/** The kernel forgets this wish now and then, so it is repeated behind every read. One that fails costs time alone. */
static void acknowledge(const lml_ipi_stream *stream) {
#ifdef TCP_QUICKACK
  const int on = 1;
  if (stream->acknowledge_at_once) lml_sys->setsockopt(stream->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
#else
  (void)stream;
#endif
}

lml_status lml_ipi_stream_receive(const lml_ipi_stream *stream, void *buffer, size_t size, size_t *received,
                                  bool *closed, lml_error *error) {
  const ssize_t count = lml_sys->recv(stream->fd, buffer, size, 0);
  *received = count > 0 ? (size_t)count : 0;
  if (count < 0 && !would_wait(errno) && !is_hang_up(errno))
    return lml_fail_errno(error, errno, "cannot read from the socket");
  if (count == 0 || (count < 0 && is_hang_up(errno))) *closed = true;
  if (count > 0) acknowledge(stream);
  return LML_OK;
}

lml_status lml_ipi_stream_send_some(const lml_ipi_stream *stream, const void *bytes, size_t length, size_t *sent,
                                    bool *closed, lml_error *error) {
  *sent = 0;
  while (*sent < length) {
    const ssize_t count = lml_sys->send(stream->fd, (const char *)bytes + *sent, length - *sent, 0);
    if (count >= 0) {
      *sent += (size_t)count;
      continue;
    }
    if (is_hang_up(errno)) *closed = true;
    if (is_hang_up(errno) || would_wait(errno)) return LML_OK;
    return lml_fail_errno(error, errno, "cannot send to the socket");
  }
  return LML_OK;
}

lml_status lml_ipi_stream_send(const lml_ipi_stream *stream, const void *bytes, size_t length, bool *closed,
                               lml_error *error) {
  bool gone = false;
  for (size_t sent = 0;;) {
    size_t count;
    lml_status status =
        lml_ipi_stream_send_some(stream, (const char *)bytes + sent, length - sent, &count, &gone, error);
    sent += count;
    if (gone) *closed = true;
    if (status != LML_OK || gone || sent == length) return status;
    bool ready;
    status = lml_ipi_stream_wait(stream, POLLOUT, -1.0, &ready, error);
    if (status != LML_OK) return status;
  }
}

void lml_ipi_stream_close(lml_ipi_stream *stream) {
  if (stream->fd >= 0) lml_sys->close(stream->fd);
  stream->fd = -1;
}
