/** @file log_index.h
 *  The index of a force log, FILE.index beside it: what to look for in which frame, so that a long log need not be read
 *  to be opened.
 *
 *  It is never trusted over the log: each record has a checksum, its frames have to follow one another without a gap,
 * the last has to stand in the log as it says, and what is found by it is compared with the log. What does not fit is
 * made again, as is an index that is missing. A program that dies leaves records that are whole, and at most one that
 * is not.
 */
#ifndef LML_SESSION_LOG_INDEX_H
#define LML_SESSION_LOG_INDEX_H

#include "session/result_cache.h"

typedef struct lml_log_index lml_log_index;

/** What an index depends on beside the log. */
typedef struct lml_log_index_key {
  uint64_t structure; /**< hash of the structure that all frames are of */
  size_t nregions;    /**< each frame has so many records, at least one */
} lml_log_index_key;

/** Make an index, and read what is there for the log @p path. LML_ERR_MEMORY; LML_ERR_IO where a file that is there
 * can't be read: *@p index is then an empty one. */
lml_status lml_log_index_open(const char *path, const lml_log_index_key *key, lml_log_index **index, lml_error *error);

/** Records that were read, of whole frames. */
size_t lml_log_index_count(const lml_log_index *index);

/** Record number @p i of them. */
lml_result_cache_entry lml_log_index_entry(const lml_log_index *index, size_t i);

/** What was read does not hold. */
void lml_log_index_forget(lml_log_index *index);

/** The records of one more frame are to be written: as many as there are regions, at least one. Where that fails,
 * nothing is written from then on. */
lml_status lml_log_index_add(lml_log_index *index, const lml_result_cache_entry *entry, lml_error *error);

/** Write what was added after what was read, which is freed. LML_ERR_IO: it can't be; nothing is written from then on.
 */
lml_status lml_log_index_write(lml_log_index *index, lml_error *error);

/** Remove the file: the next to open the log reads that. */
void lml_log_index_remove(lml_log_index *index);

/** NULL is fine. */
void lml_log_index_close(lml_log_index *index);

#endif
