/** @file checked_frame.h
 *  Frames that say how long they are and what their checksum is, as those of a force log, so that a damaged one is
 * known.
 *
 *  The comment line of such a frame begins with
 *
 *      lmlink_log=1 log_bytes=000000012345 log_checksum=sha256:<64 hexadecimal digits>
 *
 *  the version of the format, the number of bytes of the whole frame, and the checksum of these bytes with the 64
 *  digits themselves replaced by zeros.
 */
#ifndef LML_STRUCTURE_CHECKED_FRAME_H
#define LML_STRUCTURE_CHECKED_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "lmlink/error.h"

enum {
  LML_CHECKED_VERSION = 1,
  LML_CHECKED_HEAD = 10 + 1 + 23 + 12 + 21 + 64 + 1, /**< bytes up to the header's end, at most */
};

/** What the first bytes of a frame can be. */
typedef enum lml_checked_verdict {
  LML_CHECKED_HEADER, /**< a whole header */
  LML_CHECKED_PART,   /**< the beginning of one */
  LML_CHECKED_OTHER   /**< something else */
} lml_checked_verdict;

/** What a header says. */
typedef struct lml_checked_head {
  size_t natoms;
  size_t bytes;      /**< of the whole frame */
  size_t sum_at;     /**< where the 64 digits begin, in bytes from the frame's begin */
  uint64_t checksum; /**< their first 16 */
} lml_checked_head;

/** What the header of each frame begins with. */
extern const char lml_checked_begin[];

/** Look at the first @p got bytes of a frame. @p head is filled where its whole header is there. */
lml_checked_verdict lml_checked_look(const char *frame, size_t got, lml_checked_head *head);

/** Whether the file @p path begins with such a frame's header; false where that cannot be seen. */
bool lml_checked_begins_file(const char *path);

/** Whether a header stands there that may be damaged itself, but in a part of it only; or nothing but zeros, as of a
 * block that was lost. */
bool lml_checked_resembles(const char *frame, size_t got);

/** Whether the @p head->bytes bytes of @p frame have the checksum that its header says. */
bool lml_checked_agrees(const char *frame, const lml_checked_head *head);

/** The text of a frame, *@p length bytes to be freed with lml_free, with a header in the comment line of @p plain. */
lml_status lml_checked_format(const char *plain, size_t plain_length, char **text, size_t *length, lml_error *error);

/** The checksum of a frame that is read line by line. */
typedef struct lml_checked_lines {
  lml_sha256 sha;
  bool has_header;
  size_t bytes, stated;
  char digits[LML_SHA256_TEXT]; /**< that its header says */
} lml_checked_lines;

/** Begin with the line that has the number of atoms; lines come without their newline. */
void lml_checked_lines_begin(lml_checked_lines *lines, const char *line, size_t length);

/** The comment line, which shows whether the frame has a header. */
void lml_checked_lines_comment(lml_checked_lines *lines, const char *line, size_t length);

/** An atom's line. */
void lml_checked_lines_add(lml_checked_lines *lines, const char *line, size_t length);

/** Behind the last line: whether length and checksum are those of the header; true where there is none. */
bool lml_checked_lines_end(lml_checked_lines *lines);

#endif
