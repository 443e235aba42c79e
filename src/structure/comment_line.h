/** @file comment_line.h
 *  The comment line of extended XYZ: keys and values, their quoting, and their types, as ASE reads them.
 */
#ifndef LML_STRUCTURE_COMMENT_LINE_H
#define LML_STRUCTURE_COMMENT_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "lmlink/extxyz.h"

/** A walk over a comment line; key and value are valid until the next step. */
typedef struct lml_comment {
  const char *at;    /**< what is left of the line, NUL-terminated */
  char *scratch;     /**< the line's length and 2 bytes more, the caller's */
  const char *key;   /**< without quotes and escapes */
  const char *value; /**< the same; "T" for a key without a value */
} lml_comment;

/** Step to the next key: LML_OK, and *@p end true where none is left. The error has no file and line. */
lml_status lml_comment_next(lml_comment *comment, bool *end, lml_error *error);

/** Give @p values, which has a name alone, the value that @p text stands for: integers where all words are, else
 *  reals, else logicals, else a text. Words are separated by blanks and commas. A JSON string after "_JSON " is the
 *  text in it; other JSON is a text, "_JSON " included. */
lml_status lml_comment_value(lml_values *values, const char *text, lml_error *error);

/** Write " KEY=VALUE", quoted and escaped as ASE needs it; a text that would be read as something else goes as a JSON
 *  string. An empty uid, which there is no way to write, is omitted. LML_ERR_USAGE for a line break in a key or a uid.
 */
lml_status lml_comment_write(lml_file_writer *writer, const lml_values *values, lml_error *error);

/** Write a number, logical or text as it stands in the atoms' lines. */
lml_status lml_write_value(lml_file_writer *writer, const lml_values *values, size_t index, lml_error *error);

#endif
