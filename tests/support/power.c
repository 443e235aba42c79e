#include "support/power.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sys.h"

enum { BLOCK = 512, MOST_FDS = 1024, NAME = 128, FOLDER = -2, NOTHING = -1 };

typedef enum call_kind { CREATE, WRITE, TRUNCATE, FLUSH, RENAME, UNLINK, FLUSH_FOLDER } call_kind;

static const char *const call_names[] = {"create", "write",  "truncate",           "fsync",
                                         "rename", "unlink", "fsync of the folder"};

static const char *const model_names[] = {"lost", "names alone", "ordered", "shuffled"};

/** Something that was done to a file, known by its number, or to names. */
typedef struct call {
  call_kind kind;
  int file;
  size_t offset, length; /**< of bytes written; the length alone where it is cut off */
  char *bytes;
  char name[NAME], new_name[NAME];
  size_t promise; /**< what had been promised when it was done */
} call;

typedef struct entry {
  char name[NAME];
  int file; /**< NOTHING: there is no such name */
} entry;

typedef struct entries {
  entry *all;
  size_t count;
} entries;

/** Bytes of a file. */
typedef struct content {
  char *bytes;
  size_t length;
} content;

struct power {
  char *folder;
  entries first, now; /**< names before the work, and while it is recorded */
  content *files;     /**< before the work */
  size_t nfiles;
  call *calls;
  size_t ncalls;
  size_t promise;
  const lml_sys_table *beneath;
};

static power *recording;
static struct {
  int file;
  bool appends;
} opened[MOST_FDS];

/* ---- small things ---- */

static void *grown(void *old, size_t bytes) {
  void *memory = realloc(old, bytes > 0 ? bytes : 1);
  assert_non_null(memory);
  return memory;
}

static void set_name(char name[NAME], const char *text) {
  assert_true(strlen(text) < NAME);
  memcpy(name, text, strlen(text) + 1);
}

static void set_entry(entries *e, const char *name, int file) {
  for (size_t i = 0; i < e->count; i++)
    if (strcmp(e->all[i].name, name) == 0) {
      e->all[i].file = file;
      return;
    }
  e->all = grown(e->all, (e->count + 1) * sizeof *e->all);
  set_name(e->all[e->count].name, name);
  e->all[e->count++].file = file;
}

static int find_entry(const entries *e, const char *name) {
  for (size_t i = 0; i < e->count; i++)
    if (strcmp(e->all[i].name, name) == 0) return e->all[i].file;
  return NOTHING;
}

static entries copy_entries(const entries *e) {
  const entries copy = {.all = grown(NULL, e->count * sizeof *e->all), .count = e->count};
  if (e->count > 0) memcpy(copy.all, e->all, e->count * sizeof *e->all);
  return copy;
}

static void set_length(content *c, size_t length) {
  c->bytes = grown(c->bytes, length);
  if (length > c->length) memset(c->bytes + c->length, 0, length - c->length);
  c->length = length;
}

static void put_bytes(content *c, size_t offset, const char *bytes, size_t length) {
  if (offset + length > c->length) set_length(c, offset + length);
  if (length > 0) memcpy(c->bytes + offset, bytes, length);
}

/** Numbers that look random, always the same. */
static unsigned choose(uint32_t *state, size_t count) {
  *state = *state * 1664525U + 1013904223U;
  return (unsigned)((*state >> 8) % count);
}

/* ---- the folder ---- */

static char *path_of(const power *p, const char *name) {
  const size_t size = strlen(p->folder) + strlen(name) + 2;
  char *path = grown(NULL, size);
  snprintf(path, size, "%s/%s", p->folder, name);
  return path;
}

static content read_content(const char *path) {
  content c = {0};
  char room[4096];
  ssize_t count;
  const int fd = open(path, O_RDONLY);
  assert_true(fd >= 0);
  while ((count = read(fd, room, sizeof room)) > 0) put_bytes(&c, c.length, room, (size_t)count);
  close(fd);
  return c;
}

static void write_content(const char *path, const content *c) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, c->bytes, c->length), c->length);
  close(fd);
}

/** Call @p visit with the path and the name of each file in the folder. */
static void for_each_file(power *p, void (*visit)(power *p, const char *path, const char *name)) {
  DIR *listing = opendir(p->folder);
  assert_non_null(listing);
  for (const struct dirent *found; (found = readdir(listing)) != NULL;) {
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
    char *path = path_of(p, found->d_name);
    visit(p, path, found->d_name);
    free(path);
  }
  closedir(listing);
}

static int add_file(power *p, content c) {
  p->files = grown(p->files, (p->nfiles + 1) * sizeof *p->files);
  p->files[p->nfiles] = c;
  return (int)p->nfiles++;
}

static void take_file(power *p, const char *path, const char *name) {
  set_entry(&p->first, name, add_file(p, read_content(path)));
}

static void remove_file(power *p, const char *path, const char *name) {
  (void)p, (void)name;
  assert_int_equal(unlink(path), 0);
}

/** The name of @p path, as the kernel writes it, right in the folder; NULL: it lies elsewhere. */
static const char *name_in_folder(const char *path) {
  const size_t length = strlen(recording->folder);
  if (strncmp(path, recording->folder, length) != 0 || path[length] != '/') return NULL;
  return strchr(path + length + 1, '/') == NULL ? path + length + 1 : NULL;
}

/** The path of an open file, wherever links have led. */
static const char *path_behind(int fd) {
  static char path[4096];
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  assert_true(length > 0);
  path[length] = '\0';
  return path;
}

/* ---- recording ---- */

static call *add_call(call_kind kind, int file) {
  power *p = recording;
  p->calls = grown(p->calls, (p->ncalls + 1) * sizeof *p->calls);
  call *c = &p->calls[p->ncalls++];
  *c = (call){.kind = kind, .file = file, .promise = p->promise};
  return c;
}

static int recorded_open(const char *path, int flags, mode_t mode) {
  power *p = recording;
  const int fd = p->beneath->open(path, flags, mode);
  if (fd < 0) return fd;
  assert_true(fd < MOST_FDS);
  path = path_behind(fd);
  const char *name = name_in_folder(path);
  opened[fd].file = strcmp(path, p->folder) == 0 ? FOLDER : name == NULL ? NOTHING : find_entry(&p->now, name);
  opened[fd].appends = (flags & O_APPEND) != 0;
  if (name != NULL && opened[fd].file == NOTHING) {
    opened[fd].file = add_file(p, (content){0});
    set_entry(&p->now, name, opened[fd].file);
    set_name(add_call(CREATE, opened[fd].file)->name, name);
  } else if (name != NULL && (flags & O_TRUNC) != 0) {
    add_call(TRUNCATE, opened[fd].file);
  }
  return fd;
}

static ssize_t recorded_write(int fd, const void *buffer, size_t bytes) {
  const off_t offset = recording->beneath->lseek(fd, 0, opened[fd].appends ? SEEK_END : SEEK_CUR);
  const ssize_t count = recording->beneath->write(fd, buffer, bytes);
  if (count <= 0 || opened[fd].file < 0) return count;
  call *c = add_call(WRITE, opened[fd].file);
  c->offset = (size_t)offset;
  c->length = (size_t)count;
  c->bytes = grown(NULL, c->length);
  memcpy(c->bytes, buffer, c->length);
  return count;
}

static int recorded_ftruncate(int fd, off_t length) {
  const int result = recording->beneath->ftruncate(fd, length);
  if (result == 0 && opened[fd].file >= 0) add_call(TRUNCATE, opened[fd].file)->length = (size_t)length;
  return result;
}

static int recorded_fsync(int fd) {
  if (opened[fd].file >= 0) add_call(FLUSH, opened[fd].file);
  if (opened[fd].file == FOLDER) add_call(FLUSH_FOLDER, NOTHING);
  return 0; /* nothing has to reach a real disk */
}

static int recorded_rename(const char *from, const char *to) {
  power *p = recording;
  const int result = p->beneath->rename(from, to);
  const char *name = name_in_folder(from), *new_name = name_in_folder(to);
  if (result != 0 || name == NULL || new_name == NULL) return result;
  call *c = add_call(RENAME, find_entry(&p->now, name));
  set_name(c->name, name);
  set_name(c->new_name, new_name);
  set_entry(&p->now, new_name, c->file);
  set_entry(&p->now, name, NOTHING);
  return result;
}

static int recorded_unlink(const char *path) {
  power *p = recording;
  const int result = p->beneath->unlink(path);
  const char *name = name_in_folder(path);
  if (result != 0 || name == NULL) return result;
  set_name(add_call(UNLINK, find_entry(&p->now, name))->name, name);
  set_entry(&p->now, name, NOTHING);
  return result;
}

power *power_record(const char *folder) {
  static lml_sys_table table;
  power *p = grown(NULL, sizeof *p);
  assert_null(recording);
  *p = (power){.beneath = lml_sys};
  p->folder = realpath(folder, NULL);
  assert_non_null(p->folder);
  for (int fd = 0; fd < MOST_FDS; fd++) opened[fd].file = NOTHING;
  for_each_file(p, take_file);
  p->now = copy_entries(&p->first);
  table = *lml_sys;
  table.open = recorded_open;
  table.write = recorded_write;
  table.ftruncate = recorded_ftruncate;
  table.fsync = recorded_fsync;
  table.rename = recorded_rename;
  table.unlink = recorded_unlink;
  recording = p;
  lml_sys = &table;
  return p;
}

void power_promise(power *p, size_t promise) { p->promise = promise; }

void power_stop(power *p) {
  assert_ptr_equal(recording, p);
  lml_sys = p->beneath;
  recording = NULL;
}

size_t power_calls(const power *p) { return p->ncalls; }

/* ---- what is left ---- */

static bool changes_bytes(const call *c, int file) {
  return c->file == file && (c->kind == WRITE || c->kind == TRUNCATE);
}

static bool changes_names(const call *c) { return c->kind == CREATE || c->kind == RENAME || c->kind == UNLINK; }

/** One after the last call, of the first @p count, that flushed the file, or the folder (NOTHING). */
static size_t flushed_until(const power *p, size_t count, int file) {
  const call_kind kind = file == NOTHING ? FLUSH_FOLDER : FLUSH;
  for (size_t i = count; i > 0; i--)
    if (p->calls[i - 1].kind == kind && p->calls[i - 1].file == file) return i;
  return 0;
}

static void do_bytes(content *c, const call *done) {
  if (done->kind == WRITE) put_bytes(c, done->offset, done->bytes, done->length);
  if (done->kind == TRUNCATE) set_length(c, done->length);
}

/** The end of the block of the file in which byte @p at of a write is, counted from the begin of the write. */
static size_t block_end(const call *c, size_t at) {
  const size_t end = ((c->offset + at) / BLOCK + 1) * BLOCK - c->offset;
  return end < c->length ? end : c->length;
}

/** Some blocks of a write; what lies before them reads as zeros where it was not there. */
static void do_some_blocks(content *c, const call *done, uint32_t *state) {
  if (choose(state, 2) == 0 && done->offset + done->length > c->length) set_length(c, done->offset + done->length);
  for (size_t at = 0; at < done->length; at = block_end(done, at))
    if (choose(state, 2) == 0) put_bytes(c, done->offset + at, done->bytes + at, block_end(done, at) - at);
}

static void do_first_blocks(content *c, const call *done, uint32_t *state) {
  size_t at = 0;
  if (done->kind != WRITE) return;
  while (at < done->length && choose(state, 3) > 0) at = block_end(done, at);
  put_bytes(c, done->offset, done->bytes, at);
}

/** What is there of a file. */
static content content_of(const power *p, size_t count, int file, power_model model, uint32_t *state) {
  const size_t flushed = flushed_until(p, count, file);
  content c = {0};
  size_t pending = 0;
  put_bytes(&c, 0, p->files[file].bytes, p->files[file].length);
  for (size_t i = 0; i < count; i++) {
    if (i < flushed && changes_bytes(&p->calls[i], file)) do_bytes(&c, &p->calls[i]);
    pending += i >= flushed && changes_bytes(&p->calls[i], file);
  }
  size_t first = model == POWER_ORDERED ? choose(state, pending + 1) : 0;
  for (size_t i = flushed; i < count; i++) {
    const call *done = &p->calls[i];
    if (!changes_bytes(done, file)) continue;
    if (model == POWER_ORDERED && first-- == 0) {
      do_first_blocks(&c, done, state);
      break;
    }
    if (model == POWER_ORDERED) do_bytes(&c, done);
    if (model == POWER_SHUFFLED && done->kind == WRITE) do_some_blocks(&c, done, state);
    if (model == POWER_SHUFFLED && done->kind == TRUNCATE && choose(state, 2) == 0) do_bytes(&c, done);
  }
  return c;
}

static void do_name(entries *e, const call *done) {
  set_entry(e, done->name, done->kind == CREATE ? done->file : NOTHING);
  if (done->kind == RENAME) set_entry(e, done->new_name, done->file);
}

static entries names_of(const power *p, size_t count, power_model model, uint32_t *state) {
  const size_t flushed = flushed_until(p, count, NOTHING);
  entries e = copy_entries(&p->first);
  size_t pending = 0;
  for (size_t i = 0; i < count; i++) {
    if (i < flushed && changes_names(&p->calls[i])) do_name(&e, &p->calls[i]);
    pending += i >= flushed && changes_names(&p->calls[i]);
  }
  const size_t first = choose(state, pending + 1);
  size_t seen = 0;
  for (size_t i = flushed; i < count; i++) {
    if (!changes_names(&p->calls[i])) continue;
    const bool there = model == POWER_NAMES || (model == POWER_ORDERED && seen < first) ||
                       (model == POWER_SHUFFLED && choose(state, 2) == 0);
    if (there) do_name(&e, &p->calls[i]);
    seen++;
  }
  return e;
}

static char where[128];

const char *power_where(void) { return where; }

void power_require(bool condition, const char *text) {
  if (!condition) fail_msg("%s: not so: %s", where, text);
}

/** Lay what is left of the first @p count calls into the folder. */
static void fill_folder(power *p, size_t count, power_model model, unsigned seed) {
  uint32_t state = 7919U * (uint32_t)(count + 1) + 104729U * seed + (uint32_t)model;
  entries e = names_of(p, count, model, &state);
  snprintf(where, sizeof where, "call %zu of %zu (%s), %s, choice %u", count, p->ncalls,
           count == 0 ? "none" : call_names[p->calls[count - 1].kind], model_names[model], seed);
  for_each_file(p, remove_file);
  for (size_t i = 0; i < e.count; i++) {
    if (e.all[i].file == NOTHING) continue;
    content c = content_of(p, count, e.all[i].file, model, &state);
    char *path = path_of(p, e.all[i].name);
    write_content(path, &c);
    free(path);
    free(c.bytes);
  }
  free(e.all);
}

size_t power_each(const power *p, unsigned seeds, power_check check, void *context) {
  power own = *p;
  size_t states = 0;
  for (size_t count = 0; count <= p->ncalls; count++)
    for (power_model model = 0; model < POWER_MODELS; model++)
      for (unsigned seed = 0; seed < (model < POWER_ORDERED ? 1 : seeds); seed++) {
        fill_folder(&own, count, model, seed);
        check(context, count < p->ncalls ? p->calls[count].promise : p->promise);
        states++;
      }
  return states;
}

void power_free(power *p) {
  for (size_t i = 0; i < p->ncalls; i++) free(p->calls[i].bytes);
  for (size_t i = 0; i < p->nfiles; i++) free(p->files[i].bytes);
  free(p->calls);
  free(p->files);
  free(p->first.all);
  free(p->now.all);
  free(p->folder);
  free(p);
}
