#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "support/folder.h"

static char path[2 * FOLDER_PATH_SIZE];

static int set_up(void **state) {
  const int failure = make_folder(state);
  snprintf(path, sizeof path, "%s", in_folder("a.npy"));
  return failure;
}

static void put(const void *bytes, size_t length) { write_bytes(path, bytes, length); }

static void write_array(const double *values, const size_t *shape, size_t dimensions) {
  lml_npy_writer *writer;
  size_t count = 1;
  for (size_t k = 0; k < dimensions; k++) count *= shape[k];
  assert_int_equal(lml_npy_create(path, shape, dimensions, &writer, NULL), LML_OK);
  assert_int_equal(lml_npy_write(writer, values, count, NULL), LML_OK);
  assert_int_equal(lml_npy_commit(writer, NULL), LML_OK);
}

/** The bytes that numpy.save gives for this shape, up to the values. */
static void assert_header(const char *dictionary, size_t values) {
  char *bytes;
  size_t length;
  assert_int_equal(lml_file_read(path, &bytes, &length, NULL), LML_OK);
  assert_memory_equal(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
  assert_memory_equal(bytes + 10, dictionary, strlen(dictionary));
  for (size_t k = 10 + strlen(dictionary); k < 127; k++) assert_int_equal(bytes[k], ' ');
  assert_int_equal(bytes[127], '\n');
  assert_int_equal(length, 128 + 8 * values);
  lml_free(bytes);
}

static void arrays_are_written_as_numpy_does(void **state) {
  (void)state;
  const double values[12] = {0, -1.5, NAN, INFINITY, 1e300, 5, 6, 7, 8, 9, 10, 11};
  const size_t row[] = {5}, matrix[] = {3, 4}, cube[] = {2, 3, 2}, none[] = {0, 3};
  lml_npy_array read;
  write_array(values, row, 1);
  assert_header("{'descr': '<f8', 'fortran_order': False, 'shape': (5,), }", 5);
  write_array(values, none, 2);
  assert_header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }", 0);
  write_array(values, matrix, 2);
  assert_header("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }", 12);
  write_array(values, cube, 3);
  assert_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3, 2), }", 12);
  assert_int_equal(lml_npy_read(path, &read, NULL), LML_OK);
  assert_int_equal(read.dimensions, 3);
  assert_memory_equal(read.shape, cube, sizeof cube);
  assert_int_equal(read.count, 12);
  assert_memory_equal(read.values, values, sizeof values);
  lml_npy_free(&read);
}

static void an_array_is_written_in_pieces(void **state) {
  (void)state;
  enum { ROWS = 20000, WIDTH = 7 };
  static double values[ROWS * WIDTH];
  const size_t shape[] = {ROWS, WIDTH};
  lml_npy_writer *writer;
  lml_npy_array read;
  for (size_t k = 0; k < ROWS * WIDTH; k++) values[k] = sqrt((double)k);
  assert_int_equal(lml_npy_create(path, shape, 2, &writer, NULL), LML_OK);
  for (size_t begin = 0; begin < ROWS; begin += 3000)
    assert_int_equal(
        lml_npy_write(writer, values + WIDTH * begin, WIDTH * (begin + 3000 < ROWS ? 3000 : ROWS - begin), NULL),
        LML_OK);
  assert_int_equal(lml_npy_commit(writer, NULL), LML_OK);
  assert_int_equal(lml_npy_read(path, &read, NULL), LML_OK);
  assert_memory_equal(read.values, values, sizeof values);
  lml_npy_free(&read);
}

static void an_array_of_the_wrong_size_is_not_written(void **state) {
  (void)state;
  const double values[7] = {0};
  const size_t shape[] = {2, 3}, huge[] = {SIZE_MAX / 16, 5};
  lml_error error = {0};
  lml_npy_writer *writer;
  unlink(path);
  assert_int_equal(lml_npy_create(path, shape, 2, &writer, NULL), LML_OK);
  assert_int_equal(lml_npy_write(writer, values, 5, NULL), LML_OK);
  assert_int_equal(lml_npy_write(writer, values, 2, &error), LML_ERR_INTERNAL);
  assert_non_null(strstr(error.message, "a.npy: more values than the 6"));
  assert_int_equal(lml_npy_commit(writer, &error), LML_ERR_INTERNAL);
  assert_non_null(strstr(error.message, "a.npy: 5 values instead of the 6"));
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(lml_npy_create(path, huge, 2, &writer, &error), LML_ERR_INTERNAL);
  assert_null(writer);
  assert_int_equal(lml_npy_create("/nowhere/a.npy", shape, 2, &writer, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "/nowhere/a.npy"));
  lml_npy_abort(NULL);
}

static void assert_unreadable(const char *message) {
  lml_npy_array read;
  lml_error error = {0};
  assert_int_equal(lml_npy_read(path, &read, &error), LML_ERR_INPUT);
  if (strncmp(error.message, path, strlen(path)) != 0 || strstr(error.message, message) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", error.message, message);
  assert_null(read.values);
}

static void put_with_header(const char *dictionary, const char *values, size_t bytes) {
  char file[512] = "\x93NUMPY\x01";
  const size_t length = strlen(dictionary);
  file[8] = (char)(length + 1);
  for (size_t k = 0; k < length; k++) file[10 + k] = dictionary[k];
  file[10 + length] = '\n';
  memcpy(file + 11 + length, values, bytes);
  put(file, 11 + length + bytes);
}

static void other_arrays_are_refused(void **state) {
  (void)state;
  const char values[16] = {0};
  put_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", values, 8);
  assert_unreadable("the array's type is '<f4'; it must be '<f8'");
  put_with_header("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2, 1), }", values, 16);
  assert_unreadable("an array of 3 dimensions in Fortran order");
  put_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", values, 16);
  assert_unreadable("16 bytes of values, where the array's shape needs 24");
  put_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", values, 16);
  assert_unreadable("16 bytes of values, where the array's shape needs 8");
  put_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", values, 16);
  assert_unreadable("cannot be understood");
  put_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, -1), }", values, 8);
  assert_unreadable("cannot be understood");
  put_with_header("{'descr': '<f8', 'shape': (2,), }", values, 16);
  assert_unreadable("cannot be understood");
  put("PK\x03\x04 not an array at all", 20);
  assert_unreadable("is not a whole .npy file");
}

static void a_file_cut_anywhere_is_refused(void **state) {
  (void)state;
  const double values[2] = {1, 2};
  const size_t shape[] = {2};
  char *bytes;
  size_t length;
  write_array(values, shape, 1);
  assert_int_equal(lml_file_read(path, &bytes, &length, NULL), LML_OK);
  for (size_t cut = 0; cut < length; cut++) {
    put(bytes, cut);
    assert_unreadable("");
  }
  lml_free(bytes);
}

/** The 4 × 3 matrix of 0, 1, 2, … in either order. */
static void rows_are_read_in_pieces(void **state) {
  (void)state;
  const double by_rows[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const double by_columns[12] = {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11};
  for (int fortran = 0; fortran < 2; fortran++) {
    double values[12] = {0};
    lml_npy_reader *reader;
    lml_npy_array whole;
    if (fortran)
      put_with_header("{'descr': '<f8', 'fortran_order': True, 'shape': (4, 3), }", (const char *)by_columns, 96);
    else
      put_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3), }", (const char *)by_rows, 96);
    assert_int_equal(lml_npy_open(path, &reader, NULL), LML_OK);
    assert_int_equal(lml_npy_shape(reader)->shape[0], 4);
    assert_int_equal(lml_npy_shape(reader)->shape[1], 3);
    for (size_t first = 4; first-- > 0;)
      assert_int_equal(lml_npy_read_rows(reader, first, 1, values + 3 * first, NULL), LML_OK);
    assert_memory_equal(values, by_rows, sizeof by_rows);
    assert_int_equal(lml_npy_read_rows(reader, 1, 2, values, NULL), LML_OK);
    assert_memory_equal(values, by_rows + 3, 6 * sizeof(double));
    assert_int_equal(lml_npy_read_rows(reader, 3, 2, values, NULL), LML_ERR_INTERNAL);
    lml_npy_close(reader);
    assert_int_equal(lml_npy_read(path, &whole, NULL), LML_OK);
    assert_memory_equal(whole.values, by_rows, sizeof by_rows);
    lml_npy_free(&whole);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arrays_are_written_as_numpy_does),
      cmocka_unit_test(an_array_is_written_in_pieces),
      cmocka_unit_test(an_array_of_the_wrong_size_is_not_written),
      cmocka_unit_test(other_arrays_are_refused),
      cmocka_unit_test(a_file_cut_anywhere_is_refused),
      cmocka_unit_test(rows_are_read_in_pieces),
  };
  return cmocka_run_group_tests(tests, set_up, remove_folder);
}
