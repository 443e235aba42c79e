#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file_texts.h"
#include "base/leftovers.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"

enum {
  FIRST_SIZE = 16384,  /**< bytes read at first from a file of unknown size, and a line's first room */
  BUFFER_SIZE = 65536, /**< bytes */
  LINK_SIZE = 4096,    /**< bytes of a symbolic link, which Linux has no longer ones of */
  MOST_LINKS = 40,     /**< that lead from one to the next, as in the kernel */
  NAME_TRIES = 100     /**< temporary names tried before giving up */
};

static ssize_t read_some(int fd, void *buffer, size_t bytes) {
  ssize_t count;
  do count = lml_sys->read(fd, buffer, bytes);
  while (count < 0 && errno == EINTR);
  return count;
}

static lml_status open_to_read(const char *path, int *fd, lml_error *error) {
  *fd = lml_sys->open(path, O_RDONLY, 0);
  return *fd < 0 ? lml_fail_errno(error, errno, "%s: cannot be opened", path) : LML_OK;
}

/* --- whole files ------------------------------------------------------------------------------------------------ */

static lml_status read_all(int fd, const char *path, char **text, size_t *length, lml_error *error) {
  size_t capacity = 0;
  for (;;) {
    const lml_status status = lml_grow(text, &capacity, *length + FIRST_SIZE, 1, path, error);
    if (status != LML_OK) return status;
    const ssize_t count = read_some(fd, *text + *length, capacity - *length - 1);
    if (count < 0) return lml_fail_errno(error, errno, "%s: cannot be read", path);
    *length += (size_t)count;
    if (count > 0) continue;
    (*text)[*length] = '\0';
    return LML_OK;
  }
}

lml_status lml_file_make_folder(const char *path, lml_error *error) {
  char *part = lml_strdup(path, error);
  if (part == NULL) return LML_ERR_MEMORY;
  lml_status status = LML_OK;
  for (char *at = part; status == LML_OK && *at != '\0'; at++) {
    const bool last = at[1] == '\0';
    if (!last && (at[1] != '/' || *at == '/')) continue;
    const char behind = at[1];
    at[1] = '\0';
    if (lml_sys->mkdir(part, 0777) != 0 && errno != EEXIST)
      status = lml_fail_errno(error, errno, "cannot make the folder %s", part);
    at[1] = behind;
  }
  lml_free(part);
  return status;
}

/** Where @p path leads, which need not be there; itself where it is no symbolic link. */
static lml_status follow_links(const char *path, char **target, lml_error *error) {
  char link[LINK_SIZE];
  *target = lml_strdup(path, error);
  for (int i = 0; *target != NULL && i < MOST_LINKS; i++) {
    const ssize_t length = lml_sys->readlink(*target, link, sizeof link - 1);
    if (length < 0)
      return errno == EINVAL || errno == ENOENT || errno == ENOTDIR
                 ? LML_OK
                 : lml_fail_errno(error, errno, "%s: it cannot be seen whether it is a symbolic link", path);
    link[length] = '\0';
    char *next = lml_path_beside(*target, link, error);
    lml_free(*target);
    *target = next;
  }
  if (*target == NULL) return LML_ERR_MEMORY;
  return lml_fail(error, LML_ERR_IO, "%s: leads over more than %d symbolic links", path, MOST_LINKS);
}

/** Open the folder of @p path, to flush it; *@p fd is negative where it may not be read. */
static lml_status open_folder(const char *path, int *fd, lml_error *error) {
  char *folder = lml_path_folder(path, error);
  *fd = -1;
  if (folder == NULL) return LML_ERR_MEMORY;
  *fd = lml_sys->open(folder, O_RDONLY | O_DIRECTORY, 0);
  lml_free(folder);
  if (*fd >= 0 || errno == EACCES) return LML_OK;
  return lml_fail_errno(error, errno, "%s: its folder cannot be opened to flush it to disk", path);
}

/** Flush that folder and close it. */
static lml_status flush_folder(const char *path, int fd, lml_error *error) {
  if (fd < 0) return LML_OK;
  /* Some file systems have no such thing. */
  const bool flushed = lml_sys->fsync(fd) == 0 || errno == EINVAL || errno == EBADF || errno == ENOTSUP;
  const int reason = errno;
  lml_sys->close(fd);
  return flushed ? LML_OK : lml_fail_errno(error, reason, "%s: its folder cannot be flushed to disk", path);
}

lml_status lml_file_flush_folder(const char *path, lml_error *error) {
  char *target;
  int fd = -1;
  lml_status status = follow_links(path, &target, error);
  if (status == LML_OK) status = open_folder(target, &fd, error);
  lml_free(target);
  return status == LML_OK ? flush_folder(path, fd, error) : status;
}

static lml_status copy_text(const lml_file_text *from, char **text, size_t *length, lml_error *error) {
  const lml_status status = lml_alloc(text, from->length + 1, 1, from->name, error);
  if (status != LML_OK) return status;
  memcpy(*text, from->text, from->length);
  *length = from->length;
  return LML_OK;
}

lml_status lml_file_read(const char *path, char **text, size_t *length, lml_error *error) {
  const lml_file_text *handed_over;
  int fd;
  *text = NULL;
  *length = 0;
  lml_status status = lml_file_texts_find(path, &handed_over, error);
  if (status == LML_OK && handed_over != NULL) return copy_text(handed_over, text, length, error);
  if (status == LML_OK) status = open_to_read(path, &fd, error);
  if (status != LML_OK) return status;
  status = read_all(fd, path, text, length, error);
  lml_sys->close(fd);
  if (status == LML_OK) return LML_OK;
  lml_free(*text);
  *text = NULL;
  *length = 0;
  return status;
}

/* --- lines ------------------------------------------------------------------------------------------------------ */

struct lml_lines {
  char *path;
  int fd;
  bool finished; /**< the end of the file has been read */
  bool torn;
  size_t number;
  uint64_t read; /**< bytes of the file up to the end of the buffer */
  char *buffer;
  size_t capacity;
  size_t begin, end; /**< bytes of the buffer that are not given out yet */
};

/** A reader of what is called @p name, its buffer with room for @p bytes. */
static lml_status make_lines(const char *name, size_t bytes, lml_lines **lines, lml_error *error) {
  lml_lines *l;
  *lines = NULL;
  lml_status status = lml_alloc(&l, 1, sizeof *l, "a file reader", error);
  if (status != LML_OK) return status;
  l->fd = -1;
  l->path = lml_strdup(name, error);
  status = l->path == NULL ? LML_ERR_MEMORY : lml_grow(&l->buffer, &l->capacity, bytes, 1, "a file reader", error);
  if (status == LML_OK)
    *lines = l;
  else
    lml_lines_close(l);
  return status;
}

lml_status lml_lines_open(const char *path, lml_lines **lines, lml_error *error) {
  const lml_file_text *text;
  *lines = NULL;
  lml_status status = lml_file_texts_find(path, &text, error);
  if (status == LML_OK && text != NULL) return lml_lines_open_text(path, text->text, text->length, lines, error);
  if (status == LML_OK) status = make_lines(path, BUFFER_SIZE, lines, error);
  if (status == LML_OK) status = open_to_read(path, &(*lines)->fd, error);
  if (status == LML_OK) return LML_OK;
  lml_lines_close(*lines);
  *lines = NULL;
  return status;
}

lml_status lml_lines_open_text(const char *name, const char *text, size_t length, lml_lines **lines, lml_error *error) {
  const lml_status status = make_lines(name, length + 1, lines, error);
  if (status != LML_OK) return status;
  memcpy((*lines)->buffer, text, length);
  (*lines)->end = length;
  (*lines)->read = length;
  (*lines)->finished = true;
  return LML_OK;
}

/** Read more behind what is left in the buffer, one byte of which stays free for a NUL. */
static lml_status fill(lml_lines *l, lml_error *error) {
  memmove(l->buffer, l->buffer + l->begin, l->end - l->begin);
  l->end -= l->begin;
  l->begin = 0;
  const lml_status status = lml_grow(&l->buffer, &l->capacity, l->end + FIRST_SIZE, 1, l->path, error);
  if (status != LML_OK) return status;
  const ssize_t count = read_some(l->fd, l->buffer + l->end, l->capacity - l->end - 1);
  if (count < 0) return lml_fail_errno(error, errno, "%s: cannot be read", l->path);
  l->end += (size_t)count;
  l->read += (uint64_t)count;
  l->finished = count == 0;
  return LML_OK;
}

/** Find the newline that ends the next line; NULL where the file ends without one. */
static lml_status find_newline(lml_lines *l, char **newline, lml_error *error) {
  size_t searched = 0;
  for (;;) {
    *newline = memchr(l->buffer + l->begin + searched, '\n', l->end - l->begin - searched);
    if (*newline != NULL || l->finished) return LML_OK;
    searched = l->end - l->begin;
    const lml_status status = fill(l, error);
    if (status != LML_OK) return status;
  }
}

lml_status lml_lines_next(lml_lines *lines, const char **text, size_t *length, lml_error *error) {
  char *newline;
  *text = NULL;
  if (length != NULL) *length = 0;
  const lml_status status = find_newline(lines, &newline, error);
  if (status != LML_OK) return status;
  if (newline == NULL && lines->begin == lines->end) return LML_OK;
  char *begin = lines->buffer + lines->begin, *end = newline == NULL ? lines->buffer + lines->end : newline;
  lines->torn = newline == NULL;
  lines->begin = (size_t)(end - lines->buffer) + (newline == NULL ? 0 : 1);
  lines->number++;
  if (newline != NULL && end > begin && end[-1] == '\r') end--;
  *end = '\0';
  *text = begin;
  if (length != NULL) *length = (size_t)(end - begin);
  return LML_OK;
}

lml_lines_place lml_lines_tell(const lml_lines *lines) {
  return (lml_lines_place){.offset = lines->read - (lines->end - lines->begin), .number = lines->number};
}

lml_status lml_lines_seek(lml_lines *lines, lml_lines_place place, lml_error *error) {
  if (lml_sys->lseek(lines->fd, (off_t)place.offset, SEEK_SET) < 0)
    return lml_fail_errno(error, errno, "%s: cannot be read", lines->path);
  lines->begin = lines->end = 0;
  lines->read = place.offset;
  lines->number = place.number;
  lines->finished = lines->torn = false;
  return LML_OK;
}

size_t lml_lines_number(const lml_lines *lines) { return lines->number; }

bool lml_lines_torn(const lml_lines *lines) { return lines->torn; }

const char *lml_lines_path(const lml_lines *lines) { return lines->path; }

void lml_lines_close(lml_lines *lines) {
  if (lines == NULL) return;
  if (lines->fd >= 0) lml_sys->close(lines->fd);
  lml_free(lines->path);
  lml_free(lines->buffer);
  lml_free(lines);
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

struct lml_file_writer {
  char *path;      /**< for messages */
  char *target;    /**< where path leads if it is a symbolic link */
  char *temporary; /**< the name it has until it is whole; empty until the file exists */
  bool replaces;   /**< there is such a file, of this mode */
  mode_t mode;
  int fd;       /**< −1 where it writes into memory */
  int folder;   /**< its folder, from when it is whole until that is flushed; else −1 */
  char *memory; /**< what was written into memory so far, but for the buffer */
  size_t length, capacity;
  size_t used;
  char buffer[BUFFER_SIZE];
};

/** Look at what has the final name: its mode is kept, and nothing but a regular file is replaced. */
static lml_status look_at_old(lml_file_writer *w, lml_error *error) {
  struct stat old;
  w->replaces = lml_sys->stat(w->path, &old) == 0;
  if (!w->replaces)
    return errno == ENOENT || errno == ENOTDIR ? LML_OK
                                               : lml_fail_errno(error, errno, "%s: cannot be looked at", w->path);
  w->mode = old.st_mode & 0777;
  if (S_ISREG(old.st_mode)) return LML_OK;
  return lml_fail(error, LML_ERR_IO, "%s: exists and is not a regular file; name another file", w->path);
}

static lml_status open_temporary(lml_file_writer *w, lml_error *error) {
  for (int attempt = 0; attempt < NAME_TRIES; attempt++) {
    lml_free(w->temporary);
    w->temporary = lml_print_new("a file name", error, LML_LEFTOVER_NAME, w->target, (long)getpid(), attempt);
    if (w->temporary == NULL) return LML_ERR_MEMORY;
    w->fd = lml_sys->open(w->temporary, O_WRONLY | O_CREAT | O_EXCL, w->replaces ? 0600 : 0666);
    if (w->fd < 0 && errno != EEXIST) break;
    if (w->fd >= 0 && lml_leftover_claim(w->fd)) return LML_OK;
    if (w->fd >= 0) lml_sys->close(w->fd);
    w->fd = -1;
  }
  w->temporary[0] = '\0';
  return lml_fail_errno(error, errno, "%s: a file beside it cannot be created", w->path);
}

/** Nobody but its owner could read the temporary file so far, where another file is replaced. */
static lml_status keep_mode(const lml_file_writer *w, lml_error *error) {
  if (!w->replaces || lml_sys->chmod(w->temporary, w->mode) == 0) return LML_OK;
  return lml_fail_errno(error, errno, "%s: its mode cannot be kept", w->path);
}

lml_status lml_file_writer_create_in_memory(const char *what, lml_file_writer **writer, lml_error *error) {
  lml_file_writer *w;
  *writer = NULL;
  const lml_status status = lml_alloc(&w, 1, sizeof *w, "a file writer", error);
  if (status != LML_OK) return status;
  w->fd = w->folder = -1;
  w->path = lml_strdup(what, error);
  if (w->path == NULL) {
    lml_file_writer_abort(w);
    return LML_ERR_MEMORY;
  }
  *writer = w;
  return LML_OK;
}

lml_status lml_file_writer_create(const char *path, lml_file_writer **writer, lml_error *error) {
  *writer = NULL;
  lml_status status = lml_file_writer_create_in_memory(path, writer, error);
  if (status == LML_OK) status = look_at_old(*writer, error);
  if (status == LML_OK) status = follow_links(path, &(*writer)->target, error);
  if (status == LML_OK) status = open_temporary(*writer, error);
  if (status == LML_OK) status = keep_mode(*writer, error);
  if (status == LML_OK) status = lml_leftovers_remove((*writer)->target, error);
  if (status == LML_OK) return LML_OK;
  lml_file_writer_abort(*writer);
  *writer = NULL;
  return status;
}

static lml_status remember(lml_file_writer *w, const char *data, size_t bytes, lml_error *error) {
  if (bytes == 0) return LML_OK;
  const lml_status status = lml_grow(&w->memory, &w->capacity, w->length + bytes, 1, w->path, error);
  if (status != LML_OK) return status;
  memcpy(w->memory + w->length, data, bytes);
  w->length += bytes;
  return LML_OK;
}

lml_status lml_file_put(int fd, const char *path, const char *data, size_t bytes, lml_error *error) {
  while (bytes > 0) {
    const ssize_t count = lml_sys->write(fd, data, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return lml_fail_errno(error, errno, "%s: cannot be written", path);
    data += count;
    bytes -= (size_t)count;
  }
  return LML_OK;
}

/** Write to the file, or append in memory. */
static lml_status write_all(lml_file_writer *w, const char *data, size_t bytes, lml_error *error) {
  return w->temporary == NULL ? remember(w, data, bytes, error) : lml_file_put(w->fd, w->path, data, bytes, error);
}

static lml_status flush(lml_file_writer *w, lml_error *error) {
  const size_t bytes = w->used;
  w->used = 0;
  return write_all(w, w->buffer, bytes, error);
}

lml_status lml_file_writer_write(lml_file_writer *writer, const void *data, size_t bytes, lml_error *error) {
  if (bytes > BUFFER_SIZE - writer->used) {
    const lml_status status = flush(writer, error);
    if (status != LML_OK) return status;
  }
  if (bytes > BUFFER_SIZE) return write_all(writer, data, bytes, error);
  memcpy(writer->buffer + writer->used, data, bytes);
  writer->used += bytes;
  return LML_OK;
}

lml_status lml_file_writer_print(lml_file_writer *writer, lml_error *error, const char *format, ...) {
  char usual_room[512], *text = usual_room;
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(usual_room, sizeof usual_room, format, arguments);
  va_end(arguments);
  if (length < 0) return lml_fail(error, LML_ERR_INTERNAL, "%s: a text could not be formatted", writer->path);
  if ((size_t)length >= sizeof usual_room) {
    const lml_status status = lml_alloc(&text, (size_t)length + 1, 1, "a line", error);
    if (status != LML_OK) return status;
    va_start(arguments, format);
    lml_print_cut_list(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
  }
  const lml_status status = lml_file_writer_write(writer, text, (size_t)length, error);
  if (text != usual_room) lml_free(text);
  return status;
}

lml_status lml_file_writer_prepare(lml_file_writer *w, lml_error *error) {
  if (w->fd < 0) return LML_OK;
  const lml_status status = flush(w, error);
  if (status != LML_OK) return status;
  if (lml_sys->fsync(w->fd) != 0) return lml_fail_errno(error, errno, "%s: cannot be flushed to disk", w->path);
  const int fd = w->fd;
  w->fd = -1;
  if (lml_sys->close(fd) != 0) return lml_fail_errno(error, errno, "%s: cannot be closed", w->path);
  return open_folder(w->target, &w->folder, error);
}

static lml_status put_in_place(lml_file_writer *w, lml_error *error) {
  if (lml_sys->rename(w->temporary, w->target) != 0)
    return lml_fail_errno(error, errno, "%s: cannot be put in place", w->path);
  w->temporary[0] = '\0';
  return LML_OK;
}

/** Bring the new name to the disk. */
static lml_status keep_name(lml_file_writer *w, lml_error *error) {
  const int folder = w->folder;
  w->folder = -1;
  return flush_folder(w->path, folder, error);
}

lml_status lml_file_writer_commit_all(lml_file_writer *const *writers, size_t count, lml_error *error) {
  lml_status status = LML_OK;
  for (size_t k = 0; k < count && status == LML_OK; k++) status = lml_file_writer_prepare(writers[k], error);
  for (size_t k = 0; k < count && status == LML_OK; k++) status = put_in_place(writers[k], error);
  for (size_t k = 0; k < count && status == LML_OK; k++) status = keep_name(writers[k], error);
  for (size_t k = 0; k < count; k++) lml_file_writer_abort(writers[k]);
  return status;
}

lml_status lml_file_writer_commit(lml_file_writer *writer, lml_error *error) {
  return lml_file_writer_commit_all(&writer, 1, error);
}

lml_status lml_file_writer_take(lml_file_writer *writer, char **text, size_t *length, lml_error *error) {
  const lml_status status = flush(writer, error);
  *text = status == LML_OK ? writer->memory : NULL;
  *length = status == LML_OK ? writer->length : 0;
  if (status == LML_OK) writer->memory = NULL;
  lml_file_writer_abort(writer);
  return status;
}

void lml_file_writer_abort(lml_file_writer *writer) {
  if (writer == NULL) return;
  if (writer->fd >= 0) lml_sys->close(writer->fd);
  if (writer->folder >= 0) lml_sys->close(writer->folder);
  if (writer->temporary != NULL && writer->temporary[0] != '\0') lml_sys->unlink(writer->temporary);
  lml_free(writer->temporary);
  lml_free(writer->memory);
  lml_free(writer->target);
  lml_free(writer->path);
  lml_free(writer);
}
