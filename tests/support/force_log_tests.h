/** @file force_log_tests.h
 *  Force logs in tests: made, opened, changed and looked at, byte by byte, in the folder of folder.h.
 */
#ifndef LML_TESTS_FORCE_LOG_TESTS_H
#define LML_TESTS_FORCE_LOG_TESTS_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "session/force_log.h"
#include "support/folder.h"

enum { ATOMS = 3 };

/** A frame of three atoms, number @p n of the test. */
static inline lml_frame make_frame(int n) {
  lml_frame frame = {0};
  assert_int_equal(lml_structure_resize(&frame.structure, ATOMS, NULL), LML_OK);
  for (int i = 0; i < ATOMS; i++) {
    frame.structure.numbers[i] = 74;
    frame.structure.positions[3 * i] = 2.5 * i;
    frame.structure.positions[3 * i + 1] = 0.1 * n;
  }
  assert_int_equal(lml_frame_set_column(&frame, "forces", frame.structure.positions, 3, NULL), LML_OK);
  assert_int_equal(lml_frame_set_integer(&frame, "evaluation", n, NULL), LML_OK);
  return frame;
}

static inline lml_status append(lml_force_log *log, int n, lml_error *error) {
  lml_frame frame = make_frame(n);
  lml_log_place place;
  const lml_status status = lml_force_log_append(log, &frame, &place, error);
  lml_frame_free(&frame);
  return status;
}

/** Open a log and read all of it. */
static inline lml_status open_log(const char *path, lml_force_log_visit visit, void *context, lml_force_log **log,
                                  lml_error *error) {
  lml_status status = lml_force_log_open(path, log, error);
  if (status == LML_OK) status = lml_force_log_read_all(*log, NULL, visit, context, error);
  if (status == LML_OK) return LML_OK;
  lml_force_log_close(*log);
  *log = NULL;
  return status;
}

/** A log of @p count frames; its path. */
static inline const char *make_log(int count) {
  lml_force_log *log;
  const char *path = in_folder("log.xyz");
  unlink(path);
  assert_int_equal(open_log(path, NULL, NULL, &log, NULL), LML_OK);
  for (int n = 0; n < count; n++) assert_int_equal(append(log, n, NULL), LML_OK);
  lml_force_log_close(log);
  return path;
}

static inline off_t size_of(const char *path) {
  struct stat status;
  assert_int_equal(stat(path, &status), 0);
  return status.st_size;
}

/** What a visit saw: the numbers of the frames, in order. */
typedef struct seen {
  int numbers[16];
  size_t count;
} seen;

static inline lml_status see(void *context, lml_frame *frame, const lml_log_place *place, lml_error *error) {
  (void)error;
  seen *s = context;
  assert_int_equal(place->number, s->count);
  assert_int_equal(frame->structure.natoms, ATOMS);
  s->numbers[s->count++] = (int)lml_frame_info(frame, "evaluation")->integers[0];
  return LML_OK;
}

/** Open the log and find the @p count frames @p numbers in it, in that order. */
static inline lml_force_log *open_with_frames(const char *path, const int *numbers, size_t count) {
  lml_force_log *log;
  lml_error error = {0};
  seen s = {0};
  if (open_log(path, see, &s, &log, &error) != LML_OK) fail_msg("%s", error.message);
  assert_int_equal(s.count, count);
  assert_int_equal(lml_force_log_nframes(log), count);
  assert_memory_equal(s.numbers, numbers, count * sizeof *numbers);
  return log;
}

/** Open the log and find the frames 0, 1, …, count − 1 in it. */
static inline lml_force_log *open_with(const char *path, size_t count) {
  static const int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7};
  return open_with_frames(path, numbers, count);
}

static inline void assert_refused(const char *path, lml_status expected, const char *words) {
  lml_force_log *log;
  lml_error error = {0};
  assert_int_equal(open_log(path, NULL, NULL, &log, &error), expected);
  assert_null(log);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' does not say '%s'", error.message, words);
}

static inline void overwrite(const char *path, off_t offset, const char *bytes, size_t count) {
  const int fd = open(path, O_WRONLY);
  assert_int_equal(pwrite(fd, bytes, count, offset), count);
  close(fd);
}

static inline const char *aside_name(int number) {
  char name[64];
  snprintf(name, sizeof name, "log.xyz.damaged-%d", number);
  return in_folder(name);
}

static inline bool is_there(const char *path) { return access(path, F_OK) == 0; }

static inline void remove_aside(void) {
  for (int number = 1; is_there(aside_name(number)); number++) unlink(aside_name(number));
}

/** The bytes from @p begin to @p end of the file, to be freed. */
static inline char *bytes_of(const char *path, off_t begin, off_t end) {
  char *text, *part;
  size_t length;
  assert_int_equal(lml_file_read(path, &text, &length, NULL), LML_OK);
  assert_true((size_t)end <= length);
  assert_int_equal(lml_alloc(&part, (size_t)(end - begin) + 1, 1, "a part", NULL), LML_OK);
  memcpy(part, text + begin, (size_t)(end - begin));
  lml_free(text);
  return part;
}

static inline void assert_holds(const char *path, const char *bytes, off_t count) {
  assert_int_equal(size_of(path), count);
  char *there = bytes_of(path, 0, count);
  assert_memory_equal(there, bytes, (size_t)count);
  lml_free(there);
}

#endif
