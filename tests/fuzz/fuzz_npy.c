/* Fuzz target: NumPy's files. What is read whole and what is read by rows must be the same, and so must what was
 * written again. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/npy.h"
#include "memory_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare_rows(const lml_npy_array *array) {
  lml_npy_reader *reader = NULL;
  REQUIRE(lml_npy_open("in.npy", &reader, NULL) == LML_OK);
  const size_t rows = array->dimensions > 0 ? array->shape[0] : 0;
  double *values = malloc(array->count * sizeof *values + 1);
  if (values == NULL) abort();
  if (rows > 0 && array->count > 0) {
    REQUIRE(lml_npy_read_rows(reader, 0, rows, values, NULL) == LML_OK);
    REQUIRE(memcmp(values, array->values, array->count * sizeof *values) == 0);
  }
  free(values);
  lml_npy_close(reader);
}

static void write_and_read(const lml_npy_array *array) {
  lml_npy_writer *writer = NULL;
  lml_npy_array again = {0};
  REQUIRE(lml_npy_create("again.npy", array->shape, array->dimensions, &writer, NULL) == LML_OK);
  REQUIRE(lml_npy_write(writer, array->values, array->count, NULL) == LML_OK);
  REQUIRE(lml_npy_commit(writer, NULL) == LML_OK);
  REQUIRE(lml_npy_read("again.npy", &again, NULL) == LML_OK && again.count == array->count);
  REQUIRE(array->count == 0 || memcmp(again.values, array->values, again.count * sizeof *again.values) == 0);
  lml_npy_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lml_npy_array array = {0};
  lml_error error = {0};
  memory_files_begin();
  memory_files_put("in.npy", data, size);
  const lml_status status = lml_npy_read("in.npy", &array, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  if (status == LML_OK) {
    compare_rows(&array);
    if (array.dimensions > 0) write_and_read(&array);
  }
  lml_npy_free(&array);
  memory_files_end();
  return 0;
}
