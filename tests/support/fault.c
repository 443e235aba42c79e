#include "support/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sys.h"

static struct {
  const lml_sys_table *beneath;
  fault_kind kind;
  size_t n;         /**< the call to fail */
  size_t calls;     /**< so far */
  const char *call; /**< that failed */
  long memory;      /**< pieces not given back */
  long descriptors; /**< likewise */
} fault;

/** Count a call that can fail in the way of @p kind; true where it is the one to fail, with errno set. */
static bool fails(fault_kind kind, const char *call, int number) {
  if (kind != fault.kind || ++fault.calls != fault.n) return false;
  fault.call = call;
  errno = number;
  return true;
}

/* ---- memory ---- */

static void *counted(void *memory) {
  if (memory != NULL) fault.memory++;
  return memory;
}

static void *faulty_malloc(size_t bytes) {
  return fails(FAULT_HARD, "malloc", ENOMEM) ? NULL : counted(fault.beneath->malloc(bytes));
}

static void *faulty_realloc(void *old, size_t bytes) {
  if (fails(FAULT_HARD, "realloc", ENOMEM)) return NULL;
  void *memory = fault.beneath->realloc(old, bytes);
  return old == NULL ? counted(memory) : memory;
}

static void *faulty_aligned_alloc(size_t alignment, size_t bytes) {
  if (fails(FAULT_HARD, "aligned_alloc", ENOMEM)) return NULL;
  return counted(fault.beneath->aligned_alloc(alignment, bytes));
}

static void counting_free(void *memory) {
  if (memory != NULL) fault.memory--;
  fault.beneath->free(memory);
}

/* ---- files ---- */

static int faulty_open(const char *path, int flags, mode_t mode) {
  /* A folder that may not be read can't be flushed, and that is no failure. */
  if (fails(FAULT_HARD, "open", (flags & O_DIRECTORY) != 0 ? EMFILE : EACCES)) return -1;
  const int fd = fault.beneath->open(path, flags, mode);
  if (fd >= 0) fault.descriptors++;
  return fd;
}

static ssize_t faulty_read(int fd, void *buffer, size_t bytes) {
  if (fails(FAULT_HARD, "read", EIO) || fails(FAULT_SOFT, "read", EINTR)) return -1;
  if (bytes > 1 && fails(FAULT_SOFT, "short read", 0)) bytes = 1;
  return fault.beneath->read(fd, buffer, bytes);
}

static ssize_t faulty_write(int fd, const void *buffer, size_t bytes) {
  if (fails(FAULT_HARD, "write", ENOSPC) || fails(FAULT_SOFT, "write", EINTR)) return -1;
  if (bytes > 1 && fails(FAULT_SOFT, "short write", 0)) bytes = 1;
  return fault.beneath->write(fd, buffer, bytes);
}

/** The descriptor is gone even where close fails, as on Linux. */
static int counting_close(int fd) {
  if (fd >= 0) fault.descriptors--;
  return fault.beneath->close(fd);
}

static int faulty_pipe(int ends[2]) {
  if (fails(FAULT_HARD, "pipe", EMFILE) || fault.beneath->pipe(ends) != 0) return -1;
  fault.descriptors += 2;
  return 0;
}

static int faulty_fsync(int fd) { return fails(FAULT_HARD, "fsync", EIO) ? -1 : fault.beneath->fsync(fd); }

static off_t faulty_lseek(int fd, off_t offset, int whence) {
  return fails(FAULT_HARD, "lseek", EIO) ? -1 : fault.beneath->lseek(fd, offset, whence);
}

static int faulty_ftruncate(int fd, off_t length) {
  return fails(FAULT_HARD, "ftruncate", EIO) ? -1 : fault.beneath->ftruncate(fd, length);
}

static int faulty_lock(int fd) { return fails(FAULT_HARD, "lock", ENOLCK) ? -1 : fault.beneath->lock(fd); }

static int faulty_rename(const char *from, const char *to) {
  return fails(FAULT_HARD, "rename", EACCES) ? -1 : fault.beneath->rename(from, to);
}

static int faulty_chmod(const char *path, mode_t mode) {
  return fails(FAULT_HARD, "chmod", EPERM) ? -1 : fault.beneath->chmod(path, mode);
}

static char *faulty_getcwd(char *buffer, size_t size) {
  return fails(FAULT_HARD, "getcwd", ENOENT) ? NULL : fault.beneath->getcwd(buffer, size);
}

static ssize_t faulty_readlink(const char *path, char *target, size_t size) {
  return fails(FAULT_HARD, "readlink", EIO) ? -1 : fault.beneath->readlink(path, target, size);
}

static int faulty_fstat(int fd, struct stat *status) {
  return fails(FAULT_HARD, "fstat", EIO) ? -1 : fault.beneath->fstat(fd, status);
}

static int faulty_stat(const char *path, struct stat *status) {
  return fails(FAULT_HARD, "stat", EACCES) ? -1 : fault.beneath->stat(path, status);
}

static DIR *faulty_opendir(const char *path) {
  if (fails(FAULT_HARD, "opendir", EACCES)) return NULL;
  DIR *folder = fault.beneath->opendir(path);
  if (folder != NULL) fault.descriptors++;
  return folder;
}

static struct dirent *faulty_readdir(DIR *folder) {
  return fails(FAULT_HARD, "readdir", EIO) ? NULL : fault.beneath->readdir(folder);
}

static int counting_closedir(DIR *folder) {
  fault.descriptors--;
  return fault.beneath->closedir(folder);
}

/* ---- sockets ---- */

static int faulty_socket(int domain, int type, int protocol) {
  if (fails(FAULT_HARD, "socket", EMFILE)) return -1;
  const int fd = fault.beneath->socket(domain, type, protocol);
  if (fd >= 0) fault.descriptors++;
  return fd;
}

static int faulty_connect(int fd, const struct sockaddr *address, socklen_t length) {
  return fails(FAULT_HARD, "connect", EACCES) ? -1 : fault.beneath->connect(fd, address, length);
}

static ssize_t faulty_send(int fd, const void *buffer, size_t bytes, int flags) {
  if (fails(FAULT_HARD, "send", EIO) || fails(FAULT_SOFT, "send", EINTR)) return -1;
  if (bytes > 1 && fails(FAULT_SOFT, "short send", 0)) bytes = 1;
  return fault.beneath->send(fd, buffer, bytes, flags);
}

static ssize_t faulty_recv(int fd, void *buffer, size_t bytes, int flags) {
  if (fails(FAULT_HARD, "recv", EIO) || fails(FAULT_SOFT, "recv", EINTR)) return -1;
  if (bytes > 1 && fails(FAULT_SOFT, "short recv", 0)) bytes = 1;
  return fault.beneath->recv(fd, buffer, bytes, flags);
}

static int faulty_poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
  if (fails(FAULT_HARD, "poll", ENOMEM) || fails(FAULT_SOFT, "poll", EINTR)) return -1;
  return fault.beneath->poll(fds, count, timeout_ms);
}

/* ---- processes ---- */

static pid_t faulty_spawn(const lml_spawn *how) {
  return fails(FAULT_HARD, "spawn", EAGAIN) ? -1 : fault.beneath->spawn(how);
}

/* ---- the seam ---- */

void fault_begin(fault_kind kind, size_t n) {
  static lml_sys_table table;
  table = *lml_sys;
  table.malloc = faulty_malloc;
  table.realloc = faulty_realloc;
  table.aligned_alloc = faulty_aligned_alloc;
  table.free = counting_free;
  table.open = faulty_open;
  table.read = faulty_read;
  table.write = faulty_write;
  table.close = counting_close;
  table.pipe = faulty_pipe;
  table.fsync = faulty_fsync;
  table.lseek = faulty_lseek;
  table.ftruncate = faulty_ftruncate;
  table.lock = faulty_lock;
  table.rename = faulty_rename;
  table.chmod = faulty_chmod;
  table.getcwd = faulty_getcwd;
  table.readlink = faulty_readlink;
  table.stat = faulty_stat;
  table.fstat = faulty_fstat;
  table.opendir = faulty_opendir;
  table.readdir = faulty_readdir;
  table.closedir = counting_closedir;
  table.socket = faulty_socket;
  table.connect = faulty_connect;
  table.send = faulty_send;
  table.recv = faulty_recv;
  table.poll = faulty_poll;
  table.spawn = faulty_spawn;
  fault.beneath = lml_sys;
  fault.kind = kind;
  fault.n = n;
  fault.calls = 0;
  fault.call = "";
  fault.memory = fault.descriptors = 0;
  lml_sys = &table;
}

bool fault_happened(void) { return fault.call[0] != '\0'; }

const char *fault_call(void) { return fault.call; }

bool fault_only_tidied(void) {
  static const char *const calls[] = {"lock", "opendir", "readdir"};
  for (size_t k = 0; k < sizeof calls / sizeof calls[0]; k++)
    if (strcmp(fault_call(), calls[k]) == 0) return true;
  return false;
}

bool fault_end(void) {
  lml_sys = fault.beneath;
  if (fault.memory != 0 || fault.descriptors != 0)
    fail_msg("call %zu, %s: %ld pieces of memory and %ld descriptors were not given back", fault.n, fault.call,
             fault.memory, fault.descriptors);
  return fault_happened();
}
