/** @file force_log.h
 *  A file of frames that is only ever appended to, and survives whatever happens to the program that writes it.
 *
 *  Each frame says how long it is and what its checksum is (structure/checked_frame.h), and is appended whole with one
 *  write and flushed to disk. A program that dies leaves a file in which at most the last frame is torn, and the next
 * one that opens it cuts that frame off. What else is no whole frame is set aside into another file.
 */
#ifndef LML_SESSION_FORCE_LOG_H
#define LML_SESSION_FORCE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/extxyz.h"

typedef struct lml_force_log lml_force_log;

/** A frame in the file. */
typedef struct lml_log_place {
  uint64_t number;   /**< from 0 */
  uint64_t offset;   /**< bytes before it */
  uint64_t bytes;    /**< its length */
  uint64_t checksum; /**< the first 16 digits of it */
} lml_log_place;

/** What is done with each whole frame when the file is read, in order. */
typedef lml_status (*lml_force_log_visit)(void *context, lml_frame *frame, const lml_log_place *place,
                                          lml_error *error);

/** Open @p path, made where it is missing, and lock it against other writers. Nothing is read, and
 *  lml_force_log_read_all must come next. LML_ERR_IO: it can't be opened, written or locked, or another program has the
 *  lock. */
lml_status lml_force_log_open(const char *path, lml_force_log **log, lml_error *error);

/** Whether the frame of @p place stands there, whole. */
lml_status lml_force_log_holds(lml_force_log *log, const lml_log_place *place, bool *holds, lml_error *error);

/** Read every frame after @p known (NULL: all) and show the whole ones to @p visit (may be NULL). Then cut off a torn
 *  last frame; put all else that is no whole frame into a new file FILE.damaged-N beside the log, and take it out of
 *  that. LML_ERR_INPUT: it holds something else than a force log; LML_ERR_IO: it can't be read or mended. The file is
 *  untouched then, and where a visit fails. */
lml_status lml_force_log_read_all(lml_force_log *log, const lml_log_place *known, lml_force_log_visit visit,
                                  void *context, lml_error *error);

/** What reading it all has found. */
typedef struct lml_force_log_damage {
  uint64_t cut;      /**< bytes of a torn last frame that were cut off */
  uint64_t aside;    /**< bytes that were set aside */
  size_t pieces;     /**< in so many places */
  const char *where; /**< the file that they are in; NULL: none were */
} lml_force_log_damage;

lml_force_log_damage lml_force_log_get_damage(const lml_force_log *log);

/** Read the frame of @p place into @p frame (freed first), with those of its columns that @p columns names (NULL after
 *  the last; NULL: all). LML_ERR_INPUT: it is not there, or damaged. */
lml_status lml_force_log_read(lml_force_log *log, const lml_log_place *place, const char *const *columns,
                              lml_frame *frame, lml_error *error);

/** Whether the file is still there as it was left: under its name, with nothing cut off or added. LML_ERR_IO, and no
 *  frame is taken from then on: what has happened to it, and what to do. */
lml_status lml_force_log_check(lml_force_log *log, lml_error *error);

/** Append a frame, which must not have the keys of checked_frame.h, after a check as above; *@p place is where it is.
 *  Where that fails, the file ends after the last frame that is whole, and no further frame is taken: what was lost is
 *  said once and for all. */
lml_status lml_force_log_append(lml_force_log *log, const lml_frame *frame, lml_log_place *place, lml_error *error);

/** Whole frames in the file. */
size_t lml_force_log_nframes(const lml_force_log *log);

/** The path it was opened with. */
const char *lml_force_log_path(const lml_force_log *log);

/** Close and give the lock back; NULL is fine. */
void lml_force_log_close(lml_force_log *log);

#endif
