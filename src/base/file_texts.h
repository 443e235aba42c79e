/** @file file_texts.h
 *  Texts in place of files: what a host program has read itself. While a thread uses some, lml_lines_open and
 *  lml_file_read find files by name among them, and open none.
 */
#ifndef LML_BASE_FILE_TEXTS_H
#define LML_BASE_FILE_TEXTS_H

#include <stddef.h>

#include "lmlink/error.h"

typedef struct lml_file_text {
  const char *name;
  const char *text; /**< @p length bytes */
  size_t length;
} lml_file_text;

/** Use @p count texts in this thread from now on, which must live until others are used; NULL: files again. */
void lml_file_texts_use(const lml_file_text *texts, size_t count);

/** The text of the file @p path; *@p text is NULL where this thread uses none. LML_ERR_IO where it uses others. */
lml_status lml_file_texts_find(const char *path, const lml_file_text **text, lml_error *error);

#endif
