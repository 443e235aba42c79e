#include "support/fake_driver.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sys.h"

enum { DESCRIPTOR = 77, PATIENCE = 100000 /**< waits after which a test is taken to hang */ };

fake_driver fake;
static bool send_waits;

/** Whether this call is the one that fails. */
static bool fails(void) {
  fake.calls++;
  if (fake.fail_at != fake.calls) return false;
  errno = fake.fail_errno;
  return true;
}

/** A wait begins: whether a signal interrupts it. */
static bool interrupted(void) {
  if (++fake.waits > PATIENCE) fail_msg("the client waits for ever");
  if (fake.waits != fake.stop_at_wait) return false;
  fake.stop = 1;
  errno = EINTR;
  return true;
}

static void *fake_alloc(size_t alignment, size_t bytes) {
  return fails() ? NULL : lml_sys_posix.aligned_alloc(alignment, bytes);
}

static int fake_socket(int domain, int type, int protocol) {
  (void)domain, (void)type, (void)protocol;
  if (fails()) return -1;
  fake.open++;
  return DESCRIPTOR;
}

static int fake_close(int fd) {
  assert_int_equal(fd, DESCRIPTOR);
  assert_int_equal(fake.open, 1);
  fake.open--;
  return 0;
}

static int fake_connect(int fd, const struct sockaddr *address, socklen_t length) {
  (void)fd, (void)address, (void)length;
  if (fails()) return -1;
  errno = ++fake.attempts <= fake.absent ? fake.absent_errno : EINPROGRESS;
  return fake.attempts > fake.absent && !fake.slow ? 0 : -1;
}

static int fake_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                            struct addrinfo **found) {
  const struct addrinfo number = {.ai_family = AF_INET, .ai_socktype = hints->ai_socktype, .ai_flags = AI_NUMERICHOST};
  (void)host;
  return fake.lookup != 0 ? fake.lookup : getaddrinfo("127.0.0.1", service, &number, found);
}

static int fake_getname(int fd, struct sockaddr *address, socklen_t *length) {
  (void)fd, (void)address;
  *length = 0;
  errno = ENOTCONN;
  return -1;
}

static int fake_setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
  (void)fd, (void)level, (void)name, (void)value, (void)length;
#ifdef TCP_QUICKACK
  if (name == TCP_QUICKACK) return -1; /* always, as nothing but time depends on it */
#endif
  return fails() ? -1 : 0;
}

static int fake_getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
  (void)fd, (void)level, (void)name;
  if (fails()) return -1;
  *length = sizeof(int);
  memset(value, 0, *length);
  return 0;
}

static int fake_peer_user(int fd, uid_t *user) {
  (void)fd;
  *user = lml_sys_posix.geteuid();
  return fails() ? -1 : 0;
}

static int fake_stat(const char *path, struct stat *status) {
  (void)path, (void)status;
  errno = ENOENT;
  return -1;
}

static ssize_t fake_recv(int fd, void *buffer, size_t bytes, int flags) {
  (void)fd, (void)flags;
  if (fails()) return -1;
  size_t count = fake.length - fake.position;
  if (count > bytes) count = bytes;
  if (fake.read_step != 0 && count > fake.read_step) count = fake.read_step;
  if (count != 0) memcpy(buffer, fake.bytes + fake.position, count);
  fake.position += count;
  errno = fake.at_end;
  return count != 0 || fake.at_end == 0 ? (ssize_t)count : -1;
}

static ssize_t fake_send(int fd, const void *buffer, size_t bytes, int flags) {
  (void)fd, (void)flags;
  if (fails()) return -1;
  send_waits = fake.send_step != 0 && !send_waits;
  errno = send_waits ? EAGAIN : EPIPE;
  if (send_waits) return -1;
  size_t count = fake.send_step != 0 && bytes > fake.send_step ? fake.send_step : bytes;
  if (fake.takes != 0 && fake.got.length + count > fake.takes) count = fake.takes - fake.got.length;
  if (count == 0) return -1;
  fake.got.bytes = realloc(fake.got.bytes, fake.got.length + count);
  memcpy(fake.got.bytes + fake.got.length, buffer, count);
  fake.got.length += count;
  return (ssize_t)count;
}

static int fake_poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
  assert_int_equal(count, 1);
  if (fails() || interrupted()) return -1;
  const bool readable = fake.position < fake.length || fake.at_end != EAGAIN;
  fds[0].revents = (short)(fds[0].events & (readable ? POLLIN | POLLOUT : POLLOUT));
  if (fds[0].revents == 0) fake.now += 0.001 * timeout_ms;
  return fds[0].revents != 0;
}

static double fake_clock(void) { return fake.now; }

static void fake_sleep(double seconds) {
  fake.now += seconds;
  interrupted();
}

static lml_sys_table table;

void fake_install(const void *bytes, size_t length) {
  free(fake.got.bytes);
  fake = (fake_driver){.bytes = bytes, .length = length, .at_end = EAGAIN, .fail_errno = EIO};
  send_waits = false;
  table = lml_sys_posix;
  table.aligned_alloc = fake_alloc;
  table.socket = fake_socket;
  table.close = fake_close;
  table.connect = fake_connect;
  table.getaddrinfo = fake_getaddrinfo;
  table.getsockname = fake_getname;
  table.getpeername = fake_getname;
  table.setsockopt = fake_setsockopt;
  table.getsockopt = fake_getsockopt;
  table.peer_user = fake_peer_user;
  table.stat = fake_stat;
  table.recv = fake_recv;
  table.send = fake_send;
  table.poll = fake_poll;
  table.clock = fake_clock;
  table.sleep = fake_sleep;
  lml_sys = &table;
}

void fake_remove(void) {
  free(fake.got.bytes);
  fake = (fake_driver){0};
  lml_sys = &lml_sys_posix;
}
