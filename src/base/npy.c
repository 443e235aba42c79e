#include "base/npy.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/file_reader.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/text.h"

/* The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
enum {
  MAGIC_BYTES = 8,     /**< "\x93NUMPY", major and minor version */
  PREFIX_BYTES = 10,   /**< and the header's length, 2 bytes, little-endian (4 in version 2) */
  HEADER_MULTIPLE = 64 /**< the values begin at a multiple of this */
};

static const char magic[MAGIC_BYTES] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};

/** How this machine's doubles are called. */
static const char *native_type(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 1 ? "<f8" : ">f8";
}

/** Product of the shape; false where it is beyond what memory can hold. */
static bool count_values(const size_t *shape, size_t dimensions, size_t *count) {
  *count = 1;
  for (size_t k = 0; k < dimensions; k++) {
    if (shape[k] != 0 && *count > SIZE_MAX / sizeof(double) / shape[k]) return false;
    *count *= shape[k];
  }
  return true;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

struct lml_npy_writer {
  lml_file_writer *file;
  char *path;
  size_t expected, written; /**< values */
};

static lml_status write_header(lml_npy_writer *w, const size_t *shape, size_t dimensions, lml_error *error) {
  char header[PREFIX_BYTES + 32 * (LML_NPY_MAX_DIMENSIONS + 3) + HEADER_MULTIPLE];
  size_t length = PREFIX_BYTES;
  memcpy(header, magic, sizeof magic);
  length += lml_print_cut(header + length, sizeof header - length, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                          native_type());
  for (size_t k = 0; k < dimensions; k++)
    length += lml_print_cut(header + length, sizeof header - length, "%s%zu", k > 0 ? ", " : "", shape[k]);
  length += lml_print_cut(header + length, sizeof header - length, "%s), }", dimensions == 1 ? "," : "");
  while ((length + 1) % HEADER_MULTIPLE != 0) header[length++] = ' ';
  header[length++] = '\n';
  header[MAGIC_BYTES] = (char)((length - PREFIX_BYTES) & 0xff);
  header[MAGIC_BYTES + 1] = (char)((length - PREFIX_BYTES) >> 8);
  return lml_file_writer_write(w->file, header, length, error);
}

lml_status lml_npy_create(const char *path, const size_t *shape, size_t dimensions, lml_npy_writer **writer,
                          lml_error *error) {
  lml_npy_writer *w;
  size_t count;
  *writer = NULL;
  if (dimensions < 1 || dimensions > LML_NPY_MAX_DIMENSIONS || !count_values(shape, dimensions, &count))
    return lml_fail(error, LML_ERR_INTERNAL, "%s: an array of %zu dimensions and this shape cannot be written", path,
                    dimensions);
  lml_status status = lml_alloc(&w, 1, sizeof *w, "an array's writer", error);
  if (status != LML_OK) return status;
  w->expected = count;
  w->path = lml_strdup(path, error);
  status = w->path == NULL ? LML_ERR_MEMORY : lml_file_writer_create(path, &w->file, error);
  if (status == LML_OK) status = write_header(w, shape, dimensions, error);
  if (status == LML_OK)
    *writer = w;
  else
    lml_npy_abort(w);
  return status;
}

lml_status lml_npy_write(lml_npy_writer *writer, const double *values, size_t count, lml_error *error) {
  if (count > writer->expected - writer->written)
    return lml_fail(error, LML_ERR_INTERNAL, "%s: more values than the %zu of the array's shape", writer->path,
                    writer->expected);
  writer->written += count;
  return lml_file_writer_write(writer->file, values, count * sizeof *values, error);
}

lml_status lml_npy_take(lml_npy_writer *writer, lml_file_writer **file, lml_error *error) {
  lml_status status = LML_OK;
  *file = NULL;
  if (writer->written != writer->expected)
    status = lml_fail(error, LML_ERR_INTERNAL, "%s: %zu values instead of the %zu of the array's shape", writer->path,
                      writer->written, writer->expected);
  if (status == LML_OK) {
    *file = writer->file;
    writer->file = NULL;
  }
  lml_npy_abort(writer);
  return status;
}

lml_status lml_npy_commit(lml_npy_writer *writer, lml_error *error) {
  lml_file_writer *file;
  const lml_status status = lml_npy_take(writer, &file, error);
  return status == LML_OK ? lml_file_writer_commit(file, error) : status;
}

void lml_npy_abort(lml_npy_writer *writer) {
  if (writer == NULL) return;
  lml_file_writer_abort(writer->file);
  lml_free(writer->path);
  lml_free(writer);
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

/** Find what the key @p key of a header, a Python dictionary, is set to; NULL where it has no such key. */
static const char *value_of(const char *header, const char *key) {
  const char *at = strstr(header, key);
  if (at == NULL) return NULL;
  at += strlen(key);
  while (lml_is_blank(*at)) at++;
  if (*at != ':') return NULL;
  do at++;
  while (lml_is_blank(*at));
  return at;
}

/** "(3, 4)", "(5,)" or "()". */
static bool parse_shape(const char *at, lml_npy_array *array) {
  if (at == NULL || *at++ != '(') return false;
  for (array->dimensions = 0;;) {
    while (lml_is_blank(*at) || *at == ',') at++;
    if (*at == ')') return true;
    const size_t length = strspn(at, "0123456789");
    int64_t size;
    if (array->dimensions == LML_NPY_MAX_DIMENSIONS || !lml_parse_integer((lml_token){at, length}, &size)) return false;
    array->shape[array->dimensions++] = (size_t)size;
    at += length;
  }
}

/** Check the header, NUL-terminated, and take shape and order from it. */
static lml_status take_header(const char *path, const char *header, lml_npy_array *array, bool *fortran,
                              lml_error *error) {
  const char *type = value_of(header, "'descr'"), *order = value_of(header, "'fortran_order'");
  if (type == NULL || order == NULL || !parse_shape(value_of(header, "'shape'"), array) ||
      !count_values(array->shape, array->dimensions, &array->count))
    return lml_fail(error, LML_ERR_INPUT, "%s: the .npy header \"%.200s\" cannot be understood", path, header);
  const size_t length = strlen(native_type());
  if (type[0] != '\'' || strncmp(type + 1, native_type(), length) != 0 || type[1 + length] != '\'')
    return lml_fail(error, LML_ERR_INPUT, "%s: the array's type is %.*s; it must be '%s' (float64)", path,
                    (int)strcspn(type, ",}"), type, native_type());
  *fortran = strncmp(order, "False", 5) != 0;
  if (*fortran && array->dimensions > 2)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: an array of %zu dimensions in Fortran order; save it with numpy.ascontiguousarray", path,
                    array->dimensions);
  return LML_OK;
}

struct lml_npy_reader {
  lml_file_reader *file;
  lml_npy_array array; /**< its shape, without values */
  size_t rows, width;  /**< of the array as a matrix: its first dimension, and all others */
  bool fortran;        /**< column by column */
  uint64_t begin;      /**< bytes before the values */
  double *column;      /**< a piece of one */
  size_t column_capacity;
};

/** Read the header, NUL-terminated, into a new text; NULL in its place where the file does not begin with one. */
static lml_status read_header(lml_npy_reader *r, char **header, lml_error *error) {
  unsigned char prefix[PREFIX_BYTES + 2];
  *header = NULL;
  if (lml_file_reader_size(r->file) < sizeof prefix) return LML_OK;
  lml_status status = lml_file_reader_read(r->file, 0, prefix, sizeof prefix, error);
  if (status != LML_OK) return status;
  const unsigned char version = prefix[MAGIC_BYTES - 2];
  if (memcmp(prefix, magic, MAGIC_BYTES - 2) != 0 || version < 1 || version > 3) return LML_OK;
  const size_t begin = version == 1 ? PREFIX_BYTES : PREFIX_BYTES + 2;
  size_t size = 0;
  for (size_t k = begin; k-- > MAGIC_BYTES;) size = size << 8 | prefix[k];
  r->begin = begin + size;
  if (size == 0 || r->begin > lml_file_reader_size(r->file)) return LML_OK;
  status = lml_alloc(header, size, 1, "a .npy header", error);
  if (status == LML_OK) status = lml_file_reader_read(r->file, begin, *header, size, error);
  if (status == LML_OK) (*header)[size - 1] = '\0'; /* the newline that ends it */
  return status;
}

static lml_status read_shape(lml_npy_reader *r, const char *path, lml_error *error) {
  char *header;
  lml_status status = read_header(r, &header, error);
  if (status == LML_OK && header == NULL)
    status = lml_fail(error, LML_ERR_INPUT, "%s: is not a whole .npy file, as numpy.save writes it", path);
  if (status == LML_OK) status = take_header(path, header, &r->array, &r->fortran, error);
  lml_free(header);
  if (status != LML_OK) return status;
  const uint64_t bytes = lml_file_reader_size(r->file) - r->begin, needed = r->array.count * sizeof(double);
  if (bytes != needed)
    return lml_fail(error, LML_ERR_INPUT,
                    "%s: %" PRIu64 " bytes of values, where the array's shape needs %" PRIu64
                    "; the file is cut short or damaged",
                    path, bytes, needed);
  r->rows = r->array.dimensions == 0 ? 1 : r->array.shape[0];
  r->width = r->rows == 0 ? 0 : r->array.count / r->rows;
  return LML_OK;
}

lml_status lml_npy_open(const char *path, lml_npy_reader **reader, lml_error *error) {
  lml_npy_reader *r;
  *reader = NULL;
  lml_status status = lml_alloc(&r, 1, sizeof *r, "an array's reader", error);
  if (status != LML_OK) return status;
  status = lml_file_reader_open(path, &r->file, error);
  if (status == LML_OK) status = read_shape(r, path, error);
  if (status == LML_OK)
    *reader = r;
  else
    lml_npy_close(r);
  return status;
}

const lml_npy_array *lml_npy_shape(const lml_npy_reader *reader) { return &reader->array; }

static lml_status read_values(lml_npy_reader *r, size_t first, size_t count, double *to, lml_error *error) {
  return lml_file_reader_read(r->file, r->begin + first * sizeof(double), to, count * sizeof(double), error);
}

lml_status lml_npy_read_rows(lml_npy_reader *reader, size_t first, size_t count, double *values, lml_error *error) {
  const size_t width = reader->width;
  if (first > reader->rows || count > reader->rows - first)
    return lml_fail(error, LML_ERR_INTERNAL, "rows %zu to %zu of an array of %zu", first, first + count, reader->rows);
  if (!reader->fortran) return read_values(reader, first * width, count * width, values, error);
  lml_status status =
      lml_grow(&reader->column, &reader->column_capacity, count, sizeof(double), "a column of an array", error);
  for (size_t c = 0; c < width && status == LML_OK; c++) {
    status = read_values(reader, c * reader->rows + first, count, reader->column, error);
    for (size_t k = 0; k < count && status == LML_OK; k++) values[k * width + c] = reader->column[k];
  }
  return status;
}

void lml_npy_close(lml_npy_reader *reader) {
  if (reader == NULL) return;
  lml_file_reader_close(reader->file);
  lml_free(reader->column);
  lml_free(reader);
}

lml_status lml_npy_read(const char *path, lml_npy_array *array, lml_error *error) {
  lml_npy_reader *reader;
  *array = (lml_npy_array){0};
  lml_status status = lml_npy_open(path, &reader, error);
  if (status != LML_OK) return status;
  *array = reader->array;
  status = lml_alloc(&array->values, array->count, sizeof(double), path, error);
  if (status == LML_OK) status = lml_npy_read_rows(reader, 0, reader->rows, array->values, error);
  lml_npy_close(reader);
  if (status != LML_OK) lml_npy_free(array);
  return status;
}

void lml_npy_free(lml_npy_array *array) {
  lml_free(array->values);
  *array = (lml_npy_array){0};
}
