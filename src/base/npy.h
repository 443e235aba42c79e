/** @file npy.h
 *  NumPy's .npy files: arrays of doubles, as numpy.load and numpy.save know them. Written ones are of format
 * version 1.0 and row-major.
 */
#ifndef LML_BASE_NPY_H
#define LML_BASE_NPY_H

#include <stddef.h>

#include "base/file.h"

enum { LML_NPY_MAX_DIMENSIONS = 8 /**< at most */ };

/** An array that is written in pieces, under a temporary name until it is whole. */
typedef struct lml_npy_writer lml_npy_writer;

/** Begin to write @p path, an array of shape[0] × … × shape[dimensions − 1] doubles. */
lml_status lml_npy_create(const char *path, const size_t *shape, size_t dimensions, lml_npy_writer **writer,
                          lml_error *error);

/** Append the next @p count doubles in row-major order. More than the shape holds are an LML_ERR_INTERNAL. */
lml_status lml_npy_write(lml_npy_writer *writer, const double *values, size_t count, lml_error *error);

/** Flush, sync and rename to the final name. Fewer doubles than the shape holds are an LML_ERR_INTERNAL. The writer is
 *  freed whatever the status; where it fails, nothing is left. */
lml_status lml_npy_commit(lml_npy_writer *writer, lml_error *error);

/** Give the file, whole but not in place, to the caller, who commits or aborts it. Else as lml_npy_commit. */
lml_status lml_npy_take(lml_npy_writer *writer, lml_file_writer **file, lml_error *error);

/** Remove what was written and free the writer; NULL is fine. */
void lml_npy_abort(lml_npy_writer *writer);

/** An array that was read; release with lml_npy_free. */
typedef struct lml_npy_array {
  size_t dimensions;
  size_t shape[LML_NPY_MAX_DIMENSIONS];
  size_t count; /**< product of the shape */
  double *values;
} lml_npy_array;

/** Read an array of float64, row-major, or with two dimensions also of Fortran order; its values are then put in
 *  row-major order. Errors name the file and what it holds instead. */
lml_status lml_npy_read(const char *path, lml_npy_array *array, lml_error *error);
void lml_npy_free(lml_npy_array *array);

/** An array that is read in pieces, so that it need not fit into memory. */
typedef struct lml_npy_reader lml_npy_reader;

/** Look at what lml_npy_read would read, but for the values. */
lml_status lml_npy_open(const char *path, lml_npy_reader **reader, lml_error *error);

/** Its shape; values is NULL. */
const lml_npy_array *lml_npy_shape(const lml_npy_reader *reader);

/** Read @p count rows (along the first dimension) from row @p first on, row-major whatever the file's order. */
lml_status lml_npy_read_rows(lml_npy_reader *reader, size_t first, size_t count, double *values, lml_error *error);

/** NULL is fine. */
void lml_npy_close(lml_npy_reader *reader);

#endif
