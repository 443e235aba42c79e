#include "session/force_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "base/sys.h"
#include "structure/frame.h"

/* The three keys, with fixed places for the values: the frame's length can be put in when it is known. */
#define HEADER "lmlink_log=1 log_bytes=%012zu log_checksum=sha256:%s "
static const char begins[] = "lmlink_log=1 log_bytes=", between[] = " log_checksum=sha256:";

enum {
  COUNT_DIGITS = 10,                /**< of the number of atoms, at most */
  LENGTH_DIGITS = 12,               /**< of log_bytes */
  SUM_DIGITS = LML_SHA256_TEXT - 1, /**< of log_checksum */
  BEGINS = sizeof begins - 1,       /**< bytes */
  BETWEEN = sizeof between - 1,     /**< bytes */
  LENGTH_AT = BEGINS,               /**< bytes behind the beginning of the comment line */
  SUM_AT = LENGTH_AT + LENGTH_DIGITS + BETWEEN,
  HEADER_SIZE = SUM_AT + SUM_DIGITS + 1, /**< bytes, with the blank behind it */
  HEAD_SIZE = COUNT_DIGITS + 1 + HEADER_SIZE,
  SEARCH_SIZE = 65536 /**< bytes looked through at a time */
};

struct lml_force_log {
  char *path;
  int fd;
  off_t end; /**< behind the last whole frame */
  size_t nframes;
  size_t cut;
  bool failed; /**< a frame could not be written */
};

/* ---- bytes of the file ---- */

/** Read up to @p bytes bytes from @p offset on; fewer are there at the end of the file alone. */
static lml_status read_at(const lml_force_log *log, off_t offset, char *to, size_t bytes, size_t *got,
                          lml_error *error) {
  *got = 0;
  if (lml_sys->lseek(log->fd, offset, SEEK_SET) < 0)
    return lml_fail_errno(error, errno, "force log %s: cannot be read", log->path);
  while (*got < bytes) {
    const ssize_t count = lml_sys->read(log->fd, to + *got, bytes - *got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return lml_fail_errno(error, errno, "force log %s: cannot be read", log->path);
    if (count == 0) return LML_OK;
    *got += (size_t)count;
  }
  return LML_OK;
}

static lml_status cut_at(const lml_force_log *log, off_t end, lml_error *error) {
  if (lml_sys->ftruncate(log->fd, end) == 0) return LML_OK;
  return lml_fail_errno(error, errno, "force log %s: a torn frame cannot be cut off", log->path);
}

/* ---- checking what is there ---- */

typedef enum verdict { WHOLE, TORN, FOREIGN, DAMAGED } verdict;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/** Whether @p c may stand at place @p i of the comment line. */
static bool fits_header(size_t i, char c) {
  if (i < LENGTH_AT) return c == begins[i];
  if (i < LENGTH_AT + LENGTH_DIGITS) return is_digit(c);
  if (i < SUM_AT) return c == between[i - LENGTH_AT - LENGTH_DIGITS];
  if (i < SUM_AT + SUM_DIGITS) return c != '\0' && strchr("0123456789abcdef", c) != NULL;
  return c == ' ';
}

/** Whether the bytes of the comment line's header that are there are what they have to be. */
static bool header_agrees(const char *comment, size_t bytes) {
  for (size_t i = 0; i < bytes && i < HEADER_SIZE; i++)
    if (!fits_header(i, comment[i])) return false;
  return true;
}

/** Look at the first @p got bytes of a frame: WHOLE where its header is there, with the length of the frame and the
 *  place of its checksum. */
static verdict read_head(const char *head, size_t got, size_t *bytes, size_t *sum_at) {
  size_t digits = 0;
  while (digits < got && digits <= COUNT_DIGITS && is_digit(head[digits])) digits++;
  if (digits == got) return digits <= COUNT_DIGITS ? TORN : FOREIGN;
  if (digits == 0 || digits > COUNT_DIGITS || head[digits] != '\n') return FOREIGN;
  const char *comment = head + digits + 1;
  if (!header_agrees(comment, got - digits - 1)) return FOREIGN;
  if (got < digits + 1 + HEADER_SIZE) return TORN;
  *bytes = 0;
  for (size_t i = 0; i < LENGTH_DIGITS; i++) *bytes = 10 * *bytes + (size_t)(comment[LENGTH_AT + i] - '0');
  *sum_at = digits + 1 + SUM_AT;
  return *bytes >= digits + 1 + HEADER_SIZE ? WHOLE : FOREIGN;
}

static void checksum(const char *frame, size_t bytes, size_t sum_at, char text[LML_SHA256_TEXT]) {
  char zeros[SUM_DIGITS];
  memset(zeros, '0', sizeof zeros);
  lml_sha256 sha;
  lml_sha256_begin(&sha);
  lml_sha256_add(&sha, frame, sum_at);
  lml_sha256_add(&sha, zeros, sizeof zeros);
  lml_sha256_add(&sha, frame + sum_at + SUM_DIGITS, bytes - sum_at - SUM_DIGITS);
  lml_sha256_end(&sha, text);
}

/** Whether nothing but zeros follows: what some file systems leave of a write that a power failure interrupted. */
static bool only_zeros(const char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (bytes[i] != '\0') return false;
  return count > 0;
}

/** Whether another frame's header follows the one at @p log's end: then that one is damaged, as nothing is written
 *  behind a torn one. */
static lml_status find_further_header(const lml_force_log *log, char *room, size_t capacity, bool *found,
                                      lml_error *error) {
  off_t at = log->end + COUNT_DIGITS + 1 + BEGINS;
  size_t got = capacity;
  *found = false;
  while (!*found && got == capacity) {
    const lml_status status = read_at(log, at, room, capacity, &got, error);
    if (status != LML_OK) return status;
    for (size_t i = 0; i + BEGINS <= got && !*found; i++) *found = memcmp(room + i, begins, BEGINS) == 0;
    at += (off_t)(capacity - BEGINS);
  }
  return LML_OK;
}

/** The frame that begins at @p log's end, in a file of @p size bytes; *@p bytes is its length where it is whole. */
static lml_status look_at_frame(lml_force_log *log, off_t size, char **room, size_t *capacity, size_t *bytes,
                                verdict *found, lml_error *error) {
  size_t got, sum_at = 0;
  lml_status status = lml_grow(room, capacity, HEAD_SIZE, 1, "a frame of the force log", error);
  if (status == LML_OK) status = read_at(log, log->end, *room, HEAD_SIZE, &got, error);
  if (status != LML_OK) return status;
  *found = read_head(*room, got, bytes, &sum_at);
  if (*found == FOREIGN && log->nframes > 0) *found = only_zeros(*room, got) ? TORN : DAMAGED;
  if (*found != WHOLE) return LML_OK;
  if (*bytes > (size_t)(size - log->end)) {
    bool further = false;
    status = lml_grow(room, capacity, SEARCH_SIZE, 1, "a frame of the force log", error);
    if (status == LML_OK) status = find_further_header(log, *room, *capacity, &further, error);
    *found = further ? DAMAGED : TORN;
    return status;
  }
  status = lml_grow(room, capacity, *bytes, 1, "a frame of the force log", error);
  if (status == LML_OK) status = read_at(log, log->end, *room, *bytes, &got, error);
  if (status != LML_OK) return status;
  char sum[LML_SHA256_TEXT];
  checksum(*room, got, sum_at, sum);
  if (got < *bytes || memcmp(sum, *room + sum_at, SUM_DIGITS) != 0)
    *found = log->end + (off_t)*bytes == size ? TORN : DAMAGED;
  return LML_OK;
}

/** Walk over all whole frames; @p log's end is then behind the last one. */
static lml_status check_frames(lml_force_log *log, off_t size, lml_error *error) {
  char *room = NULL;
  size_t capacity = 0;
  lml_status status = LML_OK;
  verdict found = WHOLE;
  while (status == LML_OK && found == WHOLE && log->end < size) {
    size_t bytes;
    status = look_at_frame(log, size, &room, &capacity, &bytes, &found, error);
    if (status != LML_OK || found != WHOLE) break;
    log->end += (off_t)bytes;
    log->nframes++;
  }
  lml_free(room);
  if (status != LML_OK || found == WHOLE || found == TORN) return status;
  if (found == FOREIGN)
    return lml_fail(error, LML_ERR_INPUT,
                    "force log %s: the file exists and is no force log (its first frame has no lmlink_log=%d); name "
                    "another file",
                    log->path, LML_FORCE_LOG_VERSION);
  return lml_fail(error, LML_ERR_INPUT,
                  "force log %s: frame %zu, %lld bytes into the file, is damaged and not the last; move the file away, "
                  "or cut it there",
                  log->path, log->nframes, (long long)log->end);
}

static lml_status cut_torn_frame(lml_force_log *log, off_t size, lml_error *error) {
  if (log->end == size) return LML_OK;
  const lml_status status = cut_at(log, log->end, error);
  if (status == LML_OK) log->cut = (size_t)(size - log->end);
  return status;
}

static lml_status show_frames(const lml_force_log *log, lml_force_log_visit visit, void *context, lml_error *error) {
  lml_xyz_reader *reader;
  if (visit == NULL || log->nframes == 0) return LML_OK;
  lml_status status = lml_xyz_open(log->path, &reader, error);
  if (status != LML_OK) return status;
  lml_frame frame = {0};
  bool end = false;
  for (size_t i = 0; i < log->nframes && status == LML_OK; i++) {
    status = lml_xyz_read(reader, &frame, &end, error);
    if (status == LML_OK) status = visit(context, &frame, i, error);
  }
  lml_frame_free(&frame);
  lml_xyz_close(reader);
  return status;
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

static lml_status open_file(lml_force_log *log, lml_error *error) {
  struct stat what;
  if (lml_sys->stat(log->path, &what) == 0 && !S_ISREG(what.st_mode))
    return lml_fail(error, LML_ERR_IO, "force log %s: exists and is not a regular file; name another file", log->path);
  log->fd = lml_sys->open(log->path, O_RDWR | O_CREAT | O_APPEND, 0666);
  if (log->fd < 0)
    return lml_fail_errno(error, errno, "force log %s: cannot be opened for writing, name another file", log->path);
  return lock(log, error);
}

static lml_status prepare(lml_force_log *log, lml_force_log_visit visit, void *context, lml_error *error) {
  lml_status status = open_file(log, error);
  if (status != LML_OK) return status;
  const off_t size = lml_sys->lseek(log->fd, 0, SEEK_END);
  if (size < 0) return lml_fail_errno(error, errno, "force log %s: cannot be read", log->path);
  status = check_frames(log, size, error);
  if (status == LML_OK) status = show_frames(log, visit, context, error);
  return status == LML_OK ? cut_torn_frame(log, size, error) : status;
}

lml_status lml_force_log_open(const char *path, lml_force_log_visit visit, void *context, lml_force_log **log,
                              lml_error *error) {
  lml_force_log *opened;
  *log = NULL;
  lml_status status = lml_alloc(&opened, 1, sizeof *opened, "a force log", error);
  if (status != LML_OK) return status;
  opened->fd = -1;
  opened->path = lml_strdup(path, error);
  status = opened->path == NULL ? LML_ERR_MEMORY : prepare(opened, visit, context, error);
  if (status == LML_OK)
    *log = opened;
  else
    lml_force_log_close(opened);
  return status;
}

/* ---- appending ---- */

/** The text of the frame with the header in its comment line. */
static lml_status format(const lml_frame *frame, char **text, size_t *length, lml_error *error) {
  char *plain, header[HEADER_SIZE + 1], zeros[LML_SHA256_TEXT] = {0};
  size_t plain_length;
  lml_status status = lml_frame_format(frame, &plain, &plain_length, error);
  if (status != LML_OK) return status;
  *length = plain_length + HEADER_SIZE;
  status = lml_alloc(text, *length, 1, "a frame of the force log", error);
  if (status == LML_OK) {
    const size_t first = (size_t)((char *)memchr(plain, '\n', plain_length) + 1 - plain);
    memset(zeros, '0', SUM_DIGITS);
    snprintf(header, sizeof header, HEADER, *length, zeros);
    memcpy(*text, plain, first);
    memcpy(*text + first, header, HEADER_SIZE);
    memcpy(*text + first + HEADER_SIZE, plain + first, plain_length - first);
    checksum(*text, *length, first + SUM_AT, zeros);
    memcpy(*text + first + SUM_AT, zeros, SUM_DIGITS);
  }
  lml_free(plain);
  return status;
}

static lml_status write_whole(const lml_force_log *log, const char *text, size_t length, lml_error *error) {
  while (length > 0) {
    const ssize_t count = lml_sys->write(log->fd, text, length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return lml_fail_errno(error, errno,
                            "force log %s: frame %zu cannot be written, make room and start again; the frames before "
                            "it are there",
                            log->path, log->nframes);
    text += count;
    length -= (size_t)count;
  }
  if (lml_sys->fsync(log->fd) == 0) return LML_OK;
  return lml_fail_errno(error, errno, "force log %s: frame %zu cannot be flushed to disk", log->path, log->nframes);
}

lml_status lml_force_log_append(lml_force_log *log, const lml_frame *frame, lml_error *error) {
  char *text;
  size_t length;
  if (log->failed)
    return lml_fail(error, LML_ERR_IO, "force log %s: a frame before this one could not be written", log->path);
  lml_status status = format(frame, &text, &length, error);
  if (status == LML_OK) {
    status = write_whole(log, text, length, error);
    lml_free(text);
  }
  if (status == LML_OK) {
    log->end += (off_t)length;
    log->nframes++;
  } else {
    log->failed = true;
    /* What cannot be cut off here is, by the next that opens it. */
    (void)lml_sys->ftruncate(log->fd, log->end);
  }
  return status;
}

size_t lml_force_log_nframes(const lml_force_log *log) { return log->nframes; }

size_t lml_force_log_cut(const lml_force_log *log) { return log->cut; }

const char *lml_force_log_path(const lml_force_log *log) { return log->path; }

void lml_force_log_close(lml_force_log *log) {
  if (log == NULL) return;
  if (log->fd >= 0) lml_sys->close(log->fd);
  lml_free(log->path);
  lml_free(log);
}
