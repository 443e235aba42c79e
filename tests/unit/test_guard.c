/* What keeps two engines from one folder, and what an earlier run left; tests/interop/test_killed_server.py kills. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/lock_file.h"
#include "base/sys.h"
#include "engine/guard.h"
#include "engine/process.h"
#include "engine/process_tag.h"
#include "support/fault.h"
#include "support/folder.h"

static lml_error error;

static lml_guard_settings settings_of(void) {
  return (lml_guard_settings){.folder = folder_name, .name = "qm", .output = "out", .patience = 0.05};
}

static lml_guard *guards(size_t expected) {
  const lml_guard_settings settings = settings_of();
  lml_guard *guard;
  size_t ended;
  if (lml_guard_create(&settings, &guard, &ended, &error) != LML_OK) fail_msg("%s", error.message);
  assert_int_equal(ended, expected);
  return guard;
}

static bool is_there(const char *name) {
  struct stat file;
  return lstat(in_folder(name), &file) == 0;
}

static void the_file_is_there_as_long_as_the_guard(void **state) {
  (void)state;
  lml_guard *guard = guards(0);
  assert_true(lml_mark_is_one(lml_guard_mark(guard)));
  assert_true(is_there("qm-engine.lock"));
  lml_guard_destroy(guard);
  assert_false(is_there("qm-engine.lock"));
  empty_folder();
}

static void a_folder_has_one_guard_of_a_name(void **state) {
  (void)state;
  lml_guard *first = guards(0), *second;
  lml_guard_settings settings = settings_of();
  size_t ended;
  assert_int_equal(lml_guard_create(&settings, &second, &ended, &error), LML_ERR_IO);
  assert_non_null(
      strstr(error.message, "qm-engine.lock is locked: another lmlink has an engine of this name in the folder"));
  assert_true(is_there("qm-engine.lock"));
  settings.name = "other";
  assert_int_equal(lml_guard_create(&settings, &second, &ended, &error), LML_OK);
  lml_guard_destroy(second);
  lml_guard_destroy(first);
  empty_folder();
}

static void what_has_the_files_mark_is_ended(void **state) {
  (void)state;
  char mark[LML_MARK_SIZE];
  lml_mark_make(mark);
  const lml_process_settings left = {
      .command = "trap '' TERM; echo > started; exec sleep 1000", .folder = folder_name, .output = "out", .mark = mark};
  lml_process *process;
  assert_int_equal(lml_process_start(&left, &process, &error), LML_OK);
  write_text("qm-engine.lock", mark);
  while (!is_there("started")) lml_sys->sleep(0.005);
  lml_guard *guard = guards(1);
  char how[64];
  while (lml_process_runs(process, how, sizeof how)) lml_sys->sleep(0.005);
  assert_string_equal(how, "was ended by signal 9");
  lml_process_stop(process, 0.0, 0.0);
  lml_guard_destroy(guard);
  empty_folder();
}

/** Names that other processes have in their environment are no marks. */
static void another_text_ends_nothing(void **state) {
  (void)state;
  static const char *const texts[] = {"",      "PATH", "LMLINK_ENGINE_", "LMLINK_ENGINE_1\n", "LMLINK_ENGINE_PATH",
                                      "HOME=1"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    assert_false(lml_mark_is_one(texts[i]));
    write_text("qm-engine.lock", texts[i]);
    lml_guard_destroy(guards(0));
  }
  empty_folder();
}

static void a_link_is_not_followed(void **state) {
  (void)state;
  write_text("precious", "x");
  char target[2 * FOLDER_PATH_SIZE];
  snprintf(target, sizeof target, "%s", in_folder("precious"));
  assert_int_equal(symlink(target, in_folder("qm-engine.lock")), 0);
  const lml_guard_settings settings = settings_of();
  lml_guard *guard;
  size_t ended;
  assert_int_equal(lml_guard_create(&settings, &guard, &ended, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "cannot make the file"));
  assert_true(is_there("precious"));
  empty_folder();
}

static uid_t another_user(void) { return lml_sys_posix.geteuid() + 1; }

static void another_users_file_is_not_taken(void **state) {
  (void)state;
  write_text("x.lock", "");
  lml_sys_table table = *lml_sys;
  const lml_sys_table *before = lml_sys;
  table.geteuid = another_user;
  lml_sys = &table;
  lml_lock_file lock;
  bool taken;
  const lml_status status = lml_lock_file_take(in_folder("x.lock"), &lock, &taken, &error);
  lml_sys = before;
  assert_int_equal(status, LML_ERR_IO);
  assert_non_null(strstr(error.message, "belongs to another user"));
  assert_false(taken);
  empty_folder();
}

/** One call fails; whether it was made. */
static bool fails_at(fault_kind kind, size_t n, const char *left) {
  const lml_guard_settings settings = settings_of();
  lml_guard *guard;
  size_t ended;
  error = (lml_error){0};
  write_text("qm-engine.lock", left);
  fault_begin(kind, n);
  const lml_status status = lml_guard_create(&settings, &guard, &ended, &error);
  lml_guard_destroy(guard);
  const bool failed = fault_end();
  assert_int_equal(status, error.status);
  if (status == LML_OK) assert_false(is_there("qm-engine.lock"));
  if (kind == FAULT_SOFT) assert_int_equal(status, LML_OK);
  /* Some file systems have no locks; a process that cannot be looked at has no mark. */
  if (kind == FAULT_HARD && failed && left[0] == '\0' && !fault_only_tidied()) assert_int_not_equal(status, LML_OK);
  return failed;
}

/** The calls that look at a mark's processes are as many as the machine has processes: some will do. */
static void every_failure_is_told_and_leaves_nothing(void **state) {
  (void)state;
  enum { SOME = 40 };
  for (size_t n = 1; fails_at(FAULT_HARD, n, "");) n++;
  for (size_t n = 1; fails_at(FAULT_SOFT, n, "");) n++;
  for (size_t n = 1; n < SOME; n++) fails_at(FAULT_HARD, n, "LMLINK_ENGINE_0_0_0");
  empty_folder();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_file_is_there_as_long_as_the_guard),
      cmocka_unit_test(a_folder_has_one_guard_of_a_name),
      cmocka_unit_test(what_has_the_files_mark_is_ended),
      cmocka_unit_test(another_text_ends_nothing),
      cmocka_unit_test(a_link_is_not_followed),
      cmocka_unit_test(another_users_file_is_not_taken),
      cmocka_unit_test(every_failure_is_told_and_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
