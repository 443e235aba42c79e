/** @file sys.h
 *  The seam to the operating system: allocation, files, sockets, poll, clock and processes.
 *
 *  Everything in lmlink that can fail for reasons outside the program goes through the table that `lml_sys` points
 *  to, so that a test can make any one call fail, in turn. The members behave like the POSIX functions of the same
 *  name and set errno. Descriptors are opened close-on-exec. No code outside sys.c calls the originals.
 */
#ifndef LML_BASE_SYS_H
#define LML_BASE_SYS_H

#include <dirent.h>
#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/** A process to start, in a process group and a folder of its own. */
typedef struct lml_spawn {
  const char *const *arguments;   /**< argv, NULL at the end; its first is the program's path */
  const char *const *environment; /**< "NAME=value", NULL at the end */
  const char *folder;             /**< its working folder */
  int input;                      /**< descriptor of its standard input; −1: an empty one */
  int output;                     /**< descriptor of its standard output and error */
} lml_spawn;

typedef struct lml_sys_table {
  /* memory */
  void *(*malloc)(size_t bytes);
  void *(*realloc)(void *old, size_t bytes);
  void *(*aligned_alloc)(size_t alignment, size_t bytes); /**< bytes need not be a multiple of alignment */
  void (*free)(void *memory);                             /**< frees what any of the three above gave */
  /* files */
  int (*open)(const char *path, int flags, mode_t mode); /**< adds O_CLOEXEC */
  ssize_t (*read)(int fd, void *buffer, size_t bytes);
  ssize_t (*write)(int fd, const void *buffer, size_t bytes);
  int (*close)(int fd);
  int (*pipe)(int ends[2]); /**< adds O_CLOEXEC */
  int (*fsync)(int fd);
  off_t (*lseek)(int fd, off_t offset, int whence);
  int (*ftruncate)(int fd, off_t length);
  int (*lock)(int fd); /**< take the exclusive lock of the open file without waiting: EAGAIN where another has it */
  int (*hold_byte)(int fd, off_t byte);  /**< the same for one byte, which need not be there */
  int (*leave_byte)(int fd, off_t byte); /**< give it back */
  /** 1 and *@p byte where another open file holds one of the @p count bytes from @p from on; 0: none is held. */
  int (*find_held)(int fd, off_t from, off_t count, off_t *byte);
  int (*stat)(const char *path, struct stat *status);
  int (*fstat)(int fd, struct stat *status);
  int (*lstat)(const char *path, struct stat *status);
  int (*chmod)(const char *path, mode_t mode);
  int (*mkdir)(const char *path, mode_t mode);
  int (*rename)(const char *from, const char *to);
  int (*unlink)(const char *path);
  char *(*getcwd)(char *buffer, size_t size);
  ssize_t (*readlink)(const char *path, char *target, size_t size);
  DIR *(*opendir)(const char *path);
  struct dirent *(*readdir)(DIR *folder);
  int (*closedir)(DIR *folder);
  /* sockets */
  int (*socket)(int domain, int type, int protocol); /**< adds SOCK_CLOEXEC */
  int (*connect)(int fd, const struct sockaddr *address, socklen_t length);
  int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t length);
  int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *length);
  ssize_t (*send)(int fd, const void *buffer, size_t bytes, int flags); /**< adds MSG_NOSIGNAL */
  ssize_t (*recv)(int fd, void *buffer, size_t bytes, int flags);
  int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
  int (*getsockname)(int fd, struct sockaddr *address, socklen_t *length);
  int (*getpeername)(int fd, struct sockaddr *address, socklen_t *length);
  int (*getaddrinfo)(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found);
  void (*freeaddrinfo)(struct addrinfo *found);
  int (*bind)(int fd, const struct sockaddr *address, socklen_t length);
  int (*listen)(int fd, int backlog);
  int (*accept)(int fd);                 /**< adds SOCK_CLOEXEC and SOCK_NONBLOCK */
  int (*peer_user)(int fd, uid_t *user); /**< who is at the other end of a unix socket */
  int (*peer_process)(int fd, pid_t *process);
  /* processes */
  uid_t (*geteuid)(void);
  pid_t (*spawn)(const lml_spawn *how); /**< fork and exec */
  pid_t (*waitpid)(pid_t process, int *status, int options);
  int (*kill)(pid_t process, int signal);
  /** The processors that the process may use: bits of @p mask, @p bytes long; EINVAL where there are more. */
  int (*affinity)(size_t bytes, unsigned char *mask);
  /* time */
  double (*clock)(void);         /**< monotonic, seconds */
  time_t (*time)(void);          /**< seconds since 1970, UTC */
  void (*sleep)(double seconds); /**< may return early on a signal */
} lml_sys_table;

/** The real operating system. */
extern const lml_sys_table lml_sys_posix;

/** The table in force; tests point it elsewhere and back. */
extern const lml_sys_table *lml_sys;

#endif
