#include "session/log_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"
#include "session/force_log_file.h"

enum { VERSION = 1, HEADER_SIZE = 128 };

typedef struct record {
  lml_result_cache_entry entry;
  uint64_t check; /**< hash of the entry */
} record;

struct lml_log_index {
  char *path;
  int fd;
  char header[HEADER_SIZE];
  size_t per_frame;
  char *text; /**< that was read */
  size_t count;
  record *added; /**< and not written yet */
  size_t nadded, capacity;
  uint64_t kept; /**< records in the file that hold */
  bool failed;   /**< it could not be written */
};

/** Machines of another byte order, and versions with other records, have another header. */
static void make_header(const lml_log_index_key *key, char header[HEADER_SIZE]) {
  const uint32_t order = 0x01020304;
  unsigned char first;
  memcpy(&first, &order, 1);
  memset(header, ' ', HEADER_SIZE);
  const size_t used = lml_print_cut(header, HEADER_SIZE,
                                    "lmlink_log_index=%d record_bytes=%zu byte_order=%d structure=%016llx regions=%zu",
                                    VERSION, sizeof(record), first, (unsigned long long)key->structure, key->nregions);
  header[used] = ' ';
  header[HEADER_SIZE - 1] = '\n';
}

/* ---- reading ---- */

static record record_at(const lml_log_index *index, size_t i) {
  record r;
  memcpy(&r, index->text + HEADER_SIZE + i * sizeof r, sizeof r);
  return r;
}

/** Whether record number @p i stands for what follows the one before it. */
static bool follows(const lml_log_index *index, size_t i, const lml_log_place *last) {
  const record r = record_at(index, i);
  const lml_log_place *place = &r.entry.place;
  if (r.check != lml_hash(LML_HASH_BEGIN, &r.entry, sizeof r.entry)) return false;
  if (i % index->per_frame > 0) return memcmp(place, last, sizeof *last) == 0;
  return place->number == i / index->per_frame && place->offset == (i == 0 ? 0 : last->offset + last->bytes);
}

/** Count the records that hold. */
static void count_records(lml_log_index *index, size_t length) {
  if (length < HEADER_SIZE || memcmp(index->text, index->header, HEADER_SIZE) != 0) return;
  const size_t most = (length - HEADER_SIZE) / sizeof(record);
  lml_log_place last = {0};
  size_t count = 0;
  while (count < most && follows(index, count, &last)) last = record_at(index, count++).entry.place;
  index->count = count - count % index->per_frame;
  index->kept = index->count;
}

static lml_status read_file(lml_log_index *index, lml_error *error) {
  struct stat what;
  size_t length;
  if (lml_sys->stat(index->path, &what) != 0) return LML_OK;
  const lml_status status = lml_file_read(index->path, &index->text, &length, error);
  if (status == LML_OK) count_records(index, length);
  return status;
}

lml_status lml_log_index_open(const char *path, const lml_log_index_key *key, lml_log_index **index, lml_error *error) {
  static const char ending[] = ".index";
  const size_t size = strlen(path) + sizeof ending;
  lml_log_index *opened;
  *index = NULL;
  lml_status status = lml_alloc(&opened, 1, sizeof *opened, "the index of a force log", error);
  if (status == LML_OK) status = lml_alloc(&opened->path, size, 1, "a file name", error);
  if (status != LML_OK) {
    lml_free(opened);
    return status;
  }
  opened->fd = -1;
  opened->per_frame = key->nregions > 0 ? key->nregions : 1;
  lml_print_cut(opened->path, size, "%s%s", path, ending);
  make_header(key, opened->header);
  status = read_file(opened, error);
  if (status == LML_OK || status == LML_ERR_IO)
    *index = opened;
  else
    lml_log_index_close(opened);
  return status;
}

size_t lml_log_index_count(const lml_log_index *index) { return index->count; }

lml_result_cache_entry lml_log_index_entry(const lml_log_index *index, size_t i) { return record_at(index, i).entry; }

void lml_log_index_forget(lml_log_index *index) { index->count = index->kept = 0; }

/* ---- writing ---- */

lml_status lml_log_index_add(lml_log_index *index, const lml_result_cache_entry *entry, lml_error *error) {
  if (index->failed) return LML_OK;
  const lml_status status = lml_grow(&index->added, &index->capacity, index->nadded + 1, sizeof *index->added,
                                     "the index of a force log", error);
  index->failed = status != LML_OK; /* nothing may follow a gap */
  if (status != LML_OK) return status;
  record *r = &index->added[index->nadded++];
  memset(r, 0, sizeof *r);
  r->entry = *entry;
  r->check = lml_hash(LML_HASH_BEGIN, &r->entry, sizeof r->entry);
  return LML_OK;
}

/** Open the file, with a header and what holds of it. */
static lml_status begin(lml_log_index *index, lml_error *error) {
  /* Where nothing of it holds, a new file: a power failure could leave blocks of the old one between new ones. */
  if (index->kept == 0) (void)lml_sys->unlink(index->path);
  index->fd = lml_sys->open(index->path, O_WRONLY | O_CREAT, 0666);
  if (index->fd < 0) return lml_fail_errno(error, errno, "%s: cannot be opened for writing", index->path);
  const off_t end = index->kept == 0 ? 0 : (off_t)(HEADER_SIZE + index->kept * sizeof(record));
  if (lml_sys->ftruncate(index->fd, end) != 0 || lml_sys->lseek(index->fd, end, SEEK_SET) < 0)
    return lml_fail_errno(error, errno, "%s: cannot be cut off", index->path);
  return index->kept > 0 ? LML_OK : lml_file_put(index->fd, index->path, index->header, HEADER_SIZE, error);
}

lml_status lml_log_index_write(lml_log_index *index, lml_error *error) {
  lml_free(index->text); /* nobody asks any more */
  index->text = NULL;
  index->count = 0;
  if (index->failed || index->nadded == 0) return LML_OK;
  lml_status status = index->fd >= 0 ? LML_OK : begin(index, error);
  if (status == LML_OK)
    status =
        lml_file_put(index->fd, index->path, (const char *)index->added, index->nadded * sizeof *index->added, error);
  index->failed = status != LML_OK;
  index->kept += index->nadded;
  index->nadded = 0;
  return status;
}

void lml_log_index_remove(lml_log_index *index) {
  index->failed = true;
  (void)lml_sys->unlink(index->path);
}

void lml_log_index_close(lml_log_index *index) {
  if (index == NULL) return;
  if (index->fd >= 0) lml_sys->close(index->fd);
  lml_free(index->path);
  lml_free(index->text);
  lml_free(index->added);
  lml_free(index);
}
