#include "session/force_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"
#include "session/force_log_file.h"
#include "structure/checked_frame.h"
#include "structure/frame.h"

/* ---- bytes of the file ---- */

lml_status lml_force_log_fetch(lml_force_log *log, uint64_t offset, size_t bytes, size_t *got, lml_error *error) {
  *got = 0;
  const lml_status status = lml_grow(&log->buffer, &log->buffer_capacity, bytes, 1, "a frame of the force log", error);
  if (status != LML_OK) return status;
  if (lml_sys->lseek(log->fd, (off_t)offset, SEEK_SET) < 0)
    return lml_fail_errno(error, errno, "force log %s: cannot be read", log->path);
  while (*got < bytes) {
    const ssize_t count = lml_sys->read(log->fd, log->buffer + *got, bytes - *got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return lml_fail_errno(error, errno, "force log %s: cannot be read", log->path);
    if (count == 0) return LML_OK;
    *got += (size_t)count;
  }
  return LML_OK;
}

/* ---- opening ---- */

static lml_status lock(const lml_force_log *log, lml_error *error) {
  if (lml_sys->lock(log->fd) == 0) return LML_OK;
  if (errno == EAGAIN || errno == EACCES)
    return lml_fail(error, LML_ERR_IO,
                    "force log %s: another process is writing to it; name another file, or {index} in its name where "
                    "several servers share a configuration",
                    log->path);
  return lml_fail_errno(error, errno, "force log %s: cannot be locked, put it on a file system that has locks",
                        log->path);
}

lml_status lml_force_log_open_file(lml_force_log *log, lml_error *error) {
  struct stat what;
  if (lml_sys->stat(log->path, &what) == 0 && !S_ISREG(what.st_mode))
    return lml_fail(error, LML_ERR_IO, "force log %s: exists and is not a regular file; name another file", log->path);
  log->fd = lml_sys->open(log->path, O_RDWR | O_CREAT | O_APPEND, 0666);
  if (log->fd < 0)
    return lml_fail_errno(error, errno, "force log %s: cannot be opened for writing, name another file", log->path);
  const lml_status status = lock(log, error);
  /* Also where it is there: who made it may have been killed before its name was on the disk. */
  return status == LML_OK ? lml_file_flush_folder(log->path, error) : status;
}

lml_status lml_force_log_open(const char *path, lml_force_log **log, lml_error *error) {
  lml_force_log *opened;
  *log = NULL;
  lml_status status = lml_alloc(&opened, 1, sizeof *opened, "a force log", error);
  if (status != LML_OK) return status;
  opened->fd = -1;
  opened->path = lml_strdup(path, error);
  status = opened->path == NULL ? LML_ERR_MEMORY : lml_force_log_open_file(opened, error);
  if (status == LML_OK)
    *log = opened;
  else
    lml_force_log_close(opened);
  return status;
}

/* ---- one frame ---- */

/** Read the bytes of a frame; *@p there: they are as many as they have to be, with its header. */
static lml_status fetch_frame(lml_force_log *log, const lml_log_place *place, lml_checked_head *head, bool *there,
                              lml_error *error) {
  size_t got;
  const lml_status status = lml_force_log_fetch(log, place->offset, (size_t)place->bytes, &got, error);
  *there = status == LML_OK && lml_checked_look(log->buffer, got, head) == LML_CHECKED_HEADER && head->bytes == got &&
           got == place->bytes && head->checksum == place->checksum;
  return status;
}

lml_status lml_force_log_holds(lml_force_log *log, const lml_log_place *place, bool *holds, lml_error *error) {
  lml_checked_head head;
  const off_t size = lml_sys->lseek(log->fd, 0, SEEK_END);
  *holds = false;
  if (size < 0) return lml_fail_errno(error, errno, "force log %s: cannot be read", log->path);
  if (place->bytes > (uint64_t)size || place->offset > (uint64_t)size - place->bytes) return LML_OK;
  const lml_status status = fetch_frame(log, place, &head, holds, error);
  *holds = *holds && lml_checked_agrees(log->buffer, &head);
  return status;
}

lml_status lml_force_log_parse(const lml_force_log *log, const lml_log_place *place, const char *const *columns,
                               lml_frame *frame, lml_error *error) {
  char name[LML_ERROR_MESSAGE_SIZE / 2]; /* lines are counted from the frame's begin */
  lml_print_cut(name, sizeof name, "force log %.300s, frame %llu", log->path, (unsigned long long)place->number);
  return lml_frame_parse(name, log->buffer, (size_t)place->bytes, columns, frame, error);
}

lml_status lml_force_log_read(lml_force_log *log, const lml_log_place *place, const char *const *columns,
                              lml_frame *frame, lml_error *error) {
  lml_checked_head head;
  bool there;
  lml_status status = fetch_frame(log, place, &head, &there, error);
  if (status == LML_OK && !there)
    status = lml_fail(error, LML_ERR_INPUT, "force log %s: frame %llu is not where it was", log->path,
                      (unsigned long long)place->number);
  return status == LML_OK ? lml_force_log_parse(log, place, columns, frame, error) : status;
}

/* ---- appending ---- */

/** What has happened to the file of which @p own is known; NULL: nothing. */
static const char *look_for_change(const lml_force_log *log, const struct stat *own, lml_error *error) {
  struct stat there;
  if (lml_sys->stat(log->path, &there) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) {
      lml_fail_errno(error, errno, "force log %s: cannot be looked at", log->path);
      return "";
    }
    return own->st_nlink == 0 ? "was removed while it was in use; start again with a new one"
                              : "was renamed or moved while it was in use; move it back and start again";
  }
  if (there.st_ino != own->st_ino || there.st_dev != own->st_dev)
    return "was replaced while it was in use: another file has its name; put the right one there and start again";
  if ((uint64_t)own->st_size < log->end)
    return "was cut off by another program while it was in use; start again, which goes on with what is left of it";
  if ((uint64_t)own->st_size > log->end)
    return "was written to by another program while it was in use; keep that from it and start again, which sets aside "
           "what is no frame";
  return NULL;
}

lml_status lml_force_log_check(lml_force_log *log, lml_error *error) {
  struct stat own;
  if (log->failed)
    return lml_fail(error, LML_ERR_IO, "force log %s: takes no more frames since one could not be written", log->path);
  log->failed = true;
  if (lml_sys->fstat(log->fd, &own) != 0)
    return lml_fail_errno(error, errno, "force log %s: cannot be looked at", log->path);
  const char *change = look_for_change(log, &own, error);
  log->failed = change != NULL;
  if (change == NULL) return LML_OK;
  return change[0] == '\0' ? LML_ERR_IO : lml_fail(error, LML_ERR_IO, "force log %s: %s", log->path, change);
}

static lml_status write_whole(const lml_force_log *log, const char *text, size_t length, lml_error *error) {
  lml_error reason = {0};
  if (lml_file_put(log->fd, log->path, text, length, &reason) != LML_OK)
    return lml_fail(error, LML_ERR_IO,
                    "force log %s; frame %zu is lost, make room and start again; the frames before it are there",
                    reason.message, log->nframes);
  if (lml_sys->fsync(log->fd) == 0) return LML_OK;
  return lml_fail_errno(error, errno, "force log %s: frame %zu cannot be flushed to disk", log->path, log->nframes);
}

/** The text of a frame with its header. */
static lml_status format(const lml_frame *frame, char **text, size_t *length, lml_error *error) {
  char *plain;
  size_t plain_length;
  lml_status status = lml_frame_format(frame, &plain, &plain_length, error);
  if (status != LML_OK) return status;
  status = lml_checked_format(plain, plain_length, text, length, error);
  lml_free(plain);
  return status;
}

lml_status lml_force_log_append(lml_force_log *log, const lml_frame *frame, lml_log_place *place, lml_error *error) {
  char *text = NULL;
  size_t length = 0;
  lml_status status = lml_force_log_check(log, error);
  if (status != LML_OK) return status;
  status = format(frame, &text, &length, error);
  if (status == LML_OK) {
    status = write_whole(log, text, length, error);
    /* What cannot be cut off here is, by the next that opens it. */
    if (status != LML_OK) (void)lml_sys->ftruncate(log->fd, (off_t)log->end);
  }
  log->failed = status != LML_OK;
  if (status == LML_OK) {
    lml_checked_head head;
    (void)lml_checked_look(text, length, &head);
    *place = (lml_log_place){log->nframes, log->end, length, head.checksum};
    log->end += length;
    log->nframes++;
  }
  lml_free(text);
  return status;
}

/* ---- all else ---- */

size_t lml_force_log_nframes(const lml_force_log *log) { return log->nframes; }

lml_force_log_damage lml_force_log_get_damage(const lml_force_log *log) {
  return (lml_force_log_damage){.cut = log->cut, .aside = log->aside, .pieces = log->pieces, .where = log->where};
}

const char *lml_force_log_path(const lml_force_log *log) { return log->path; }

void lml_force_log_close(lml_force_log *log) {
  if (log == NULL) return;
  if (log->fd >= 0) lml_sys->close(log->fd);
  lml_free(log->path);
  lml_free(log->where);
  lml_free(log->buffer);
  lml_free(log);
}
