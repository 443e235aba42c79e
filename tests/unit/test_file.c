#include <dirent.h>
#include <errno.h>
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
#include "base/file_texts.h"
#include "base/memory.h"
#include "base/sys.h"
#include "support/folder.h"

static char path[2 * FOLDER_PATH_SIZE];

static int set_up(void **state) {
  const int failure = make_folder(state);
  snprintf(path, sizeof path, "%s", in_folder("file.txt"));
  return failure;
}

static void put(const char *text, size_t length) { write_bytes(path, text, length); }

static void assert_holds(const char *text) {
  char *read;
  size_t length;
  assert_int_equal(lml_file_read(path, &read, &length, NULL), LML_OK);
  assert_string_equal(read, text);
  assert_int_equal(length, strlen(text));
  lml_free(read);
}

static int count_files(void) {
  int count = 0;
  DIR *files = opendir(folder_name);
  assert_non_null(files);
  for (const struct dirent *entry; (entry = readdir(files)) != NULL;) count += entry->d_name[0] != '.';
  closedir(files);
  return count;
}

static void a_whole_file_is_read(void **state) {
  (void)state;
  const size_t length = 100003;
  char *written = malloc(length), *read;
  size_t read_length;
  assert_non_null(written);
  for (size_t k = 0; k < length; k++) written[k] = (char)(k * 7 % 251);
  put(written, length);
  assert_int_equal(lml_file_read(path, &read, &read_length, NULL), LML_OK);
  assert_int_equal(read_length, length);
  assert_memory_equal(read, written, length);
  assert_int_equal(read[length], '\0');
  lml_free(read);
  free(written);
  put("", 0);
  assert_holds("");
}

/** What a host program has read itself stands in for files; others are not opened. */
static void texts_stand_in_for_files(void **state) {
  (void)state;
  const lml_file_text text = {.name = path, .text = "handed over\nand more", .length = 11};
  lml_error error = {0};
  lml_lines *lines;
  const char *line;
  char *read;
  size_t length;
  put("on disk", 7);
  lml_file_texts_use(&text, 1);
  assert_holds("handed over");
  assert_int_equal(lml_lines_open(path, &lines, NULL), LML_OK);
  assert_int_equal(lml_lines_next(lines, &line, NULL, NULL), LML_OK);
  assert_string_equal(line, "handed over");
  lml_lines_close(lines);
  assert_int_equal(lml_file_read(in_folder("other.txt"), &read, &length, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "other.txt: is not among the files"));
  assert_null(read);
  lml_file_texts_use(NULL, 0);
  assert_holds("on disk");
}

static void a_file_that_cannot_be_read_is_named(void **state) {
  (void)state;
  lml_error error = {0};
  lml_lines *lines;
  char *read;
  size_t length;
  assert_int_equal(lml_file_read("/nowhere/at-all", &read, &length, &error), LML_ERR_IO);
  assert_string_equal(error.message, "/nowhere/at-all: cannot be opened: No such file or directory");
  assert_null(read);
  assert_int_equal(lml_lines_open("/nowhere/at-all", &lines, &error), LML_ERR_IO);
  assert_null(lines);
  assert_int_equal(lml_file_read(folder_name, &read, &length, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "cannot be read: Is a directory"));
}

static void assert_next(lml_lines *lines, const char *expected, size_t number) {
  const char *text;
  size_t length;
  assert_int_equal(lml_lines_next(lines, &text, &length, NULL), LML_OK);
  if (expected == NULL) {
    assert_null(text);
    return;
  }
  assert_string_equal(text, expected);
  assert_int_equal(length, strlen(expected));
  assert_int_equal(lml_lines_number(lines), number);
}

static void lines_are_read_with_their_numbers(void **state) {
  (void)state;
  lml_lines *lines;
  const char text[] = "one\r\n\n three \rx\n\r\nlast";
  put(text, strlen(text));
  assert_int_equal(lml_lines_open(path, &lines, NULL), LML_OK);
  assert_string_equal(lml_lines_path(lines), path);
  assert_int_equal(lml_lines_number(lines), 0);
  assert_next(lines, "one", 1);
  assert_next(lines, "", 2);
  assert_next(lines, " three \rx", 3);
  assert_next(lines, "", 4);
  assert_false(lml_lines_torn(lines));
  assert_next(lines, "last", 5);
  assert_true(lml_lines_torn(lines));
  assert_next(lines, NULL, 5);
  assert_next(lines, NULL, 5);
  lml_lines_close(lines);
}

static void reading_goes_on_where_it_was_left(void **state) {
  (void)state;
  lml_lines *lines;
  put("one\ntwo\nthr", 11);
  assert_int_equal(lml_lines_open(path, &lines, NULL), LML_OK);
  assert_int_equal(lml_lines_tell(lines).offset, 0);
  assert_next(lines, "one", 1);
  const lml_lines_place second = lml_lines_tell(lines);
  assert_int_equal(second.offset, 4);
  assert_next(lines, "two", 2);
  const lml_lines_place third = lml_lines_tell(lines);
  assert_next(lines, "thr", 3);
  assert_true(lml_lines_torn(lines));
  put("one\ntwo\nthree\n", 14);
  assert_int_equal(lml_lines_seek(lines, third, NULL), LML_OK);
  assert_next(lines, "three", 3);
  assert_false(lml_lines_torn(lines));
  assert_int_equal(lml_lines_seek(lines, second, NULL), LML_OK);
  assert_next(lines, "two", 2);
  lml_lines_close(lines);
}

static void a_line_may_have_any_length(void **state) {
  (void)state;
  const size_t length = 1000000;
  char *text = malloc(length + 4);
  const char *line;
  size_t read_length;
  lml_lines *lines;
  assert_non_null(text);
  memset(text, 'x', length);
  memcpy(text + length, "\ny\n", 4);
  put(text, length + 3);
  assert_int_equal(lml_lines_open(path, &lines, NULL), LML_OK);
  assert_int_equal(lml_lines_next(lines, &line, &read_length, NULL), LML_OK);
  assert_int_equal(read_length, length);
  assert_next(lines, "y", 2);
  assert_false(lml_lines_torn(lines));
  assert_next(lines, NULL, 2);
  lml_lines_close(lines);
  free(text);
}

static void a_file_appears_whole_or_not_at_all(void **state) {
  (void)state;
  lml_file_writer *writer;
  put("old", 3);
  assert_int_equal(lml_file_writer_create(path, &writer, NULL), LML_OK);
  assert_int_equal(lml_file_writer_write(writer, "new ", 4, NULL), LML_OK);
  assert_int_equal(lml_file_writer_print(writer, NULL, "%d %s\n", 5, "lines"), LML_OK);
  assert_int_equal(count_files(), 2);
  assert_holds("old");
  assert_int_equal(lml_file_writer_commit(writer, NULL), LML_OK);
  assert_holds("new 5 lines\n");
  assert_int_equal(count_files(), 1);

  assert_int_equal(lml_file_writer_create(path, &writer, NULL), LML_OK);
  assert_int_equal(lml_file_writer_write(writer, "lost", 4, NULL), LML_OK);
  lml_file_writer_abort(writer);
  lml_file_writer_abort(NULL);
  assert_holds("new 5 lines\n");
  assert_int_equal(count_files(), 1);
}

static void much_is_written_in_order(void **state) {
  (void)state;
  lml_file_writer *writer;
  enum { WIDE = 3000, COUNT = 100 };
  static char expected[COUNT * (WIDE + 1) + 200001], block[200001];
  memset(block, 'b', sizeof block - 1);
  char *at = expected;
  assert_int_equal(lml_file_writer_create(path, &writer, NULL), LML_OK);
  for (int k = 0; k < COUNT; k++) {
    at += sprintf(at, "%*d\n", WIDE, k);
    assert_int_equal(lml_file_writer_print(writer, NULL, "%*d\n", WIDE, k), LML_OK);
  }
  memcpy(at, block, sizeof block);
  assert_int_equal(lml_file_writer_write(writer, block, sizeof block - 1, NULL), LML_OK);
  assert_int_equal(lml_file_writer_commit(writer, NULL), LML_OK);
  assert_holds(expected);
}

static void places_that_cannot_be_written_are_named(void **state) {
  (void)state;
  lml_error error = {0};
  lml_file_writer *writer;
  assert_int_equal(lml_file_writer_create("/nowhere/x.npy", &writer, &error), LML_ERR_IO);
  assert_string_equal(error.message, "/nowhere/x.npy: a file beside it cannot be created: No such file or directory");
  assert_null(writer);
  assert_int_equal(lml_file_writer_create("/dev/null", &writer, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "/dev/null: exists and is not a regular file"));
  assert_int_equal(lml_file_writer_create(folder_name, &writer, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "not a regular file"));
}

static void writes(const char *name, const char *text) {
  lml_error error = {0};
  lml_file_writer *writer;
  if (lml_file_writer_create(name, &writer, &error) != LML_OK) fail_msg("%s", error.message);
  assert_int_equal(lml_file_writer_write(writer, text, strlen(text), NULL), LML_OK);
  assert_int_equal(lml_file_writer_commit(writer, NULL), LML_OK);
}

static mode_t mode_of(const char *name) {
  struct stat status;
  assert_int_equal(lstat(name, &status), 0);
  return status.st_mode;
}

static void a_file_that_is_replaced_keeps_its_mode(void **state) {
  (void)state;
  static const mode_t modes[] = {0600, 0640, 0664, 0444};
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    assert_int_equal(chmod(path, modes[i]), 0);
    lml_file_writer *writer;
    assert_int_equal(lml_file_writer_create(path, &writer, NULL), LML_OK);
    lml_file_writer_abort(writer);
    writes(path, "kept");
    assert_int_equal(mode_of(path) & 07777, modes[i]);
    assert_holds("kept");
  }
  assert_int_equal(chmod(path, 0644), 0);
}

/** Links of one folder into another, one after the other, also to a file that is not there yet. */
static void a_symbolic_link_stays_one(void **state) {
  (void)state;
  char link[2 * FOLDER_PATH_SIZE], second[2 * FOLDER_PATH_SIZE], folder[2 * FOLDER_PATH_SIZE];
  snprintf(link, sizeof link, "%s", in_folder("link"));
  snprintf(folder, sizeof folder, "%s", in_folder("below"));
  snprintf(second, sizeof second, "%s", in_folder("below/second"));
  assert_int_equal(mkdir(folder, 0777), 0);
  assert_int_equal(symlink("../file.txt", second), 0);
  assert_int_equal(symlink("below/second", link), 0);
  for (int round = 0; round < 2; round++) {
    writes(link, "behind two links");
    assert_holds("behind two links");
    assert_true(S_ISLNK(mode_of(link)) && S_ISLNK(mode_of(second)) && S_ISREG(mode_of(path)));
    assert_int_equal(count_files(), 3);
    unlink(path);
  }
  unlink(link);
  unlink(second);
  rmdir(folder);
}

static void links_that_lead_round_are_an_error(void **state) {
  (void)state;
  lml_error error = {0};
  lml_file_writer *writer;
  char one[2 * FOLDER_PATH_SIZE], two[2 * FOLDER_PATH_SIZE];
  snprintf(one, sizeof one, "%s", in_folder("one"));
  snprintf(two, sizeof two, "%s", in_folder("two"));
  assert_int_equal(symlink("two", one), 0);
  assert_int_equal(symlink("one", two), 0);
  assert_int_equal(lml_file_writer_create(one, &writer, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "Too many levels of symbolic links"));
  unlink(one);
  unlink(two);
}

/* --- a system that fails ---------------------------------------------------------------------------------------- */

static ssize_t write_to_full_disk(int fd, const void *buffer, size_t bytes) {
  (void)fd, (void)buffer, (void)bytes;
  errno = ENOSPC;
  return -1;
}

static int failing_fsync(int fd) {
  (void)fd;
  errno = EIO;
  return -1;
}

static int failing_rename(const char *from, const char *to) {
  (void)from, (void)to;
  errno = EACCES;
  return -1;
}

static void assert_commit_fails(const lml_sys_table *table, const char *reason) {
  lml_error error = {0};
  lml_file_writer *writer;
  put("old", 3);
  lml_sys = table;
  lml_status status = lml_file_writer_create(path, &writer, &error);
  if (status == LML_OK) status = lml_file_writer_write(writer, "new", 3, &error);
  if (status == LML_OK) status = lml_file_writer_commit(writer, &error);
  lml_sys = &lml_sys_posix;
  assert_int_equal(status, LML_ERR_IO);
  if (strstr(error.message, path) == NULL || strstr(error.message, reason) == NULL) fail_msg("%s", error.message);
  assert_holds("old");
  assert_int_equal(count_files(), 1);
}

static void a_failed_commit_leaves_the_old_file(void **state) {
  (void)state;
  lml_sys_table full = lml_sys_posix, unsynced = lml_sys_posix, unnamed = lml_sys_posix;
  full.write = write_to_full_disk;
  unsynced.fsync = failing_fsync;
  unnamed.rename = failing_rename;
  assert_commit_fails(&full, "cannot be written: No space left on device");
  assert_commit_fails(&unsynced, "cannot be flushed to disk: Input/output error");
  assert_commit_fails(&unnamed, "cannot be put in place: Permission denied");
}

static ssize_t read_one_byte(int fd, void *buffer, size_t bytes) {
  static int calls;
  if (calls++ % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  return lml_sys_posix.read(fd, buffer, bytes > 1 ? 1 : bytes);
}

static ssize_t write_one_byte(int fd, const void *buffer, size_t bytes) {
  static int calls;
  if (calls++ % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  return lml_sys_posix.write(fd, buffer, bytes > 1 ? 1 : bytes);
}

static void short_and_interrupted_calls_go_on(void **state) {
  (void)state;
  lml_sys_table slow = lml_sys_posix;
  lml_file_writer *writer;
  lml_lines *lines;
  slow.read = read_one_byte;
  slow.write = write_one_byte;
  lml_sys = &slow;
  assert_int_equal(lml_file_writer_create(path, &writer, NULL), LML_OK);
  assert_int_equal(lml_file_writer_print(writer, NULL, "a b\r\nc\n"), LML_OK);
  assert_int_equal(lml_file_writer_commit(writer, NULL), LML_OK);
  assert_holds("a b\r\nc\n");
  assert_int_equal(lml_lines_open(path, &lines, NULL), LML_OK);
  assert_next(lines, "a b", 1);
  assert_next(lines, "c", 2);
  assert_false(lml_lines_torn(lines));
  assert_next(lines, NULL, 2);
  lml_lines_close(lines);
  lml_sys = &lml_sys_posix;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_file_is_read),
      cmocka_unit_test(texts_stand_in_for_files),
      cmocka_unit_test(a_file_that_cannot_be_read_is_named),
      cmocka_unit_test(lines_are_read_with_their_numbers),
      cmocka_unit_test(reading_goes_on_where_it_was_left),
      cmocka_unit_test(a_line_may_have_any_length),
      cmocka_unit_test(a_file_appears_whole_or_not_at_all),
      cmocka_unit_test(much_is_written_in_order),
      cmocka_unit_test(places_that_cannot_be_written_are_named),
      cmocka_unit_test(a_file_that_is_replaced_keeps_its_mode),
      cmocka_unit_test(a_symbolic_link_stays_one),
      cmocka_unit_test(links_that_lead_round_are_an_error),
      cmocka_unit_test(a_failed_commit_leaves_the_old_file),
      cmocka_unit_test(short_and_interrupted_calls_go_on),
  };
  return cmocka_run_group_tests(tests, set_up, remove_folder);
}
