#include "memory_peer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sys.h"
#include "memory_files.h"

enum { SOCKETS = 80, FIRST_SOCKET = 3000, MOST_PEERS = 30 /**< in one input, so that none takes long */ };

typedef struct peer_socket {
  bool open, is_peer;
  size_t at, end; /**< of what it says */
} peer_socket;

static peer_socket sockets[SOCKETS];
static const uint8_t *input;
static size_t input_size, next_peer, npeers;
static memory_peer_manners manners;
static double now;
static bool in_the_way; /**< the last send was taken in part alone */
static const lml_sys_table *beneath;
static lml_sys_table table;

static peer_socket *socket_of(int fd) {
  const int k = fd - FIRST_SOCKET;
  REQUIRE(k >= 0 && k < SOCKETS && sockets[k].open);
  return &sockets[k];
}

static int new_socket(void) {
  for (int k = 0; k < SOCKETS; k++) {
    if (sockets[k].open) continue;
    sockets[k] = (peer_socket){.open = true};
    return FIRST_SOCKET + k;
  }
  errno = EMFILE;
  return -1;
}

static int make_socket(int domain, int type, int protocol) {
  (void)domain, (void)type, (void)protocol;
  return new_socket();
}

static int close_socket(int fd) {
  if (fd < FIRST_SOCKET) return beneath->close(fd);
  socket_of(fd)->open = false;
  return 0;
}

static bool nobody_comes(void) { return input_size - next_peer < 2 || npeers == MOST_PEERS; }

/** Give the next peer to the socket; false where there is none. */
static bool meet(int fd) {
  if (nobody_comes()) return false;
  const size_t length = input[next_peer] + 256u * input[next_peer + 1], left = input_size - next_peer - 2;
  peer_socket *s = socket_of(fd);
  s->is_peer = true;
  s->at = next_peer + 2;
  s->end = s->at + (length < left ? length : left);
  next_peer = s->end;
  npeers++;
  return true;
}

static int connect_socket(int fd, const struct sockaddr *address, socklen_t length) {
  (void)address, (void)length;
  errno = ECONNREFUSED;
  return meet(fd) ? 0 : -1;
}

static int accept_peer(int fd) {
  socket_of(fd);
  const int peer = new_socket();
  if (peer >= 0 && meet(peer)) return peer;
  if (peer >= 0) close_socket(peer);
  errno = EAGAIN;
  return -1;
}

static ssize_t receive(int fd, void *buffer, size_t bytes, int flags) {
  peer_socket *s = socket_of(fd);
  (void)flags;
  size_t count = s->end - s->at;
  if (count > bytes) count = bytes;
  if (manners.read_step > 0 && count > manners.read_step) count = manners.read_step;
  if (count > 0) memcpy(buffer, input + s->at, count);
  s->at += count;
  errno = EAGAIN;
  return count == 0 && manners.stays ? -1 : (ssize_t)count;
}

static ssize_t send_to(int fd, const void *buffer, size_t bytes, int flags) {
  (void)buffer, (void)flags;
  REQUIRE(socket_of(fd)->is_peer);
  in_the_way = manners.send_step > 0 && !in_the_way;
  errno = EAGAIN;
  if (in_the_way) return -1;
  return (ssize_t)(manners.send_step > 0 && bytes > manners.send_step ? manners.send_step : bytes);
}

static int look(struct pollfd *fds, nfds_t count, int timeout_ms) {
  int ready = 0;
  for (nfds_t k = 0; k < count; k++) {
    const peer_socket *s = socket_of(fds[k].fd);
    const bool speaks = s->is_peer ? s->at < s->end || !manners.stays : !nobody_comes();
    fds[k].revents = (short)(fds[k].events & (speaks ? POLLIN | POLLOUT : POLLOUT));
    ready += fds[k].revents != 0;
  }
  if (ready == 0) now += timeout_ms > 0 ? 0.001 * timeout_ms : 1.0;
  return ready;
}

static int get_error(int fd, int level, int name, void *value, socklen_t *length) {
  (void)level, (void)name;
  socket_of(fd);
  *length = sizeof(int);
  memset(value, 0, *length);
  return 0;
}

static int set_option(int fd, int level, int name, const void *value, socklen_t length) {
  (void)level, (void)name, (void)value, (void)length;
  socket_of(fd);
  return 0;
}

static int do_bind(int fd, const struct sockaddr *address, socklen_t length) {
  (void)length;
  socket_of(fd);
  memory_files_put(((const struct sockaddr_un *)address)->sun_path, NULL, 0);
  return 0;
}

static int do_listen(int fd, int backlog) {
  (void)backlog;
  socket_of(fd);
  return 0;
}

static int own_user(int fd, uid_t *user) {
  socket_of(fd);
  *user = lml_sys_posix.geteuid();
  return 0;
}

static int own_process(int fd, pid_t *process) {
  socket_of(fd);
  *process = getpid();
  return 0;
}

static double clock_now(void) {
  now += 1e-3;
  return now;
}

static void pass_time(double seconds) { now += seconds; }

void memory_peer_begin(const uint8_t *data, size_t size, memory_peer_manners how) {
  input = data;
  input_size = size;
  next_peer = npeers = 0;
  manners = how;
  now = 0.0;
  in_the_way = false;
  memset(sockets, 0, sizeof sockets);
  beneath = lml_sys;
  table = *lml_sys;
  table.socket = make_socket;
  table.close = close_socket;
  table.connect = connect_socket;
  table.accept = accept_peer;
  table.recv = receive;
  table.send = send_to;
  table.poll = look;
  table.getsockopt = get_error;
  table.setsockopt = set_option;
  table.bind = do_bind;
  table.listen = do_listen;
  table.peer_user = own_user;
  table.peer_process = own_process;
  table.clock = clock_now;
  table.sleep = pass_time;
  lml_sys = &table;
}

int memory_peer_is_over(void) {
  bool over = nobody_comes();
  for (int k = 0; k < SOCKETS && over; k++) over = !sockets[k].open || sockets[k].at == sockets[k].end;
  return over;
}

void memory_peer_end(void) {
  for (int k = 0; k < SOCKETS; k++) REQUIRE(!sockets[k].open);
  lml_sys = beneath;
}
