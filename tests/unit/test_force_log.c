/* The force log's file: whatever is cut off it, whole frames stay; nobody else's file is touched. */
#include "support/force_log_tests.h"

#include <errno.h>
#include <stdbool.h>

#include "base/sys.h"
#include "session/recorder.h"
#include "support/fault.h"

/* ---- tests ---- */

static void frames_are_there_when_it_is_opened_again(void **state) {
  (void)state;
  const char *path = make_log(2);
  lml_force_log *log = open_with(path, 2);
  assert_int_equal(lml_force_log_get_damage(log).cut, 0);
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
    assert_int_equal(lml_force_log_get_damage(log).cut, size - (whole == 2 ? two : whole == 1 ? one : 0));
    assert_int_equal(append(log, (int)whole, NULL), LML_OK);
    lml_force_log_close(log);
    lml_force_log_close(open_with(path, whole + 1));
  }
}

static void what_a_power_failure_leaves_is_cut_off(void **state) {
  (void)state;
  static const char zeros[4096];
  const char *path = make_log(2);
  const off_t two = size_of(path);
  overwrite(path, two, zeros, sizeof zeros);
  lml_force_log *log = open_with(path, 2);
  assert_int_equal(lml_force_log_get_damage(log).cut, sizeof zeros);
  lml_force_log_close(log);
  overwrite(path, two - 100, zeros, 100); /* the last frame has its length, but not its contents */
  log = open_with(path, 1);
  assert_int_equal(lml_force_log_get_damage(log).cut, 0);
  assert_int_equal(lml_force_log_get_damage(log).aside, size_of(aside_name(1)));
  lml_force_log_close(log);
  remove_aside();
}

static void a_frame_is_read_where_it_stands(void **state) {
  (void)state;
  const off_t one = size_of(make_log(1));
  const char *path = make_log(2);
  lml_force_log *log = open_with(path, 2);
  lml_log_place place;
  lml_frame frame = {0};
  lml_error error = {0};
  bool holds;
  assert_int_equal(append(log, 2, NULL), LML_OK);
  frame = make_frame(3);
  assert_int_equal(lml_force_log_append(log, &frame, &place, NULL), LML_OK);
  assert_int_equal(place.number, 3);
  assert_int_equal(lml_force_log_read(log, &place, NULL, &frame, NULL), LML_OK);
  assert_int_equal(lml_frame_info(&frame, "evaluation")->integers[0], 3);
  assert_int_equal(lml_force_log_holds(log, &place, &holds, NULL), LML_OK);
  assert_true(holds);
  overwrite(path, (off_t)(place.offset + place.bytes) - 3, "#", 1);
  assert_int_equal(lml_force_log_read(log, &place, NULL, &frame, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "damaged"));
  assert_int_equal(lml_force_log_holds(log, &place, &holds, NULL), LML_OK);
  assert_false(holds);
  place.offset = (uint64_t)one;
  assert_int_equal(lml_force_log_read(log, &place, NULL, &frame, &error), LML_ERR_INPUT);
  place.offset = UINT64_MAX;
  assert_int_equal(lml_force_log_holds(log, &place, &holds, NULL), LML_OK);
  assert_false(holds);
  lml_frame_free(&frame);
  lml_force_log_close(log);
}

/* ---- other people's doing ---- */

static void remove_it(const char *path) { assert_int_equal(unlink(path), 0); }

static void rename_it(const char *path) { assert_int_equal(rename(path, in_folder("elsewhere.xyz")), 0); }

static void replace_it(const char *path) {
  rename_it(path);
  write_text("log.xyz", "another file\n");
}

static void cut_it(const char *path) { assert_int_equal(truncate(path, size_of(path) - 10), 0); }

static void add_to_it(const char *path) { overwrite(path, size_of(path), "a line\n", 7); }

static void nothing_is_appended_to_a_file_that_is_not_as_it_was_left(void **state) {
  (void)state;
  static const struct {
    void (*happens)(const char *path);
    const char *words;
  } cases[] = {{remove_it, "was removed"},
               {rename_it, "was renamed or moved"},
               {replace_it, "another file has its name"},
               {cut_it, "was cut off by another program"},
               {add_to_it, "was written to by another program"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *path = make_log(2);
    lml_force_log *log = open_with(path, 2);
    lml_error error = {0};
    assert_int_equal(lml_force_log_check(log, &error), LML_OK);
    cases[i].happens(path);
    const off_t size = is_there(path) ? size_of(path) : -1;
    assert_int_equal(append(log, 2, &error), LML_ERR_IO);
    if (strstr(error.message, cases[i].words) == NULL || strstr(error.message, "log.xyz") == NULL)
      fail_msg("'%s' does not say '%s'", error.message, cases[i].words);
    assert_int_equal(append(log, 2, &error), LML_ERR_IO);
    assert_int_equal(is_there(path) ? size_of(path) : -1, size);
    lml_force_log_close(log);
  }
  unlink(in_folder("elsewhere.xyz"));
  remove_aside();
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
  lml_status status = open_log(path, NULL, NULL, &log, error);
  if (status != LML_OK) return status;
  lml_frame frame = {0};
  status = lml_structure_resize(&frame.structure, 1, error);
  if (status == LML_OK) {
    frame.structure.numbers[0] = 74;
    lml_log_place place;
    status = lml_force_log_append(log, &frame, &place, error);
  }
  lml_frame_free(&frame);
  lml_force_log_close(log);
  return status;
}

/** Make each call fail, or come short, of opening a log of three frames that something has happened to, and appending
 * to it: @p whole frames and the new one are there afterwards where it went well, and at least those without it. */
static void fail_each_call(void (*happens)(const char *path), size_t whole) {
  for (int kind = 0; kind < 2; kind++) {
    bool happened = true;
    for (size_t n = 1; happened; n++) {
      lml_error error = {0};
      const char *path = make_log(3);
      happens(path);
      fault_begin(kind == 0 ? FAULT_HARD : FAULT_SOFT, n);
      const lml_status status = open_and_append(path, &error);
      happened = fault_end();
      if ((!happened || kind == 1) && status != LML_OK) fail_msg("call %zu (%s): %s", n, fault_call(), error.message);
      if (happened && kind == 0 && status == LML_OK && strcmp(fault_call(), "stat") != 0 && !fault_only_tidied())
        fail_msg("call %zu (%s) failed, and nobody noticed", n, fault_call());
      if (status != LML_OK && error.message[0] == '\0') fail_msg("call %zu (%s): no message", n, fault_call());
      lml_force_log *log;
      assert_int_equal(open_log(path, NULL, NULL, &log, NULL), LML_OK);
      assert_int_equal(lml_force_log_nframes(log), whole + (status == LML_OK));
      lml_force_log_close(log);
      remove_aside();
    }
  }
}

/** As an edited log may have it: the key is there, and no number. A sanitizer or Valgrind sees what is read. */
static void a_key_without_a_value_is_none(void **state) {
  (void)state;
  lml_frame frame = {0};
  lml_force_log *log;
  lml_log_place place;
  lml_recorder *recorder;
  lml_error error = {0};
  const char *path = in_folder("log.xyz");
  write_text("frame.xyz", "1\nProperties=species:S:1:pos:R:3:index:I:1 log_natoms=, region_age=\"\"\nW 0 0 0 0\n");
  assert_int_equal(lml_xyz_read_file(in_folder("frame.xyz"), 0, &frame, NULL), LML_OK);
  assert_int_equal(lml_frame_info(&frame, "log_natoms")->width, 0);
  unlink(path);
  assert_int_equal(lml_force_log_open(path, &log, NULL), LML_OK);
  assert_int_equal(lml_force_log_read_all(log, NULL, NULL, NULL, NULL), LML_OK);
  assert_int_equal(lml_force_log_append(log, &frame, &place, NULL), LML_OK);
  lml_force_log_close(log);
  const lml_recorder_settings settings = {.path = path, .structure = &frame.structure};
  assert_int_equal(lml_recorder_open(&settings, &recorder, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "0 atoms, but the structure has 1"));
  lml_frame_free(&frame);
}

static void damage_the_first(const char *path) { overwrite(path, size_of(path) / 3 - 1, "#", 1); }

static void damage_the_last(const char *path) { overwrite(path, size_of(path) - 1, "#", 1); }

static void tear(const char *path) { assert_int_equal(truncate(path, size_of(path) - 1), 0); }

static void every_failure_is_an_error_and_leaves_whole_frames(void **state) {
  (void)state;
  fail_each_call(tear, 2);
  fail_each_call(damage_the_last, 2);
  fail_each_call(damage_the_first, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_are_there_when_it_is_opened_again),
      cmocka_unit_test(a_torn_frame_is_cut_off_wherever_it_ends),
      cmocka_unit_test(what_a_power_failure_leaves_is_cut_off),
      cmocka_unit_test(a_frame_is_read_where_it_stands),
      cmocka_unit_test(nothing_is_appended_to_a_file_that_is_not_as_it_was_left),
      cmocka_unit_test(the_file_of_somebody_else_is_not_touched),
      cmocka_unit_test(a_second_writer_is_refused),
      cmocka_unit_test(a_full_disk_is_an_error_and_tears_nothing),
      cmocka_unit_test(every_failure_is_an_error_and_leaves_whole_frames),
      cmocka_unit_test(a_key_without_a_value_is_none),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
