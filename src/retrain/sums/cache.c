#include "retrain/sums/cache.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/file_reader.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sha256.h"
#include "base/sys.h"
#include "base/text.h"

/** The first line. */
static const char magic[] = "lmlink-retrain-cache\n";

enum {
  MAGIC_BYTES = sizeof magic - 1,
  LENGTH_BYTES = 21,                /**< digits and newline */
  CHECKSUM_BYTES = LML_SHA256_TEXT, /**< digits, and a newline in place of the NUL */
  HEAD_BYTES = MAGIC_BYTES + LENGTH_BYTES + CHECKSUM_BYTES,
  MOST_WRONG = 2 /**< bytes of the first line that may differ in a file that is still taken for a damaged cache */
};

static void end_checksum(lml_sha256 *sha, char text[CHECKSUM_BYTES]) {
  lml_sha256_end(sha, text);
  text[CHECKSUM_BYTES - 1] = '\n';
}

/** Length and checksum of the key, as they stand in the file. */
static void put_head(const char *key, char head[HEAD_BYTES + 1]) {
  char checksum[CHECKSUM_BYTES];
  lml_sha256 sha;
  lml_sha256_begin(&sha);
  lml_sha256_add(&sha, key, strlen(key));
  end_checksum(&sha, checksum);
  lml_print_cut(head, HEAD_BYTES + 1, "%s%020zu\n%.*s", magic, strlen(key), CHECKSUM_BYTES, checksum);
}

/* ---- writing ---- */

static lml_status write_parts(lml_file_writer *file, const lml_cache_part *parts, size_t nparts, lml_error *error) {
  char checksum[CHECKSUM_BYTES];
  lml_sha256 sha;
  lml_status status = LML_OK;
  lml_sha256_begin(&sha);
  for (size_t k = 0; k < nparts && status == LML_OK; k++) {
    if (parts[k].count == 0) continue;
    lml_sha256_add(&sha, parts[k].values, parts[k].count * sizeof(double));
    status = lml_file_writer_write(file, parts[k].values, parts[k].count * sizeof(double), error);
  }
  end_checksum(&sha, checksum);
  return status == LML_OK ? lml_file_writer_write(file, checksum, sizeof checksum, error) : status;
}

lml_status lml_cache_write(const char *path, const char *key, const lml_cache_part *parts, size_t nparts,
                           lml_error *error) {
  char head[HEAD_BYTES + 1];
  lml_file_writer *file;
  lml_status status = lml_file_writer_create(path, &file, error);
  if (status != LML_OK) return status;
  put_head(key, head);
  status = lml_file_writer_write(file, head, HEAD_BYTES, error);
  if (status == LML_OK) status = lml_file_writer_write(file, key, strlen(key), error);
  if (status == LML_OK) status = write_parts(file, parts, nparts, error);
  if (status == LML_OK) return lml_file_writer_commit(file, error);
  lml_file_writer_abort(file);
  return status;
}

/* ---- reading ---- */

/** One file that is looked at. */
typedef struct {
  lml_file_reader *file;
  const char *path;
  char head[HEAD_BYTES + 1];
  char *key; /**< NUL-terminated */
  size_t key_bytes;
} old_file;

/** Whether it is a cache at all; a few wrong bytes, or a file that ends early, count as damage. */
static lml_status look_at_head(old_file *old, bool *whole, lml_error *error) {
  const uint64_t size = lml_file_reader_size(old->file);
  const size_t bytes = size < HEAD_BYTES ? (size_t)size : HEAD_BYTES;
  size_t wrong = 0;
  const lml_status status = lml_file_reader_read(old->file, 0, old->head, bytes, error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < bytes && k < MAGIC_BYTES; k++) wrong += old->head[k] != magic[k];
  if (wrong > MOST_WRONG)
    return lml_fail(error, LML_ERR_INPUT, "%s: is no cache of lmlink-retrain: name another file", old->path);
  *whole = wrong == 0 && bytes == HEAD_BYTES;
  return LML_OK;
}

static lml_status read_key(old_file *old, bool *whole, lml_error *error) {
  char head[HEAD_BYTES + 1];
  int64_t length;
  *whole = lml_parse_integer((lml_token){old->head + MAGIC_BYTES, LENGTH_BYTES - 1}, &length) && length >= 0 &&
           (uint64_t)length <= lml_file_reader_size(old->file) - HEAD_BYTES;
  if (!*whole) return LML_OK;
  old->key_bytes = (size_t)length;
  lml_status status = lml_alloc(&old->key, old->key_bytes + 1, 1, "a cache's key", error);
  if (status == LML_OK) status = lml_file_reader_read(old->file, HEAD_BYTES, old->key, old->key_bytes, error);
  if (status != LML_OK) return status;
  put_head(old->key, head);
  *whole = memcmp(head, old->head, HEAD_BYTES) == 0;
  return LML_OK;
}

/** The name in the first line that differs between two keys; that of @p key where both have one. False where there is
 *  none. */
static bool find_difference(const char *key, const char *other, char name[LML_CACHE_NAME_SIZE]) {
  while (*key != '\0' || *other != '\0') {
    const size_t length = strcspn(key, "\n"), others = strcspn(other, "\n");
    if (length != others || memcmp(key, other, length) != 0) {
      const char *line = length > 0 ? key : other;
      lml_print_cut(name, LML_CACHE_NAME_SIZE, "%.*s", (int)strcspn(line, ":\n"), line);
      return true;
    }
    key += length + (key[length] == '\n');
    other += others + (other[others] == '\n');
  }
  return false;
}

static lml_status read_parts(const old_file *old, const lml_cache_part *parts, size_t nparts, bool *whole,
                             lml_error *error) {
  char wanted[CHECKSUM_BYTES], found[CHECKSUM_BYTES];
  uint64_t place = HEAD_BYTES + old->key_bytes, end = place;
  lml_sha256 sha;
  lml_status status = LML_OK;
  for (size_t k = 0; k < nparts; k++) end += parts[k].count * sizeof(double);
  *whole = lml_file_reader_size(old->file) == end + CHECKSUM_BYTES;
  if (!*whole) return LML_OK;
  lml_sha256_begin(&sha);
  for (size_t k = 0; k < nparts && status == LML_OK; k++) {
    const size_t bytes = parts[k].count * sizeof(double);
    if (bytes == 0) continue;
    status = lml_file_reader_read(old->file, place, parts[k].values, bytes, error);
    if (status == LML_OK) lml_sha256_add(&sha, parts[k].values, bytes);
    place += bytes;
  }
  end_checksum(&sha, found);
  if (status == LML_OK) status = lml_file_reader_read(old->file, end, wanted, sizeof wanted, error);
  *whole = status == LML_OK && memcmp(wanted, found, sizeof wanted) == 0;
  return status;
}

static lml_status read_file(old_file *old, const char *key, const lml_cache_part *parts, size_t nparts,
                            lml_cache_finding *finding, lml_error *error) {
  bool whole;
  finding->state = LML_CACHE_DAMAGED;
  lml_status status = look_at_head(old, &whole, error);
  if (status == LML_OK && whole) status = read_key(old, &whole, error);
  if (status != LML_OK || !whole) return status;
  if (find_difference(key, old->key, finding->changed)) {
    finding->state = LML_CACHE_OTHER;
    return LML_OK;
  }
  status = read_parts(old, parts, nparts, &whole, error);
  if (status == LML_OK && whole) finding->state = LML_CACHE_READ;
  return status;
}

/** Open the file if it is there. */
static lml_status open_file(old_file *old, bool *there, lml_error *error) {
  struct stat about;
  *there = lml_sys->stat(old->path, &about) == 0;
  if (!*there) return errno == ENOENT ? LML_OK : lml_fail_errno(error, errno, "%s: can't be looked at", old->path);
  if (!S_ISREG(about.st_mode))
    return lml_fail(error, LML_ERR_INPUT, "%s: is no cache of lmlink-retrain: name another file", old->path);
  return lml_file_reader_open(old->path, &old->file, error);
}

lml_status lml_cache_read_key(const char *path, char **key, lml_error *error) {
  old_file old = {.path = path};
  bool there, whole = false;
  *key = NULL;
  lml_status status = open_file(&old, &there, error);
  if (status == LML_OK && there) status = look_at_head(&old, &whole, error);
  if (status == LML_OK && whole) status = read_key(&old, &whole, error);
  lml_file_reader_close(old.file);
  if (status == LML_OK && whole)
    *key = old.key;
  else
    lml_free(old.key);
  return status;
}

lml_status lml_cache_read(const char *path, const char *key, const lml_cache_part *parts, size_t nparts,
                          lml_cache_finding *finding, lml_error *error) {
  old_file old = {.path = path};
  bool there;
  *finding = (lml_cache_finding){.state = LML_CACHE_ABSENT};
  lml_status status = open_file(&old, &there, error);
  if (status == LML_OK && there) status = read_file(&old, key, parts, nparts, finding, error);
  lml_file_reader_close(old.file);
  lml_free(old.key);
  return status;
}
