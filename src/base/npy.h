/** @file npy.h
 *  Writing arrays of doubles in NumPy's .npy format, part by part.
 */
#ifndef LML_BASE_NPY_H
#define LML_BASE_NPY_H

#include <stddef.h>

#include "lmlink/error.h"

enum { LML_NPY_MAX_DIMENSIONS = 8 };

typedef struct lml_npy_writer lml_npy_writer;

/** Begin the array of that shape, row-major, under a temporary name beside @p path. */
lml_status lml_npy_create(const char *path, const size_t *shape, size_t ndimensions, lml_npy_writer **writer,
                          lml_error *error);

/** Append @p count numbers. More than the shape holds are an LML_ERR_INTERNAL. */
lml_status lml_npy_write(lml_npy_writer *writer, const double *values, size_t count, lml_error *error);

/** Give the file its name. Fewer numbers than the shape holds are an LML_ERR_INTERNAL. The writer is freed whatever the
 *  status; where it fails, nothing is left. */
lml_status lml_npy_commit(lml_npy_writer *writer, lml_error *error);

/** Remove what was written and free the writer; NULL is fine. */
void lml_npy_abort(lml_npy_writer *writer);

#endif
