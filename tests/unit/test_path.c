#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/path.h"

/** Compare and free. */
static void is(char *path, const char *expected) {
  assert_non_null(path);
  assert_string_equal(path, expected);
  lml_free(path);
}

static void extensions(void **state) {
  (void)state;
  assert_true(lml_path_has_extension("a/W.snap", ".snap"));
  assert_false(lml_path_has_extension("a/W.snapcoeff", ".snap"));
  assert_false(lml_path_has_extension("a/.snap", ".snap"));
  assert_false(lml_path_has_extension("", ".snap"));
  is(lml_path_with_extension("a.b/W.x.snapcoeff", ".snap", NULL), "a.b/W.x.snap");
  is(lml_path_with_extension("a.b/W", ".snap", NULL), "a.b/W.snap");
  is(lml_path_with_extension("a.b/.hidden", ".snap", NULL), "a.b/.hidden.snap");
}

static void folders(void **state) {
  (void)state;
  is(lml_path_folder("W", NULL), ".");
  is(lml_path_folder("/W", NULL), "/");
  is(lml_path_folder("a/b/W", NULL), "a/b");
  is(lml_path_beside("W", "V", NULL), "V");
  is(lml_path_beside("a/b/W", "../V", NULL), "a/b/../V");
  is(lml_path_beside("a/b/W", "/V", NULL), "/V");
  assert_string_equal(lml_path_name("a/b/W"), "W");
  assert_string_equal(lml_path_name("W"), "W");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(extensions), cmocka_unit_test(folders)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
