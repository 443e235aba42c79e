/** @file lock_file.h
 *  A file that one process at a time holds. The lock ends with the process, however that ends; the file may stay then,
 *  with what was written into it.
 */
#ifndef LML_BASE_LOCK_FILE_H
#define LML_BASE_LOCK_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/error.h"

/** Plain data; initialise with fd = −1. */
typedef struct lml_lock_file {
  int fd; /**< −1: not held */
  char *path;
} lml_lock_file;

/** Take the file @p path, which is made with mode 0600 where it is missing. *@p taken is false where another process
 *  has it. LML_ERR_IO where it cannot be made, is no regular file, or belongs to another user. On a file system that
 *  has no locks everybody takes it. */
lml_status lml_lock_file_take(const char *path, lml_lock_file *lock, bool *taken, lml_error *error);

/** What the file says, at most @p size − 1 bytes, with a NUL behind them. */
lml_status lml_lock_file_read(const lml_lock_file *lock, char *text, size_t size, lml_error *error);

/** Let the file say @p text alone. */
lml_status lml_lock_file_write(const lml_lock_file *lock, const char *text, lml_error *error);

/** Remove the file and give it back; fine where it is not held. */
void lml_lock_file_release(lml_lock_file *lock);

#endif
