/** @file force_log.h
 *  A file of frames that is only ever appended to, and survives whatever happens to the program that writes it.
 *
 *  A frame is extended XYZ whose comment line begins with
 *
 *      lmlink_log=1 log_bytes=000000012345 log_checksum=sha256:<64 hexadecimal digits>
 *
 *  the version of the format, the number of bytes of the whole frame, and the checksum of these bytes with the 64
 *  digits themselves replaced by zeros. Each frame is appended whole with one write and flushed to disk. A program that
 *  dies leaves a file in which at most the last frame is torn, and the next one that opens it cuts that frame off.
 */
#ifndef LML_SESSION_FORCE_LOG_H
#define LML_SESSION_FORCE_LOG_H

#include <stddef.h>

#include "lmlink/extxyz.h"

enum { LML_FORCE_LOG_VERSION = 1 };

typedef struct lml_force_log lml_force_log;

/** What is done with each frame that the file holds when it is opened, in order; @p index counts from 0. */
typedef lml_status (*lml_force_log_visit)(void *context, lml_frame *frame, size_t index, lml_error *error);

/** Open @p path, made where it is missing, lock it against other writers, check every frame, cut off a torn last one,
 *  and show the others to @p visit (may be NULL). LML_ERR_IO: it can't be opened, written or locked, or another program
 *  has the lock. LML_ERR_INPUT: it holds something else than a force log, or a frame that is not the last is damaged;
 *  the file is untouched then. */
lml_status lml_force_log_open(const char *path, lml_force_log_visit visit, void *context, lml_force_log **log,
                              lml_error *error);

/** Append a frame, which must not have the three keys above. Where that fails, the file ends behind the last frame that
 *  is whole, and no further frame is taken: what was lost is said once and for all. */
lml_status lml_force_log_append(lml_force_log *log, const lml_frame *frame, lml_error *error);

/** Whole frames in the file. */
size_t lml_force_log_nframes(const lml_force_log *log);

/** Bytes of a torn frame that were cut off when it was opened; 0 where there was none. */
size_t lml_force_log_cut(const lml_force_log *log);

/** The path it was opened with. */
const char *lml_force_log_path(const lml_force_log *log);

/** Close and give the lock back; NULL is fine. */
void lml_force_log_close(lml_force_log *log);

#endif
