#include "memory_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"

enum { FILES = 32, NAME = 256, DESCRIPTORS = 16, FIRST_DESCRIPTOR = 1000 };

static const size_t most_bytes = (size_t)1 << 26; /* more takes a sanitizer long to hand out */

typedef struct memory_file {
  bool exists;
  char name[NAME];
  char *data;
  size_t size, capacity;
} memory_file;

/** An open file; a folder has no file. */
typedef struct descriptor {
  bool open;
  memory_file *file;
  size_t place;
} descriptor;

static memory_file files[FILES];
static descriptor descriptors[DESCRIPTORS];
static lml_sys_table table;

void memory_files_failed(const char *condition, const char *file, int line) {
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
  abort();
}

static memory_file *find(const char *name) {
  for (size_t k = 0; k < FILES; k++)
    if (files[k].exists && strcmp(files[k].name, name) == 0) return &files[k];
  return NULL;
}

static memory_file *make(const char *name) {
  for (size_t k = 0; k < FILES && strlen(name) < NAME; k++) {
    if (files[k].exists) continue;
    free(files[k].data);
    files[k] = (memory_file){.exists = true};
    memcpy(files[k].name, name, strlen(name) + 1);
    return &files[k];
  }
  return NULL;
}

static bool is_folder(const char *path) { return strcmp(path, ".") == 0 || strcmp(path, "/") == 0; }

static descriptor *descriptor_of(int fd) {
  const int k = fd - FIRST_DESCRIPTOR;
  REQUIRE(k >= 0 && k < DESCRIPTORS && descriptors[k].open);
  return &descriptors[k];
}

static int open_file(const char *path, int flags, mode_t mode) {
  memory_file *file = find(path);
  (void)mode;
  if (file != NULL && (flags & O_EXCL) != 0) {
    errno = EEXIST;
    return -1;
  }
  if (file == NULL && (flags & O_CREAT) != 0) file = make(path);
  if (file == NULL && !is_folder(path)) {
    errno = ENOENT;
    return -1;
  }
  if (file != NULL && (flags & O_TRUNC) != 0) file->size = 0;
  for (int k = 0; k < DESCRIPTORS; k++) {
    if (descriptors[k].open) continue;
    descriptors[k] = (descriptor){.open = true, .file = file};
    return FIRST_DESCRIPTOR + k;
  }
  errno = EMFILE;
  return -1;
}

static ssize_t read_file(int fd, void *buffer, size_t bytes) {
  descriptor *d = descriptor_of(fd);
  if (d->file == NULL) {
    errno = EISDIR;
    return -1;
  }
  const size_t left = d->place < d->file->size ? d->file->size - d->place : 0, count = bytes < left ? bytes : left;
  if (count > 0) memcpy(buffer, d->file->data + d->place, count);
  d->place += count;
  return (ssize_t)count;
}

static void resize(memory_file *file, size_t size) {
  if (size > file->capacity) {
    file->capacity = 2 * size;
    file->data = realloc(file->data, file->capacity);
    REQUIRE(file->data != NULL);
  }
  if (size > file->size) memset(file->data + file->size, 0, size - file->size);
  file->size = size;
}

static ssize_t write_file(int fd, const void *buffer, size_t bytes) {
  descriptor *d = descriptor_of(fd);
  if (d->place + bytes > d->file->size) resize(d->file, d->place + bytes);
  if (bytes > 0) memcpy(d->file->data + d->place, buffer, bytes);
  d->place += bytes;
  return (ssize_t)bytes;
}

static int close_file(int fd) {
  descriptor_of(fd)->open = false;
  return 0;
}

static int succeed(int fd) {
  descriptor_of(fd);
  return 0;
}

static off_t seek(int fd, off_t offset, int whence) {
  descriptor *d = descriptor_of(fd);
  const off_t size = d->file == NULL ? 0 : (off_t)d->file->size;
  const off_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (off_t)d->place : size;
  if (offset < -from) {
    errno = EINVAL;
    return -1;
  }
  d->place = (size_t)(from + offset);
  return from + offset;
}

static int truncate_file(int fd, off_t length) {
  resize(descriptor_of(fd)->file, (size_t)length);
  return 0;
}

static int look_at(const char *path, struct stat *about) {
  const memory_file *file = find(path);
  *about = (struct stat){.st_nlink = 1};
  about->st_mode = file == NULL ? S_IFDIR | 0755 : S_IFREG | 0644;
  if (file != NULL) {
    about->st_size = (off_t)file->size;
    about->st_ino = (ino_t)(file - files) + 1;
  }
  if (file != NULL || is_folder(path)) return 0;
  errno = ENOENT;
  return -1;
}

static int look_at_descriptor(int fd, struct stat *about) {
  const memory_file *file = descriptor_of(fd)->file;
  return look_at(file == NULL ? "." : file->name, about);
}

static int rename_file(const char *from, const char *to) {
  memory_file *file = find(from), *old = find(to);
  REQUIRE(file != NULL && strlen(to) < NAME);
  if (old != NULL && old != file) old->exists = false;
  memcpy(file->name, to, strlen(to) + 1);
  return 0;
}

static int unlink_file(const char *path) {
  memory_file *file = find(path);
  if (file != NULL) {
    file->exists = false;
    return 0;
  }
  errno = ENOENT;
  return -1;
}

static int refuse_mode(const char *path, mode_t mode) {
  (void)path;
  (void)mode;
  return 0;
}

static DIR *refuse_listing(const char *path) {
  (void)path;
  errno = ENOENT;
  return NULL;
}

/* ---- memory ---- */

static void *allocate(size_t bytes) { return bytes > most_bytes ? NULL : malloc(bytes); }

static void *reallocate(void *old, size_t bytes) { return bytes > most_bytes ? NULL : realloc(old, bytes); }

static void *allocate_aligned(size_t alignment, size_t bytes) {
  return bytes > most_bytes ? NULL : lml_sys_posix.aligned_alloc(alignment, bytes);
}

/* ---- what a target calls ---- */

void memory_files_begin(void) {
  table = lml_sys_posix;
  table.malloc = allocate;
  table.realloc = reallocate;
  table.aligned_alloc = allocate_aligned;
  table.open = open_file;
  table.read = read_file;
  table.write = write_file;
  table.close = close_file;
  table.fsync = succeed;
  table.lseek = seek;
  table.ftruncate = truncate_file;
  table.lock = succeed;
  table.stat = table.lstat = look_at;
  table.fstat = look_at_descriptor;
  table.chmod = table.mkdir = refuse_mode;
  table.rename = rename_file;
  table.unlink = unlink_file;
  table.opendir = refuse_listing;
  lml_sys = &table;
}

void memory_files_put(const char *name, const uint8_t *data, size_t size) {
  memory_file *file = find(name);
  if (file == NULL) file = make(name);
  REQUIRE(file != NULL);
  file->size = 0;
  resize(file, size);
  if (size > 0) memcpy(file->data, data, size);
}

void memory_files_split(const char *const *names, const uint8_t *data, size_t size) {
  static const char mark[] = "%%\n";
  for (size_t k = 0, begin = 0; names[k] != NULL && begin < size; k++) {
    size_t end = begin;
    while (end < size && ((end > begin && data[end - 1] != '\n') || size - end < strlen(mark) ||
                          memcmp(data + end, mark, strlen(mark)) != 0))
      end++;
    if (end > begin) memory_files_put(names[k], data + begin, end - begin);
    begin = end + strlen(mark);
  }
}

void memory_files_end(void) {
  for (size_t k = 0; k < DESCRIPTORS; k++) REQUIRE(!descriptors[k].open);
  for (size_t k = 0; k < FILES; k++) {
    free(files[k].data);
    files[k] = (memory_file){0};
  }
  lml_sys = &lml_sys_posix;
}
