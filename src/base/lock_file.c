#include "base/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/leftovers.h"
#include "base/memory.h"
#include "base/sys.h"

enum { OWNER_ONLY = 0600, TRIES = 100 /**< files that others remove between two calls, before giving up */ };

static lml_status check_file(const char *path, const struct stat *file, lml_error *error) {
  if (!S_ISREG(file->st_mode)) return lml_fail(error, LML_ERR_IO, "%s is not a regular file; remove it", path);
  if (file->st_uid != lml_sys->geteuid())
    return lml_fail(error, LML_ERR_IO, "%s belongs to another user; remove it or give another name", path);
  return LML_OK;
}

/** Open and lock. *@p stale: its holder has removed it meanwhile, and the lock is of no use. */
static lml_status try_to_take(lml_lock_file *lock, bool *taken, bool *stale, lml_error *error) {
  struct stat own, named;
  *taken = *stale = false;
  lock->fd = lml_sys->open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW, OWNER_ONLY);
  if (lock->fd < 0) return lml_fail_errno(error, errno, "cannot make the file %s", lock->path);
  lml_status status = lml_sys->fstat(lock->fd, &own) == 0
                          ? check_file(lock->path, &own, error)
                          : lml_fail_errno(error, errno, "cannot look at %s", lock->path);
  if (status == LML_OK && lml_leftover_claim(lock->fd)) {
    *stale = lml_sys->lstat(lock->path, &named) != 0 || named.st_ino != own.st_ino || named.st_dev != own.st_dev;
    *taken = !*stale;
  }
  if (*taken) return LML_OK;
  lml_sys->close(lock->fd);
  lock->fd = -1;
  return status;
}

lml_status lml_lock_file_take(const char *path, lml_lock_file *lock, bool *taken, lml_error *error) {
  *taken = false;
  *lock = (lml_lock_file){.fd = -1, .path = lml_strdup(path, error)};
  if (lock->path == NULL) return LML_ERR_MEMORY;
  lml_status status = LML_OK;
  bool stale = true;
  for (int attempt = 0; stale && status == LML_OK && attempt < TRIES; attempt++)
    status = try_to_take(lock, taken, &stale, error);
  if (*taken) return LML_OK;
  lml_free(lock->path);
  lock->path = NULL;
  return status;
}

lml_status lml_lock_file_read(const lml_lock_file *lock, char *text, size_t size, lml_error *error) {
  size_t length = 0;
  text[0] = '\0';
  if (lml_sys->lseek(lock->fd, 0, SEEK_SET) < 0) return lml_fail_errno(error, errno, "cannot read %s", lock->path);
  while (length + 1 < size) {
    const ssize_t count = lml_sys->read(lock->fd, text + length, size - 1 - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return lml_fail_errno(error, errno, "cannot read %s", lock->path);
    if (count == 0) break;
    length += (size_t)count;
  }
  text[length] = '\0';
  return LML_OK;
}

lml_status lml_lock_file_write(const lml_lock_file *lock, const char *text, lml_error *error) {
  if (lml_sys->ftruncate(lock->fd, 0) != 0 || lml_sys->lseek(lock->fd, 0, SEEK_SET) != 0)
    return lml_fail_errno(error, errno, "%s: cannot be written", lock->path);
  return lml_file_put(lock->fd, lock->path, text, strlen(text), error);
}

void lml_lock_file_release(lml_lock_file *lock) {
  if (lock->fd < 0) return;
  lml_sys->unlink(lock->path); /* while it is held, so that it is not the next holder's */
  lml_sys->close(lock->fd);
  lml_free(lock->path);
  *lock = (lml_lock_file){.fd = -1};
}
