/** @file force_log_file.h
 *  The force log's file, for the two sources that work on it: force_log.c and force_log_mend.c.
 */
#ifndef LML_SESSION_FORCE_LOG_FILE_H
#define LML_SESSION_FORCE_LOG_FILE_H

#include "session/force_log.h"

struct lml_force_log {
  char *path;
  int fd;
  uint64_t end; /**< after the last whole frame */
  size_t nframes;
  bool failed;  /**< a frame could not be written */
  char *buffer; /**< of a frame that is read */
  size_t buffer_capacity;
  uint64_t cut, aside;
  size_t pieces;
  char *where; /**< file of what was set aside; NULL: nothing was */
};

/** Open the file under its name, make it where it is missing, and lock it. */
lml_status lml_force_log_open_file(lml_force_log *log, lml_error *error);

/** Read up to @p bytes bytes from @p offset on into the log's buffer; fewer are there at the end of the file alone. */
lml_status lml_force_log_fetch(lml_force_log *log, uint64_t offset, size_t bytes, size_t *got, lml_error *error);

/** Read the frame of @p place, whose bytes are in the log's buffer, as lml_force_log_read does. */
lml_status lml_force_log_parse(const lml_force_log *log, const lml_log_place *place, const char *const *columns,
                               lml_frame *frame, lml_error *error);

#endif
