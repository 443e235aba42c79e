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
#include "retrain/sums/cache.h"
#include "support/fault.h"
#include "support/folder.h"

static const char key[] = "the format: 1\ntargets[0].file: 0123\ntargets[0].weight: 1\n";
static double first[] = {1.5, -2.0, 1e-300}, second[] = {3.25};
static const lml_cache_part parts[] = {{first, 3}, {NULL, 0}, {second, 1}};
enum { PARTS = sizeof parts / sizeof parts[0] };

/** What is found; the numbers are compared with those that were written. */
static lml_cache_finding look(const char *wanted) {
  double a[3] = {0}, b[1] = {0};
  const lml_cache_part room[] = {{a, 3}, {NULL, 0}, {b, 1}};
  lml_cache_finding finding;
  assert_int_equal(lml_cache_read(in_folder("c"), wanted, room, PARTS, &finding, NULL), LML_OK);
  if (finding.state == LML_CACHE_READ) {
    assert_memory_equal(a, first, sizeof a);
    assert_memory_equal(b, second, sizeof b);
  }
  return finding;
}

static void put(const char *bytes, size_t length) { write_bytes(in_folder("c"), bytes, length); }

static void what_was_written_is_read(void **state) {
  (void)state;
  unlink(in_folder("c"));
  assert_int_equal(look(key).state, LML_CACHE_ABSENT);
  assert_int_equal(lml_cache_write(in_folder("c"), key, parts, PARTS, NULL), LML_OK);
  assert_int_equal(look(key).state, LML_CACHE_READ);
}

static void another_key_is_named(void **state) {
  (void)state;
  static const struct {
    const char *key;
    const char *changed;
  } cases[] = {
      {"the format: 2\ntargets[0].file: 0123\ntargets[0].weight: 1\n", "the format"},
      {"the format: 1\ntargets[0].file: 0124\ntargets[0].weight: 1\n", "targets[0].file"},
      {"the format: 1\ntargets[0].file: 0123\n", "targets[0].weight"},
      {"the format: 1\ntargets[0].file: 0123\ntargets[0].weight: 1\nsoft[0].file: 4\n", "soft[0].file"},
      {"the format: 1\nsoft[0].file: 0123\n", "soft[0].file"},
      {"", "the format"},
  };
  assert_int_equal(lml_cache_write(in_folder("c"), key, parts, PARTS, NULL), LML_OK);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const lml_cache_finding finding = look(cases[i].key);
    assert_int_equal(finding.state, LML_CACHE_OTHER);
    assert_string_equal(finding.changed, cases[i].changed);
  }
}

/** Every byte of the file, with one bit or all of them wrong; cut at every place; and longer than it was. */
static void damage_is_found_anywhere(void **state) {
  (void)state;
  char *bytes;
  size_t length;
  assert_int_equal(lml_cache_write(in_folder("c"), key, parts, PARTS, NULL), LML_OK);
  assert_int_equal(lml_file_read(in_folder("c"), &bytes, &length, NULL), LML_OK);
  assert_in_range(length, 200, 400);
  for (size_t k = 0; k < length; k++) {
    for (int bit = 0; bit <= 8; bit++) {
      const char right = bytes[k];
      bytes[k] = (char)(bit == 8 ? ~right : right ^ (1 << bit));
      put(bytes, length);
      assert_int_equal(look(key).state, LML_CACHE_DAMAGED);
      bytes[k] = right;
    }
    put(bytes, k);
    assert_int_equal(look(key).state, LML_CACHE_DAMAGED);
  }
  char *longer;
  assert_int_equal(lml_alloc(&longer, length + 1, 1, "", NULL), LML_OK);
  memcpy(longer, bytes, length);
  put(longer, length + 1);
  assert_int_equal(look(key).state, LML_CACHE_DAMAGED);
  put(bytes, length);
  assert_int_equal(look(key).state, LML_CACHE_READ);
  lml_free(longer);
  lml_free(bytes);
}

static void what_is_no_cache_is_not_to_be_replaced(void **state) {
  (void)state;
  static const char *const texts[] = {"16\nProperties=species:S:1:pos:R:3\n", "# coefficients", "lmlink-serve\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    lml_cache_finding finding;
    lml_error error = {0};
    put(texts[i], strlen(texts[i]));
    assert_int_equal(lml_cache_read(in_folder("c"), key, parts, PARTS, &finding, &error), LML_ERR_INPUT);
    assert_non_null(strstr(error.message, "/c: is no cache of lmlink-retrain: name another file"));
  }
  unlink(in_folder("c"));
  lml_cache_finding finding;
  lml_error error = {0};
  assert_int_equal(lml_cache_read(folder_name, key, parts, PARTS, &finding, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "is no cache of lmlink-retrain"));
}

/** Any call to the operating system may fail: an error, nothing lost, and the old file is whole. */
static void failures_leave_the_old_one(void **state) {
  (void)state;
  lml_cache_finding finding;
  double a[3], b[1];
  const lml_cache_part room[] = {{a, 3}, {NULL, 0}, {b, 1}};
  for (int writes = 0; writes < 2; writes++) {
    bool failed = true;
    for (size_t n = 1; failed; n++) {
      lml_error error = {0};
      assert_int_equal(lml_cache_write(in_folder("c"), key, parts, PARTS, NULL), LML_OK);
      fault_begin(FAULT_HARD, n);
      const lml_status status = writes ? lml_cache_write(in_folder("c"), "other\n", parts, PARTS, &error)
                                       : lml_cache_read(in_folder("c"), key, room, PARTS, &finding, &error);
      failed = fault_end();
      /* Where but the folder was not flushed to disk, the new one is there. */
      const bool is_new = writes && strstr(error.message, "folder cannot be flushed") != NULL;
      if (status != LML_OK)
        assert_int_equal(look(is_new ? "other\n" : key).state, LML_CACHE_READ);
      else
        assert_true(!failed || fault_only_tidied() ||
                    strcmp(fault_call(), "stat") == 0); /* whether a special file is in the way */
    }
    assert_int_equal(look(writes ? "other\n" : key).state, LML_CACHE_READ);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_written_is_read),   cmocka_unit_test(another_key_is_named),
      cmocka_unit_test(damage_is_found_anywhere),   cmocka_unit_test(what_is_no_cache_is_not_to_be_replaced),
      cmocka_unit_test(failures_leave_the_old_one),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
