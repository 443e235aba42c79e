/* For struct ucred, accept4, pipe2, locks of open files and sched_getaffinity. */
#define _GNU_SOURCE

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *posix_aligned_alloc(size_t alignment, size_t bytes) {
  void *memory = NULL;
  const int failure = posix_memalign(&memory, alignment, bytes);
  if (failure != 0) errno = failure;
  return failure == 0 ? memory : NULL;
}

static int posix_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }

static int posix_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

static int posix_fstat(int fd, struct stat *status) { return fstat(fd, status); }

static int posix_stat(const char *path, struct stat *status) { return stat(path, status); }

/** The lock belongs to the open file, not to the process: it ends with the last descriptor of that open. @p count 0: up
 *  to the end. */
static int set_lock(int fd, short type, off_t from, off_t count) {
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = count};
  return fcntl(fd, F_OFD_SETLK, &range);
}

static int posix_lock(int fd) { return set_lock(fd, F_WRLCK, 0, 0); }
static int posix_hold_byte(int fd, off_t byte) { return set_lock(fd, F_WRLCK, byte, 1); }
static int posix_leave_byte(int fd, off_t byte) { return set_lock(fd, F_UNLCK, byte, 1); }

static int posix_find_held(int fd, off_t from, off_t count, off_t *byte) {
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from, .l_len = count};
  if (fcntl(fd, F_OFD_GETLK, &range) != 0) return -1;
  *byte = range.l_start;
  return range.l_type == F_UNLCK ? 0 : 1;
}

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

static int posix_lstat(const char *path, struct stat *status) { return lstat(path, status); }

static int posix_bind(int fd, const struct sockaddr *address, socklen_t length) { return bind(fd, address, length); }

static int posix_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

static int posix_peer(int fd, struct ucred *peer) {
  socklen_t length = sizeof *peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &length);
}

static int posix_peer_user(int fd, uid_t *user) {
  struct ucred peer;
  if (posix_peer(fd, &peer) != 0) return -1;
  *user = peer.uid;
  return 0;
}

static int posix_peer_process(int fd, pid_t *process) {
  struct ucred peer;
  if (posix_peer(fd, &peer) != 0) return -1;
  *process = peer.pid;
  return 0;
}

/** In the child: become the program, or leave. Calls nothing that is not safe between fork and exec. */
static void become(const lml_spawn *how) {
  static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGCHLD, SIGXFSZ, SIGUSR1, SIGUSR2};
  for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++) signal(handled[i], SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setpgid(0, 0);
  /* Above 2 first: lmlink itself may have been started without standard descriptors, and have these there. */
  const int given = how->input >= 0 ? how->input : open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int input = fcntl(given, F_DUPFD_CLOEXEC, 3), output = fcntl(how->output, F_DUPFD_CLOEXEC, 3);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(127);
  if (chdir(how->folder) != 0) _exit(127);
  /* execve takes no pointers to const, and changes nothing. */
  union {
    const char *const *readable;
    char *const *passed;
  } arguments = {.readable = how->arguments}, environment = {.readable = how->environment};
  execve(how->arguments[0], arguments.passed, environment.passed);
  _exit(127);
}

static pid_t posix_spawn_process(const lml_spawn *how) {
  const pid_t child = fork();
  if (child == 0) become(how);
  /* Both sides set the group, so that it is there whoever comes first. */
  if (child > 0) setpgid(child, child);
  return child;
}

/** The bits are those of the kernel's words, whose order of bytes does not matter to who counts them. */
static int posix_affinity(size_t bytes, unsigned char *mask) {
  return sched_getaffinity(0, bytes, (cpu_set_t *)(void *)mask);
}

static double posix_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static time_t posix_time(void) { return time(NULL); }

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
    .pipe = posix_pipe,
    .fsync = fsync,
    .lseek = lseek,
    .ftruncate = ftruncate,
    .lock = posix_lock,
    .hold_byte = posix_hold_byte,
    .leave_byte = posix_leave_byte,
    .find_held = posix_find_held,
    .stat = posix_stat,
    .fstat = posix_fstat,
    .lstat = posix_lstat,
    .chmod = chmod,
    .mkdir = mkdir,
    .rename = rename,
    .unlink = unlink,
    .getcwd = getcwd,
    .readlink = readlink,
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
    .bind = posix_bind,
    .listen = listen,
    .accept = posix_accept,
    .peer_user = posix_peer_user,
    .peer_process = posix_peer_process,
    .geteuid = geteuid,
    .spawn = posix_spawn_process,
    .waitpid = waitpid,
    .kill = kill,
    .affinity = posix_affinity,
    .clock = posix_clock,
    .time = posix_time,
    .sleep = posix_sleep,
};

const lml_sys_table *lml_sys = &lml_sys_posix;
