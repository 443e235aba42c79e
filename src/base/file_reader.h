/** @file file_reader.h
 *  Reading pieces of a file of bytes, anywhere in it.
 */
#ifndef LML_BASE_FILE_READER_H
#define LML_BASE_FILE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

typedef struct lml_file_reader lml_file_reader;

lml_status lml_file_reader_open(const char *path, lml_file_reader **reader, lml_error *error);

/** Bytes that the file had when it was opened. */
uint64_t lml_file_reader_size(const lml_file_reader *reader);

/** Read @p bytes bytes from byte @p offset on. Where the file ends before them it is an LML_ERR_INPUT. */
lml_status lml_file_reader_read(lml_file_reader *reader, uint64_t offset, void *data, size_t bytes, lml_error *error);

/** NULL is fine. */
void lml_file_reader_close(lml_file_reader *reader);

#endif
