#include "base/npy.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"

/* The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0. */
enum { PREFIX_SIZE = 10, HEADER_ALIGNMENT = 64, HEADER_SIZE = 512 };

struct lml_npy_writer {
  lml_file_writer *file;
  size_t left; /* numbers still to come */
};

static char byte_order(void) {
  const uint16_t probe = 1;
  unsigned char first;
  memcpy(&first, &probe, 1);
  return first == 1 ? '<' : '>';
}

/** The header into @p text of HEADER_SIZE bytes; its length. */
static size_t make_header(const size_t *shape, size_t ndimensions, char *text) {
  int length = snprintf(text + PREFIX_SIZE, HEADER_SIZE - PREFIX_SIZE,
                        "{'descr': '%cf8', 'fortran_order': False, 'shape': (", byte_order());
  char *end = text + PREFIX_SIZE + length;
  for (size_t k = 0; k < ndimensions; k++) end += sprintf(end, "%zu, ", shape[k]);
  end += sprintf(end, "), }");
  size_t total = (size_t)(end - text);
  while ((total + 1) % HEADER_ALIGNMENT != 0) text[total++] = ' ';
  text[total++] = '\n';
  const size_t dictionary = total - PREFIX_SIZE;
  memcpy(text, "\x93NUMPY\x01\x00", 8);
  text[8] = (char)(dictionary & 0xff);
  text[9] = (char)(dictionary >> 8);
  return total;
}

lml_status lml_npy_create(const char *path, const size_t *shape, size_t ndimensions, lml_npy_writer **writer,
                          lml_error *error) {
  char header[HEADER_SIZE];
  *writer = NULL;
  if (ndimensions > LML_NPY_MAX_DIMENSIONS)
    return lml_fail(error, LML_ERR_INTERNAL, "%s: an array with %zu dimensions", path, ndimensions);
  lml_npy_writer *w;
  lml_status status = lml_alloc(&w, 1, sizeof *w, "an array writer", error);
  if (status != LML_OK) return status;
  w->left = 1;
  for (size_t k = 0; k < ndimensions; k++) w->left *= shape[k];
  status = lml_file_writer_create(path, &w->file, error);
  if (status == LML_OK) status = lml_file_writer_write(w->file, header, make_header(shape, ndimensions, header), error);
  if (status == LML_OK)
    *writer = w;
  else
    lml_npy_abort(w);
  return status;
}

lml_status lml_npy_write(lml_npy_writer *writer, const double *values, size_t count, lml_error *error) {
  if (count > writer->left) return lml_fail(error, LML_ERR_INTERNAL, "more numbers than the array holds");
  writer->left -= count;
  return lml_file_writer_write(writer->file, values, count * sizeof *values, error);
}

lml_status lml_npy_commit(lml_npy_writer *writer, lml_error *error) {
  lml_status status = LML_OK;
  if (writer->left > 0) {
    status = lml_fail(error, LML_ERR_INTERNAL, "%zu numbers of an array are missing", writer->left);
  } else {
    status = lml_file_writer_commit(writer->file, error);
    writer->file = NULL;
  }
  lml_npy_abort(writer);
  return status;
}

void lml_npy_abort(lml_npy_writer *writer) {
  if (writer == NULL) return;
  lml_file_writer_abort(writer->file);
  lml_free(writer);
}
