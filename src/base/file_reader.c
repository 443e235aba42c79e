#include "base/file_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"

struct lml_file_reader {
  char *path;
  int fd;
  uint64_t size;
  uint64_t place; /**< of the byte that a read gives next */
};

static lml_status go_to(lml_file_reader *r, uint64_t offset, lml_error *error) {
  if (r->place == offset) return LML_OK;
  if (lml_sys->lseek(r->fd, (off_t)offset, SEEK_SET) < 0)
    return lml_fail_errno(error, errno, "%s: cannot be read", r->path);
  r->place = offset;
  return LML_OK;
}

static lml_status open_file(lml_file_reader *r, lml_error *error) {
  r->fd = lml_sys->open(r->path, O_RDONLY, 0);
  if (r->fd < 0) return lml_fail_errno(error, errno, "%s: cannot be opened", r->path);
  const off_t end = lml_sys->lseek(r->fd, 0, SEEK_END);
  if (end < 0) return lml_fail_errno(error, errno, "%s: cannot be read", r->path);
  r->size = r->place = (uint64_t)end;
  return LML_OK;
}

lml_status lml_file_reader_open(const char *path, lml_file_reader **reader, lml_error *error) {
  lml_file_reader *r;
  *reader = NULL;
  lml_status status = lml_alloc(&r, 1, sizeof *r, "a file reader", error);
  if (status != LML_OK) return status;
  r->fd = -1;
  r->path = lml_strdup(path, error);
  status = r->path == NULL ? LML_ERR_MEMORY : open_file(r, error);
  if (status == LML_OK)
    *reader = r;
  else
    lml_file_reader_close(r);
  return status;
}

uint64_t lml_file_reader_size(const lml_file_reader *reader) { return reader->size; }

lml_status lml_file_reader_read(lml_file_reader *reader, uint64_t offset, void *data, size_t bytes, lml_error *error) {
  char *to = data;
  const lml_status status = go_to(reader, offset, error);
  if (status != LML_OK) return status;
  while (bytes > 0) {
    const ssize_t count = lml_sys->read(reader->fd, to, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return lml_fail_errno(error, errno, "%s: cannot be read", reader->path);
    if (count == 0) return lml_fail(error, LML_ERR_INPUT, "%s: ends where more was expected", reader->path);
    to += count;
    bytes -= (size_t)count;
    reader->place += (uint64_t)count;
  }
  return LML_OK;
}

void lml_file_reader_close(lml_file_reader *reader) {
  if (reader == NULL) return;
  if (reader->fd >= 0) lml_sys->close(reader->fd);
  lml_free(reader->path);
  lml_free(reader);
}
