/** @file npy.h
 *  NumPy's .npy files (format version 1.0): arrays of doubles, row-major, as numpy.load and numpy.save know them.
 */
#ifndef LML_BASE_NPY_H
#define LML_BASE_NPY_H

#include <stddef.h>

#include "lmlink/error.h"

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

/** Remove what was written and free the writer; NULL is fine. */
void lml_npy_abort(lml_npy_writer *writer);

/** An array that was read; release with lml_npy_free. */
typedef struct lml_npy_array {
  size_t dimensions;
  size_t shape[LML_NPY_MAX_DIMENSIONS];
  size_t count; /**< product of the shape */
  double *values;
} lml_npy_array;

/** Read an array of float64 in row-major order. Errors name the file and what it holds instead. */
lml_status lml_npy_read(const char *path, lml_npy_array *array, lml_error *error);
void lml_npy_free(lml_npy_array *array);

#endif
