/** @file extxyz.h
 *  Reading and writing extended XYZ, the format that ASE writes: frames with a cell, info keys and any columns.
 */
#ifndef LMLINK_EXTXYZ_H
#define LMLINK_EXTXYZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/structure.h"

LML_BEGIN_DECLS

typedef enum lml_value_type { LML_REAL = 0, LML_INTEGER, LML_LOGICAL, LML_TEXT } lml_value_type;

/** An info key of the comment line, or one column group of the atoms. Exactly one of the four arrays is set, by
 *  type; it holds count × width values (info: count is 1 for a scalar or a one-dimensional array, of `width` values;
 *  columns: count is the number of atoms). */
typedef struct lml_values {
  char *name;
  lml_value_type type;
  size_t count;
  size_t width;
  bool scalar; /**< info only: written without quotes and brackets */
  double *reals;
  int64_t *integers;
  bool *logicals;
  char **texts;
} lml_values;

/** One frame. Lattice, pbc, species (or Z) and pos are in `structure`; all else in file order in `info` and
 *  `columns`. Initialise with `lml_frame f = {0};`, release with lml_frame_free. */
typedef struct lml_frame {
  lml_structure structure;
  lml_values *info;
  size_t ninfo;
  lml_values *columns;
  size_t ncolumns;
} lml_frame;

LML_API void lml_frame_free(lml_frame *frame);

/** The info key or column of that name, NULL where there is none. Owned by the frame. */
LML_API lml_values *lml_frame_info(lml_frame *frame, const char *name);
LML_API lml_values *lml_frame_column(lml_frame *frame, const char *name);

/** Set an info key to a number, an integer, a logical, a text, or a row of numbers; one that exists is replaced. */
LML_API lml_status lml_frame_set_real(lml_frame *frame, const char *name, double value, lml_error *error);
LML_API lml_status lml_frame_set_integer(lml_frame *frame, const char *name, int64_t value, lml_error *error);
LML_API lml_status lml_frame_set_logical(lml_frame *frame, const char *name, bool value, lml_error *error);
LML_API lml_status lml_frame_set_text(lml_frame *frame, const char *name, const char *value, lml_error *error);
LML_API lml_status lml_frame_set_reals(lml_frame *frame, const char *name, const double *values, size_t width,
                                       lml_error *error);

/** Remove an info key, if the frame has it. */
LML_API void lml_frame_remove_info(lml_frame *frame, const char *name);

/** Set a column of natoms × width numbers; one of that name is replaced. */
LML_API lml_status lml_frame_set_column(lml_frame *frame, const char *name, const double *values, size_t width,
                                        lml_error *error);

/** A file that is read frame by frame. */
typedef struct lml_xyz_reader lml_xyz_reader;

LML_API lml_status lml_xyz_open(const char *path, lml_xyz_reader **reader, lml_error *error);

/** Read the next frame into @p frame (freed first). At the end of the file *@p end becomes true, LML_OK is returned
 *  and the frame is empty. Errors name file and line. */
LML_API lml_status lml_xyz_read(lml_xyz_reader *reader, lml_frame *frame, bool *end, lml_error *error);

/** Whether a read failed because the file ends within the frame, as where its writer was interrupted: all frames before
 *  it are whole, and there is nothing after it. */
LML_API bool lml_xyz_torn(const lml_xyz_reader *reader);

/** A place between two frames of a file. */
typedef struct lml_xyz_place {
  uint64_t offset; /**< bytes from the file's begin */
  size_t line;     /**< lines before it */
} lml_xyz_place;

/** Where the next frame begins, if nothing went wrong with the last. */
LML_API lml_xyz_place lml_xyz_tell(const lml_xyz_reader *reader);

/** Go on at a place that lml_xyz_tell gave for this file, also where the file has grown since its end was read. */
LML_API lml_status lml_xyz_seek(lml_xyz_reader *reader, lml_xyz_place place, lml_error *error);

LML_API void lml_xyz_close(lml_xyz_reader *reader);

/** Read the one frame of @p path with that index (negative counts from the end, −1 is the last). */
LML_API lml_status lml_xyz_read_file(const char *path, long index, lml_frame *frame, lml_error *error);

/** A file that is written frame by frame, under a temporary name until it is whole. */
typedef struct lml_xyz_writer lml_xyz_writer;

LML_API lml_status lml_xyz_create(const char *path, lml_xyz_writer **writer, lml_error *error);

/** Append a frame: doubles in the fewest digits that read back to the same double. */
LML_API lml_status lml_xyz_write(lml_xyz_writer *writer, const lml_frame *frame, lml_error *error);

/** Flush, sync and rename to the final name; the writer is freed whatever the status. */
LML_API lml_status lml_xyz_commit(lml_xyz_writer *writer, lml_error *error);

/** Remove what was written and free the writer; NULL is fine. */
LML_API void lml_xyz_abort(lml_xyz_writer *writer);

LML_END_DECLS

#endif
