/* A whole retraining whose calls to the operating system are made to fail, in turn, and that is killed at every one of
 * them: what was there before is whole, or what is new. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cblas.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/sys.h"
#include "support/fault.h"
#include "support/small_retraining.h"

/* ---- the run ---- */

static pthread_t main_thread;
static size_t nthreads; /* 0: those of BLAS */

static int make_files(void **state) {
  if (make_folder(state) != 0) return -1;
  main_thread = pthread_self();
  openblas_set_num_threads(1); /* threads would not be there in a forked process */
  put_small_retraining();
  return 0;
}

/** Keep up what other threads hand in, so that the main one works at whatever seats are left. */
static void dawdle(void *context, lml_stage stage, size_t done, size_t total) {
  (void)context, (void)stage, (void)done, (void)total;
  if (!pthread_equal(pthread_self(), main_thread)) nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
}

static lml_status run(lml_error *error) {
  const small_retraining how = {.lambda = 0.1, .threads = nthreads, .progress = dawdle};
  return run_small_retraining(&how, error);
}

/* ---- what is looked at ---- */

static const char old_text[] = "what was there before\n";

static void put_old_outputs(void) {
  for (size_t i = 0; i < OUTPUTS - 1; i++) write_text(outputs[i], old_text);
  unlink(in_folder(outputs[OUTPUTS - 1]));
}

static char *read_whole(const char *name, size_t *length) {
  char *text;
  lml_error error = {0};
  if (lml_file_read(in_folder(name), &text, length, &error) != LML_OK) fail_msg("%s", error.message);
  return text;
}

/** The bytes of a run that nothing happened to. */
static struct {
  char *text;
  size_t length;
} new_files[OUTPUTS];

static void make_new_files(void) {
  lml_error error = {0};
  put_old_outputs();
  if (run(&error) != LML_OK) fail_msg("%s", error.message);
  for (size_t i = 0; i < OUTPUTS; i++) {
    lml_free(new_files[i].text);
    new_files[i].text = read_whole(outputs[i], &new_files[i].length);
  }
}

static void free_new_files(void) {
  for (size_t i = 0; i < OUTPUTS; i++) lml_free(new_files[i].text);
  memset(new_files, 0, sizeof new_files);
}

/** Each output is the old one or the new one. The report's times differ, so that its begin and end are looked at. */
static void assert_whole(size_t n) {
  for (size_t i = 0; i < OUTPUTS; i++) {
    size_t length;
    if (i == OUTPUTS - 1 && access(in_folder(outputs[i]), F_OK) != 0) continue; /* there was no old cache */
    char *text = read_whole(outputs[i], &length);
    const bool is_old = strcmp(text, old_text) == 0;
    bool is_new = length == new_files[i].length && memcmp(text, new_files[i].text, length) == 0;
    if (i == 2) is_new = length > 100 && text[0] == '{' && strcmp(text + length - 2, "}\n") == 0;
    lml_free(text);
    if (!is_old && !is_new) fail_msg("call %zu: %s is neither the old one nor the new one", n, outputs[i]);
  }
}

/** Files that nobody asked for. */
static size_t count_leftovers(void) {
  size_t count = 0;
  DIR *listing = opendir(folder_name);
  for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
    if (strstr(entry->d_name, ".tmp") != NULL) {
      unlink(in_folder(entry->d_name));
      count++;
    }
  closedir(listing);
  return count;
}

/* ---- threads ---- */

/** Where the main thread worked last is no business of the stages that it does alone, leverages for instance. */
static void threads_change_no_result(void **state) {
  (void)state;
  make_new_files();
  nthreads = 3;
  for (size_t k = 0; k < 100; k++) {
    lml_error error = {0};
    size_t length;
    put_old_outputs();
    if (run(&error) != LML_OK) fail_msg("%s", error.message);
    char *text = read_whole(outputs[0], &length);
    assert_int_equal(length, new_files[0].length);
    assert_memory_equal(text, new_files[0].text, length);
    lml_free(text);
  }
  nthreads = 0;
  free_new_files();
}

/* ---- failures ---- */

/** A failure may go without an error where the result does not depend on the call: stat asks about what opening would
 *  refuse anyway, /proc is not needed, and that the cache can't be kept is told and no more. */
static void every_failure_is_an_error_or_changes_nothing(void **state) {
  (void)state;
  size_t n = 0, passed = 0;
  bool happened;
  make_new_files();
  do {
    lml_error error = {0};
    put_old_outputs();
    fault_begin(FAULT_HARD, ++n);
    const lml_status status = run(&error);
    happened = fault_end();
    if (status != LML_OK) {
      assert_int_equal(error.status, status);
      assert_true(error.message[0] != '\0');
      assert_true(happened);
    } else if (happened) {
      passed += !fault_only_tidied();
      size_t length;
      char *text = read_whole(outputs[0], &length);
      assert_int_equal(length, new_files[0].length);
      assert_memory_equal(text, new_files[0].text, length);
      lml_free(text);
    }
    assert_whole(n);
    assert_int_equal(count_leftovers(), 0);
  } while (happened);
  assert_true(n > 1000);
  assert_true(passed < 47); /* with the three of flushing the folder of the cache */
  free_new_files();
}

static void what_can_be_tried_again_changes_nothing(void **state) {
  (void)state;
  size_t n = 0;
  bool happened;
  make_new_files();
  do {
    lml_error error = {0};
    put_old_outputs();
    fault_begin(FAULT_SOFT, ++n);
    const lml_status status = run(&error);
    happened = fault_end();
    if (status != LML_OK) fail_msg("call %zu (%s): %s", n, fault_call(), error.message);
    size_t length;
    char *text = read_whole(outputs[0], &length);
    assert_int_equal(length, new_files[0].length);
    assert_memory_equal(text, new_files[0].text, length);
    lml_free(text);
  } while (happened);
  assert_true(n > 30);
  free_new_files();
}

/* ---- a damaged cache ---- */

static void damage_cache(size_t at) {
  FILE *file = fopen(in_folder(outputs[OUTPUTS - 1]), "wb");
  assert_non_null(file);
  char *text = new_files[OUTPUTS - 1].text;
  text[at] ^= 1;
  assert_int_equal(fwrite(text, 1, new_files[OUTPUTS - 1].length, file), new_files[OUTPUTS - 1].length);
  text[at] ^= 1;
  assert_int_equal(fclose(file), 0);
}

/** What was read from it until then counts for nothing. */
static void a_damaged_cache_is_made_again(void **state) {
  (void)state;
  make_new_files();
  for (size_t k = 1; k < 8; k++) {
    lml_error error = {0};
    put_old_outputs();
    damage_cache(k * new_files[OUTPUTS - 1].length / 8);
    if (run(&error) != LML_OK) fail_msg("%s", error.message);
    for (size_t i = 0; i < OUTPUTS; i++) {
      size_t length;
      char *text = read_whole(outputs[i], &length);
      if (i != 2) { /* the report, which has times */
        assert_int_equal(length, new_files[i].length);
        assert_memory_equal(text, new_files[i].text, length);
      }
      lml_free(text);
    }
  }
  free_new_files();
}

/* ---- killed ---- */

/** Calls that files change by, and the one before which the process ends. */
static size_t calls, last_call;

static void count_call(void) {
  if (++calls == last_call) _exit(9);
}

static int killed_open(const char *path, int flags, mode_t mode) {
  count_call();
  return lml_sys_posix.open(path, flags, mode);
}

/** Half of it is written before the end. */
static ssize_t killed_write(int fd, const void *buffer, size_t bytes) {
  if (calls + 1 == last_call) (void)!lml_sys_posix.write(fd, buffer, bytes / 2);
  count_call();
  return lml_sys_posix.write(fd, buffer, bytes);
}

static int killed_fsync(int fd) {
  count_call();
  return lml_sys_posix.fsync(fd);
}

static int killed_close(int fd) {
  count_call();
  return lml_sys_posix.close(fd);
}

static int killed_rename(const char *from, const char *to) {
  count_call();
  return lml_sys_posix.rename(from, to);
}

static int killed_unlink(const char *path) {
  count_call();
  return lml_sys_posix.unlink(path);
}

/** A run in a process of its own that ends before call number @p n; whether it did. */
static bool run_and_kill(size_t n) {
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    static lml_sys_table table;
    table = lml_sys_posix;
    table.open = killed_open;
    table.write = killed_write;
    table.fsync = killed_fsync;
    table.close = killed_close;
    table.rename = killed_rename;
    table.unlink = killed_unlink;
    lml_sys = &table;
    last_call = n;
    lml_error error = {0};
    _exit(run(&error) == LML_OK ? 0 : 1);
  }
  int how;
  assert_int_equal(waitpid(child, &how, 0), child);
  assert_true(WIFEXITED(how));
  assert_true(WEXITSTATUS(how) == 0 || WEXITSTATUS(how) == 9);
  return WEXITSTATUS(how) == 9;
}

static void killed_at_any_call_all_is_whole(void **state) {
  (void)state;
  size_t n = 0, halves = 0;
  make_new_files();
  do {
    put_old_outputs();
    if (!run_and_kill(++n)) break;
    assert_whole(n);
    halves += count_leftovers() > 0;
  } while (true);
  assert_true(n > 60);
  assert_in_range(halves, 8, n);
  free_new_files();
}

static void nothing_else_was_written(void **state) {
  (void)state;
  assert_int_equal(empty_folder(), FILES + OUTPUTS);
}

/** The argument, where there is one, says which of the tests are run. */
int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_change_no_result),
      cmocka_unit_test(every_failure_is_an_error_or_changes_nothing),
      cmocka_unit_test(what_can_be_tried_again_changes_nothing),
      cmocka_unit_test(a_damaged_cache_is_made_again),
      cmocka_unit_test(killed_at_any_call_all_is_whole),
      cmocka_unit_test(nothing_else_was_written),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, make_files, remove_folder);
}
