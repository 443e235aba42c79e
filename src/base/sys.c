#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void *posix_aligned_alloc(size_t alignment, size_t bytes) {
  void *memory = NULL;
  const int failure = posix_memalign(&memory, alignment, bytes);
  if (failure != 0) errno = failure;
  return failure == 0 ? memory : NULL;
}

static int posix_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }

static int posix_stat(const char *path, struct stat *status) { return stat(path, status); }

static int posix_socket(int domain, int type, int protocol) { return socket(domain, type | SOCK_CLOEXEC, protocol); }

static int posix_connect(int fd, const struct sockaddr *address, socklen_t length) {
  return connect(fd, address, length);
}

static int posix_getsockname(int fd, struct sockaddr *address, socklen_t *length) {
  return getsockname(fd, address, length);
}

static int posix_getpeername(int fd, struct sockaddr *address, socklen_t *length) {
  return getpeername(fd, address, length);
}

static ssize_t posix_send(int fd, const void *buffer, size_t bytes, int flags) {
  return send(fd, buffer, bytes, flags | MSG_NOSIGNAL);
}

static double posix_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void posix_sleep(double seconds) {
  const double whole = floor(seconds);
  const struct timespec duration = {.tv_sec = (time_t)whole, .tv_nsec = (long)((seconds - whole) * 1e9)};
  nanosleep(&duration, NULL);
}

const lml_sys_table lml_sys_posix = {
    .malloc = malloc,
    .realloc = realloc,
    .aligned_alloc = posix_aligned_alloc,
    .free = free,
    .open = posix_open,
    .read = read,
    .write = write,
    .close = close,
    .fsync = fsync,
    .stat = posix_stat,
    .rename = rename,
    .unlink = unlink,
    .opendir = opendir,
    .readdir = readdir,
    .closedir = closedir,
    .socket = posix_socket,
    .connect = posix_connect,
    .setsockopt = setsockopt,
    .getsockopt = getsockopt,
    .send = posix_send,
    .recv = recv,
    .poll = poll,
    .getsockname = posix_getsockname,
    .getpeername = posix_getpeername,
    .getaddrinfo = getaddrinfo,
    .freeaddrinfo = freeaddrinfo,
    .clock = posix_clock,
    .sleep = posix_sleep,
};

const lml_sys_table *lml_sys = &lml_sys_posix;
