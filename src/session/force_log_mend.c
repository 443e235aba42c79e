/* Reading a force log from its begin to its end, and taking out of it what is no whole frame. No whole frame is lost
 * and nothing is thrown away but what a program that died has left of its last frame. */
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

enum {
  SEARCH_SIZE = 65536, /**< bytes looked through at a time */
  BEGIN_DIGITS = 10,   /**< of the number of atoms, at most */
  MOST_NAMES = 1000000 /**< of files of what was set aside */
};

/** Bytes of the file that are no whole frame. */
typedef struct piece {
  uint64_t offset, bytes;
} piece;

typedef struct walk {
  lml_force_log *log;
  uint64_t size, at;
  uint64_t removed; /**< bytes of pieces so far */
  piece *pieces;
  size_t npieces, capacity;
  bool torn; /**< the last piece is what a program that died has left */
  lml_frame frame;
} walk;

/* ---- looking ---- */

/** Look at what begins at @p offset; *@p fits: a header, and as many bytes as it says are there, now in the buffer. */
static lml_status look(walk *w, uint64_t offset, lml_checked_verdict *verdict, lml_checked_head *head, bool *fits,
                       lml_error *error) {
  size_t got;
  lml_status status = lml_force_log_fetch(w->log, offset, LML_CHECKED_HEAD, &got, error);
  *fits = false;
  if (status != LML_OK) return status;
  *verdict = lml_checked_look(w->log->buffer, got, head);
  if (*verdict != LML_CHECKED_HEADER || head->bytes > w->size - offset) return LML_OK;
  status = lml_force_log_fetch(w->log, offset, head->bytes, &got, error);
  *fits = got == head->bytes;
  return status;
}

/** Whether a whole frame begins at @p offset. */
static lml_status is_whole(walk *w, uint64_t offset, bool *whole, lml_error *error) {
  lml_checked_verdict verdict;
  lml_checked_head head;
  const lml_status status = look(w, offset, &verdict, &head, whole, error);
  *whole = *whole && lml_checked_agrees(w->log->buffer, &head);
  return status;
}

/** Find the next header after @p from; *@p at is where it begins, the file's size where there is none. */
static lml_status find_header(walk *w, uint64_t from, uint64_t *at, lml_error *error) {
  const size_t length = strlen(lml_checked_begin), overlap = length + BEGIN_DIGITS + 1;
  size_t got;
  for (;; from += SEARCH_SIZE - overlap) {
    const lml_status status = lml_force_log_fetch(w->log, from, SEARCH_SIZE, &got, error);
    if (status != LML_OK) return status;
    for (size_t i = 0; i + length <= got; i++)
      if (memcmp(w->log->buffer + i, lml_checked_begin, length) == 0) {
        *at = from + i;
        return LML_OK;
      }
    if (got < SEARCH_SIZE) break;
  }
  *at = w->size;
  return LML_OK;
}

/** Find the next whole frame after @p offset; *@p next is the file's size where there is none. */
static lml_status find_whole(walk *w, uint64_t offset, uint64_t *next, lml_error *error) {
  lml_status status = LML_OK;
  uint64_t header = offset;
  for (bool whole = false; status == LML_OK && !whole;) {
    status = find_header(w, header + 1, &header, error);
    if (status != LML_OK || header == w->size) break;
    /* After a line that was cut off there may be more digits than its own. */
    const uint64_t most = header - offset < BEGIN_DIGITS + 2 ? header - offset : BEGIN_DIGITS + 2;
    for (uint64_t before = most; before >= 2 && status == LML_OK && !whole; before--) {
      *next = header - before;
      if (*next > offset) status = is_whole(w, *next, &whole, error);
    }
  }
  if (header == w->size) *next = w->size;
  return status;
}

/* ---- walking ---- */

static lml_status fail_unknown(const walk *w, lml_error *error) {
  size_t got;
  const lml_status status = lml_force_log_fetch(w->log, 0, 1, &got, error);
  if (status != LML_OK) return status;
  if (got > 0 && w->log->buffer[0] == '\0')
    return lml_fail(error, LML_ERR_INPUT,
                    "force log %s: the file exists, begins with zeros and holds no whole frame, as where the power "
                    "failed while the first one was written; remove it if that may be, or name another file",
                    w->log->path);
  return lml_fail(error, LML_ERR_INPUT,
                  "force log %s: the file exists and is no force log (its first frame has no lmlink_log=%d); name "
                  "another file",
                  w->log->path, LML_CHECKED_VERSION);
}

/** What begins here is no whole frame: go on with the next that is. */
static lml_status pass_over(walk *w, lml_error *error) {
  uint64_t next = w->size;
  lml_status status = find_whole(w, w->at, &next, error);
  if (status == LML_OK)
    status = lml_grow(&w->pieces, &w->capacity, w->npieces + 1, sizeof *w->pieces, "pieces of a force log", error);
  if (status != LML_OK) return status;
  w->pieces[w->npieces++] = (piece){w->at, next - w->at};
  w->removed += next - w->at;
  w->at = next;
  return LML_OK;
}

/** Take the frame in the buffer. A frame whose checksum is right was written as it is, whatever is wrong with it. */
static lml_status take_frame(walk *w, const lml_checked_head *head, lml_force_log_visit visit, void *context,
                             bool *whole, lml_error *error) {
  lml_force_log *log = w->log;
  const lml_log_place place = {log->nframes, w->at - w->removed, head->bytes, head->checksum};
  lml_status status = lml_force_log_parse(log, &place, NULL, &w->frame, error);
  *whole = status == LML_OK || lml_checked_agrees(log->buffer, head);
  if (status == LML_ERR_INPUT && !*whole) {
    lml_error_clear(error);
    return LML_OK;
  }
  if (status == LML_OK && visit != NULL) status = visit(context, &w->frame, &place, error);
  w->at += head->bytes;
  log->nframes++;
  return status;
}

static lml_status step(walk *w, lml_force_log_visit visit, void *context, lml_error *error) {
  lml_checked_verdict verdict;
  lml_checked_head head;
  bool whole;
  lml_status status = look(w, w->at, &verdict, &head, &whole, error);
  if (status != LML_OK) return status;
  const size_t got = w->size < LML_CHECKED_HEAD ? (size_t)w->size : LML_CHECKED_HEAD;
  if (w->at == 0 && verdict == LML_CHECKED_OTHER && !lml_checked_resembles(w->log->buffer, got))
    return fail_unknown(w, error);
  if (whole) status = take_frame(w, &head, visit, context, &whole, error);
  return status == LML_OK && !whole ? pass_over(w, error) : status;
}

/** Whether the last piece is but the begin of a frame, or zeros, as some file systems leave them after a power failure.
 */
static lml_status find_torn(walk *w, lml_error *error) {
  const piece *last = &w->pieces[w->npieces - 1];
  lml_checked_verdict verdict;
  lml_checked_head head;
  bool fits, zeros = true;
  size_t lines = 0, got = SEARCH_SIZE;
  lml_status status = look(w, last->offset, &verdict, &head, &fits, error);
  if (status != LML_OK || fits || last->offset + last->bytes < w->size) return status;
  for (uint64_t at = last->offset; status == LML_OK && got == SEARCH_SIZE; at += got) {
    status = lml_force_log_fetch(w->log, at, SEARCH_SIZE, &got, error);
    for (size_t i = 0; i < got; i++) {
      zeros = zeros && w->log->buffer[i] == '\0';
      lines += w->log->buffer[i] == '\n';
    }
  }
  const bool part = verdict == LML_CHECKED_HEADER && head.bytes > last->bytes && lines < head.natoms + 2;
  w->torn = verdict == LML_CHECKED_PART || part || zeros;
  if (w->log->nframes == 0 && verdict == LML_CHECKED_OTHER) return fail_unknown(w, error);
  return status;
}

/* ---- mending ---- */

/** Copy @p bytes bytes of the log from @p offset on to @p fd of the file @p path, or to @p writer. */
static lml_status copy(walk *w, uint64_t offset, uint64_t bytes, int fd, const char *path, lml_file_writer *writer,
                       lml_error *error) {
  lml_status status = LML_OK;
  size_t got = 1;
  while (bytes > 0 && got > 0 && status == LML_OK) {
    status = lml_force_log_fetch(w->log, offset, bytes < SEARCH_SIZE ? (size_t)bytes : SEARCH_SIZE, &got, error);
    if (status == LML_OK)
      status = writer != NULL ? lml_file_writer_write(writer, w->log->buffer, got, error)
                              : lml_file_put(fd, path, w->log->buffer, got, error);
    offset += got;
    bytes -= got;
  }
  return status;
}

/** Make a file with a name that is free, log->where. */
static lml_status create_aside(lml_force_log *log, int *fd, lml_error *error) {
  const size_t size = strlen(log->path) + 32;
  const lml_status status = lml_alloc(&log->where, size, 1, "a file name", error);
  if (status != LML_OK) return status;
  *fd = -1;
  for (int number = 1; *fd < 0 && number < MOST_NAMES; number++) {
    lml_print_cut(log->where, size, "%s.damaged-%d", log->path, number);
    *fd = lml_sys->open(log->where, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (*fd < 0 && errno != EEXIST) break;
  }
  return *fd >= 0 ? LML_OK
                  : lml_fail_errno(error, errno, "force log %s: what is damaged in it cannot be kept in %s", log->path,
                                   log->where);
}

/** Keep the first @p count pieces in a file of their own. */
static lml_status set_aside(walk *w, size_t count, lml_error *error) {
  lml_force_log *log = w->log;
  int fd;
  lml_status status = create_aside(log, &fd, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i < count && status == LML_OK; i++) {
    status = copy(w, w->pieces[i].offset, w->pieces[i].bytes, fd, log->where, NULL, error);
    log->aside += w->pieces[i].bytes;
  }
  if (status == LML_OK && lml_sys->fsync(fd) != 0)
    status = lml_fail_errno(error, errno, "%s: cannot be flushed to disk", log->where);
  lml_sys->close(fd);
  if (status == LML_OK) status = lml_file_flush_folder(log->where, error);
  if (status != LML_OK) (void)lml_sys->unlink(log->where); /* it is all still in the log */
  log->pieces = count;
  return status;
}

/** Write all but the pieces into a new file of the log's name. */
static lml_status write_rest(walk *w, lml_error *error) {
  lml_file_writer *writer;
  uint64_t at = 0;
  lml_status status = lml_file_writer_create(w->log->path, &writer, error);
  if (status != LML_OK) return status;
  for (size_t i = 0; i <= w->npieces && status == LML_OK; i++) {
    const uint64_t end = i < w->npieces ? w->pieces[i].offset : w->size;
    status = copy(w, at, end - at, -1, NULL, writer, error);
    at = i < w->npieces ? end + w->pieces[i].bytes : end;
  }
  if (status == LML_OK) return lml_file_writer_commit(writer, error);
  lml_file_writer_abort(writer);
  return status;
}

/** Put a new file in the log's place, which is whole at every moment, and go on with that. */
static lml_status rewrite(walk *w, lml_error *error) {
  lml_force_log *log = w->log;
  struct stat link;
  if (lml_sys->lstat(log->path, &link) != 0)
    return lml_fail_errno(error, errno, "force log %s: cannot be looked at", log->path);
  if (S_ISLNK(link.st_mode))
    return lml_fail(error, LML_ERR_IO,
                    "force log %s: is damaged, and a symbolic link: to have it mended, name the file that it points to",
                    log->path);
  lml_status status = write_rest(w, error);
  if (status != LML_OK) return status;
  lml_sys->close(log->fd);
  log->fd = -1;
  return lml_force_log_open_file(log, error);
}

static lml_status mend(walk *w, lml_error *error) {
  lml_force_log *log = w->log;
  if (w->npieces == 0) return LML_OK;
  const piece *last = &w->pieces[w->npieces - 1];
  lml_status status = find_torn(w, error);
  if (status != LML_OK) return status;
  const size_t kept = w->npieces - (w->torn ? 1 : 0);
  if (kept > 0) status = set_aside(w, kept, error);
  if (status != LML_OK) return status;
  if (w->npieces > 1 || last->offset + last->bytes < w->size)
    status = rewrite(w, error);
  else if (lml_sys->ftruncate(log->fd, (off_t)last->offset) != 0)
    status = lml_fail_errno(error, errno, "force log %s: a torn frame cannot be cut off", log->path);
  if (status == LML_OK && w->torn) log->cut = last->bytes;
  return status;
}

lml_status lml_force_log_read_all(lml_force_log *log, const lml_log_place *known, lml_force_log_visit visit,
                                  void *context, lml_error *error) {
  lml_error local = {0};
  if (error == NULL) error = &local;
  const off_t size = lml_sys->lseek(log->fd, 0, SEEK_END);
  if (size < 0) return lml_fail_errno(error, errno, "force log %s: cannot be read", log->path);
  walk w = {.log = log, .size = (uint64_t)size};
  log->nframes = known == NULL ? 0 : (size_t)known->number + 1;
  w.at = known == NULL ? 0 : known->offset + known->bytes;
  lml_status status = LML_OK;
  while (status == LML_OK && w.at < w.size) status = step(&w, visit, context, error);
  if (status == LML_OK) status = mend(&w, error);
  log->end = w.size - w.removed;
  lml_frame_free(&w.frame);
  lml_free(w.pieces);
  return status;
}
