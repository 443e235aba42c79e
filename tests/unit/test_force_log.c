/* The force log's file: whatever is cut off it, whole frames stay; nobody else's file is touched. */
#include <errno.h>
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
#include "base/sys.h"
#include "session/force_log.h"
#include "session/recorder.h"
#include "support/fault.h"
#include "support/folder.h"

enum { ATOMS = 3 };

/** A frame of three atoms, number @p n of the test. */
static lml_frame make_frame(int n) {
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

static lml_status append(lml_force_log *log, int n, lml_error *error) {
  lml_frame frame = make_frame(n);
  const lml_status status = lml_force_log_append(log, &frame, error);
  lml_frame_free(&frame);
  return status;
}

/** A log of @p count frames; its path. */
static const char *make_log(int count) {
  lml_force_log *log;
  const char *path = in_folder("log.xyz");
  unlink(path);
  assert_int_equal(lml_force_log_open(path, NULL, NULL, &log, NULL), LML_OK);
  for (int n = 0; n < count; n++) assert_int_equal(append(log, n, NULL), LML_OK);
  lml_force_log_close(log);
  return path;
}

static off_t size_of(const char *path) {
  struct stat status;
  assert_int_equal(stat(path, &status), 0);
  return status.st_size;
}

/** What a visit saw: the numbers of the frames, in order. */
typedef struct seen {
  int numbers[16];
  size_t count;
} seen;

static lml_status see(void *context, lml_frame *frame, size_t index, lml_error *error) {
  (void)error;
  seen *s = context;
  assert_int_equal(index, s->count);
  assert_int_equal(frame->structure.natoms, ATOMS);
  s->numbers[s->count++] = (int)lml_frame_info(frame, "evaluation")->integers[0];
  return LML_OK;
}

/** Open the log and find the frames 0, 1, …, count − 1 in it. */
static lml_force_log *open_with(const char *path, size_t count) {
  lml_force_log *log;
  lml_error error = {0};
  seen s = {0};
  if (lml_force_log_open(path, see, &s, &log, &error) != LML_OK) fail_msg("%s", error.message);
  assert_int_equal(s.count, count);
  assert_int_equal(lml_force_log_nframes(log), count);
  for (size_t i = 0; i < count; i++) assert_int_equal(s.numbers[i], i);
  return log;
}

static void assert_refused(const char *path, lml_status expected, const char *words) {
  lml_force_log *log;
  lml_error error = {0};
  assert_int_equal(lml_force_log_open(path, NULL, NULL, &log, &error), expected);
  assert_null(log);
  if (strstr(error.message, words) == NULL) fail_msg("'%s' does not say '%s'", error.message, words);
}

/* ---- tests ---- */

static void frames_are_there_when_it_is_opened_again(void **state) {
  (void)state;
  const char *path = make_log(2);
  lml_force_log *log = open_with(path, 2);
  assert_int_equal(lml_force_log_cut(log), 0);
  assert_int_equal(append(log, 2, NULL), LML_OK);
  lml_force_log_close(log);
  lml_force_log_close(open_with(path, 3));
  char *text;
  size_t length;
  assert_int_equal(lml_file_read(path, &text, &length, NULL), LML_OK);
  static const char first[] = "3\nlmlink_log=1 log_bytes=000000000";
  assert_memory_equal(text, first, sizeof first - 1);
  /* The first frame says how long it is. */
  assert_memory_equal(text + strtoul(text + sizeof first - 10, NULL, 10), first, sizeof first - 1);
  lml_free(text);
}

/** Cut at every single byte, as a killed program or a failed disk might leave it. */
static void a_torn_frame_is_cut_off_wherever_it_ends(void **state) {
  (void)state;
  const char *path = make_log(1);
  const off_t one = size_of(path), two = size_of(make_log(2));
  for (off_t size = 0; size <= two; size++) {
    make_log(2);
    assert_int_equal(truncate(path, size), 0);
    const size_t whole = (size >= one) + (size >= two);
    lml_force_log *log = open_with(path, whole);
    assert_int_equal(lml_force_log_cut(log), size - (whole == 2 ? two : whole == 1 ? one : 0));
    assert_int_equal(append(log, (int)whole, NULL), LML_OK);
    lml_force_log_close(log);
    lml_force_log_close(open_with(path, whole + 1));
  }
}

static void overwrite(const char *path, off_t offset, const char *bytes, size_t count) {
  const int fd = open(path, O_WRONLY);
  assert_int_equal(pwrite(fd, bytes, count, offset), count);
  close(fd);
}

static void what_a_power_failure_leaves_is_cut_off(void **state) {
  (void)state;
  static const char zeros[4096];
  const char *path = make_log(2);
  const off_t two = size_of(path);
  overwrite(path, two, zeros, sizeof zeros);
  lml_force_log *log = open_with(path, 2);
  assert_int_equal(lml_force_log_cut(log), sizeof zeros);
  lml_force_log_close(log);
  overwrite(path, two - 100, zeros, 100); /* the last frame has its length, but not its contents */
  lml_force_log_close(open_with(path, 1));
}

static void a_damaged_frame_in_the_middle_is_refused(void **state) {
  (void)state;
  const off_t one = size_of(make_log(1));
  const char *path = make_log(3);
  const off_t three = size_of(path);
  const off_t places[] = {one + 0, one + 5, one + 30, one + 60, one + 200, 2 * one - 3};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    make_log(3);
    overwrite(path, places[i], "9", 1);
    assert_refused(path, LML_ERR_INPUT, "frame 1");
    assert_int_equal(size_of(path), three);
  }
}

static void the_file_of_somebody_else_is_not_touched(void **state) {
  (void)state;
  const char *path =
      write_text("log.xyz", "1\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3\nW 0 0 0\n");
  const off_t size = size_of(path);
  assert_refused(path, LML_ERR_INPUT, "is no force log");
  assert_int_equal(size_of(path), size);
  write_text("log.xyz", "some notes");
  assert_refused(path, LML_ERR_INPUT, "is no force log");
  write_text("log.xyz", "1\nlmlink_log=2 log_bytes=000000000200 ");
  assert_refused(path, LML_ERR_INPUT, "is no force log");
  assert_refused(folder_name, LML_ERR_IO, "not a regular file");
  assert_refused(in_folder("missing/log.xyz"), LML_ERR_IO, "No such file");
}

static void a_second_writer_is_refused(void **state) {
  (void)state;
  const char *path = make_log(1);
  lml_force_log *log = open_with(path, 1);
  assert_refused(path, LML_ERR_IO, "another process is writing");
  assert_int_equal(append(log, 1, NULL), LML_OK);
  lml_force_log_close(log);
  lml_force_log_close(open_with(path, 2));
}

/* ---- a full disk ---- */

static struct {
  ssize_t room; /**< bytes that may still be written */
  const lml_sys_table *beneath;
  bool mends_nothing; /**< cutting off fails too */
} disk;

static ssize_t write_to_disk(int fd, const void *buffer, size_t bytes) {
  if (disk.room == 0) {
    errno = ENOSPC;
    return -1;
  }
  if ((ssize_t)bytes > disk.room) bytes = (size_t)disk.room;
  disk.room -= (ssize_t)bytes;
  return disk.beneath->write(fd, buffer, bytes);
}

static int cut_on_disk(int fd, off_t length) {
  return disk.mends_nothing ? (errno = EIO, -1) : disk.beneath->ftruncate(fd, length);
}

static void a_full_disk_is_an_error_and_tears_nothing(void **state) {
  (void)state;
  const off_t one = size_of(make_log(1));
  lml_sys_table table = *lml_sys;
  table.write = write_to_disk;
  table.ftruncate = cut_on_disk;
  disk.beneath = lml_sys;
  for (int mends = 0; mends < 2; mends++) {
    const char *path = make_log(1);
    lml_force_log *log = open_with(path, 1);
    lml_error error = {0};
    disk.room = one / 2;
    disk.mends_nothing = !mends;
    lml_sys = &table;
    assert_int_equal(append(log, 1, &error), LML_ERR_IO);
    assert_non_null(strstr(error.message, "No space left on device"));
    disk.room = 10 * one;
    assert_int_equal(append(log, 1, &error), LML_ERR_IO); /* room or not: what was lost is not passed over */
    lml_sys = disk.beneath;
    lml_force_log_close(log);
    assert_int_equal(size_of(path), mends ? one : one + one / 2);
    lml_force_log_close(open_with(path, 1));
    assert_int_equal(size_of(path), one);
  }
}

static lml_status open_and_append(const char *path, lml_error *error) {
  lml_force_log *log;
  lml_status status = lml_force_log_open(path, NULL, NULL, &log, error);
  if (status != LML_OK) return status;
  lml_frame frame = {0};
  status = lml_structure_resize(&frame.structure, 1, error);
  if (status == LML_OK) {
    frame.structure.numbers[0] = 74;
    status = lml_force_log_append(log, &frame, error);
  }
  lml_frame_free(&frame);
  lml_force_log_close(log);
  return status;
}

static void every_failure_is_an_error_and_leaves_whole_frames(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    bool happened = true;
    for (size_t n = 1; happened; n++) {
      lml_error error = {0};
      const char *path = make_log(2);
      assert_int_equal(truncate(path, size_of(path) - 1), 0);
      fault_begin(kind == 0 ? FAULT_HARD : FAULT_SOFT, n);
      const lml_status status = open_and_append(path, &error);
      happened = fault_end();
      const bool harmless = !happened || kind == 1 || strcmp(fault_call(), "stat") == 0;
      if (harmless && status != LML_OK) fail_msg("call %zu (%s): %s", n, fault_call(), error.message);
      if (!harmless && (status == LML_OK || error.message[0] == '\0')) fail_msg("call %zu (%s)", n, fault_call());
      lml_force_log *log;
      assert_int_equal(lml_force_log_open(path, NULL, NULL, &log, NULL), LML_OK);
      assert_int_equal(lml_force_log_nframes(log), status == LML_OK ? 2 : 1);
      lml_force_log_close(log);
    }
  }
}

/** As an edited log may have it: the key is there, and no number. A sanitizer or Valgrind sees what is read. */
static void a_key_without_a_value_is_none(void **state) {
  (void)state;
  lml_frame frame = {0};
  lml_force_log *log;
  lml_recorder *recorder;
  lml_error error = {0};
  const char *path = in_folder("log.xyz");
  write_text("frame.xyz", "1\nProperties=species:S:1:pos:R:3:index:I:1 log_natoms=, region_age=\"\"\nW 0 0 0 0\n");
  assert_int_equal(lml_xyz_read_file(in_folder("frame.xyz"), 0, &frame, NULL), LML_OK);
  assert_int_equal(lml_frame_info(&frame, "log_natoms")->width, 0);
  unlink(path);
  assert_int_equal(lml_force_log_open(path, NULL, NULL, &log, NULL), LML_OK);
  assert_int_equal(lml_force_log_append(log, &frame, NULL), LML_OK);
  lml_force_log_close(log);
  const lml_recorder_settings settings = {.path = path, .structure = &frame.structure};
  assert_int_equal(lml_recorder_open(&settings, &recorder, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "0 atoms, but the structure has 1"));
  lml_frame_free(&frame);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_are_there_when_it_is_opened_again),
      cmocka_unit_test(a_torn_frame_is_cut_off_wherever_it_ends),
      cmocka_unit_test(what_a_power_failure_leaves_is_cut_off),
      cmocka_unit_test(a_damaged_frame_in_the_middle_is_refused),
      cmocka_unit_test(the_file_of_somebody_else_is_not_touched),
      cmocka_unit_test(a_second_writer_is_refused),
      cmocka_unit_test(a_full_disk_is_an_error_and_tears_nothing),
      cmocka_unit_test(every_failure_is_an_error_and_leaves_whole_frames),
      cmocka_unit_test(a_key_without_a_value_is_none),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
