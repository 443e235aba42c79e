#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/npy.h"
#include "support/folder.h"

static const double numbers[6] = {1.0, -2.5, 3e300, 4.0, 5.0, 6.0};

static lml_npy_writer *create(const char *path) {
  const size_t shape[2] = {2, 3};
  lml_npy_writer *writer;
  assert_int_equal(lml_npy_create(path, shape, 2, &writer, NULL), LML_OK);
  return writer;
}

static void header_and_numbers_are_as_the_format_says(void **state) {
  (void)state;
  const char *path = in_folder("a.npy");
  lml_npy_writer *writer = create(path);
  assert_int_equal(lml_npy_write(writer, numbers, 2, NULL), LML_OK);
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(lml_npy_write(writer, numbers + 2, 4, NULL), LML_OK);
  assert_int_equal(lml_npy_commit(writer, NULL), LML_OK);

  char data[512];
  FILE *file = fopen(path, "rb");
  const size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  const size_t header = 10 + (unsigned char)data[8] + 256 * (size_t)(unsigned char)data[9];
  assert_memory_equal(data, "\x93NUMPY\x01\x00", 8);
  assert_int_equal(header % 64, 0);
  assert_int_equal(data[header - 1], '\n');
  assert_int_equal(size, header + sizeof numbers);
  static const char dictionary[] = "f8', 'fortran_order': False, 'shape': (2, 3, ), } ";
  assert_memory_equal(data + 10 + strlen("{'descr': '<"), dictionary, strlen(dictionary));
  assert_memory_equal(data + header, numbers, sizeof numbers);
}

static void numbers_must_fit_the_shape(void **state) {
  (void)state;
  const char *path = in_folder("b.npy");
  empty_folder();
  lml_npy_writer *writer = create(path);
  assert_int_equal(lml_npy_write(writer, numbers, 6, NULL), LML_OK);
  assert_int_equal(lml_npy_write(writer, numbers, 1, NULL), LML_ERR_INTERNAL);
  lml_npy_abort(writer);
  writer = create(path);
  assert_int_equal(lml_npy_write(writer, numbers, 5, NULL), LML_OK);
  assert_int_equal(lml_npy_commit(writer, NULL), LML_ERR_INTERNAL);
  assert_int_equal(empty_folder(), 0);
}

static void a_folder_that_is_missing_is_named(void **state) {
  (void)state;
  const size_t shape[1] = {1};
  lml_npy_writer *writer;
  lml_error error = {0};
  assert_int_equal(lml_npy_create(in_folder("none/a.npy"), shape, 1, &writer, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "none/a.npy"));
  assert_null(writer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(header_and_numbers_are_as_the_format_says),
      cmocka_unit_test(numbers_must_fit_the_shape),
      cmocka_unit_test(a_folder_that_is_missing_is_named),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
