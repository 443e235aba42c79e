/** @file file.h
 *  Reading files whole or line by line, and writing them so that a half-written one is never seen.
 */
#ifndef LML_BASE_FILE_H
#define LML_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

/** Make the folder @p path and those above it, where they are missing. */
lml_status lml_file_make_folder(const char *path, lml_error *error);

/** Flush to disk that the file @p path, or what it leads to if it is a symbolic link, is in its folder, after it was
 *  created there or renamed: without that a power failure can take it away. Where the folder may not be read, or its
 *  file system has no such thing, nothing is done.
 */
lml_status lml_file_flush_folder(const char *path, lml_error *error);

/** Read all of @p path into *@p text (*@p length bytes and a NUL behind them), to be freed with lml_free. The error
 *  names the path. What a host program has handed over in its place: see file_texts.h. */
lml_status lml_file_read(const char *path, char **text, size_t *length, lml_error *error);

/** A file that is read line by line. */
typedef struct lml_lines lml_lines;

lml_status lml_lines_open(const char *path, lml_lines **lines, lml_error *error);

/** The same for a copy of @p length bytes of text; @p name is what lml_lines_path gives. */
lml_status lml_lines_open_text(const char *name, const char *text, size_t length, lml_lines **lines, lml_error *error);

/** The next line without its "\n" or "\r\n" and with a NUL behind it, of any length, valid until the next call; *@p
 *  text is NULL at the end of the file. A line may hold NUL bytes: @p length (may be NULL) tells. */
lml_status lml_lines_next(lml_lines *lines, const char **text, size_t *length, lml_error *error);

/** Where the next line begins: bytes from the file's begin, and the number of the line before it. */
typedef struct lml_lines_place {
  uint64_t offset;
  size_t number;
} lml_lines_place;

lml_lines_place lml_lines_tell(const lml_lines *lines);

/** Go on at a place that lml_lines_tell gave, also where the file has grown since its end was read. */
lml_status lml_lines_seek(lml_lines *lines, lml_lines_place place, lml_error *error);

/** Number of the line that was read last, from 1; 0 before the first. */
size_t lml_lines_number(const lml_lines *lines);

/** Whether the line that was read last is the file's last and has no newline, as where a writer was interrupted. */
bool lml_lines_torn(const lml_lines *lines);

/** The path it was opened with. */
const char *lml_lines_path(const lml_lines *lines);

/** NULL is fine. */
void lml_lines_close(lml_lines *lines);

/** Write @p bytes bytes of @p data to @p fd, of which @p path is the name. */
lml_status lml_file_put(int fd, const char *path, const char *data, size_t bytes, lml_error *error);

/** A file that is written under a temporary name beside the final one, and renamed when it is whole. */
typedef struct lml_file_writer lml_file_writer;

/** Begin to write @p path, or what it leads to if it is a symbolic link, which stays one. A file that is replaced
 * leaves its mode to the new one. Where something that is not a regular file has that name, it fails. Temporary files
 * of @p path that processes left which were killed are removed. */
lml_status lml_file_writer_create(const char *path, lml_file_writer **writer, lml_error *error);

/** Begin to write into memory instead: lml_file_writer_take ends it. @p what names the text in messages. */
lml_status lml_file_writer_create_in_memory(const char *what, lml_file_writer **writer, lml_error *error);

/** Append. After a failure only lml_file_writer_abort is of use. */
lml_status lml_file_writer_write(lml_file_writer *writer, const void *data, size_t bytes, lml_error *error);
lml_status lml_file_writer_print(lml_file_writer *writer, lml_error *error, const char *format, ...) LML_PRINTF(3, 4);

/** Flush, sync and rename to the final name, in place of what had that name, and sync the folder. The writer is freed
 *  whatever the status; where it fails, the temporary file is gone and the final name untouched, unless syncing the
 * folder is what failed. */
lml_status lml_file_writer_commit(lml_file_writer *writer, lml_error *error);

/** Flush and sync, so that lml_file_writer_commit has to rename alone. Nothing can be appended any more. */
lml_status lml_file_writer_prepare(lml_file_writer *writer, lml_error *error);

/** lml_file_writer_commit for files that belong together: all are on the disk before the first is renamed, and they are
 *  renamed in their order, one right after the other. A process that is killed meanwhile may leave some renamed. */
lml_status lml_file_writer_commit_all(lml_file_writer *const *writers, size_t count, lml_error *error);

/** Give what was written into memory to the caller, to be freed with lml_free: *@p length bytes. The writer is freed
 *  whatever the status. */
lml_status lml_file_writer_take(lml_file_writer *writer, char **text, size_t *length, lml_error *error);

/** Remove the temporary file and free the writer; NULL is fine. */
void lml_file_writer_abort(lml_file_writer *writer);

#endif
