/** @file recorder.h
 *  Writes each evaluation of a session into its force log, and remembers from there what need not be computed again.
 */
#ifndef LML_SESSION_RECORDER_H
#define LML_SESSION_RECORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/sha256.h"
#include "mixing/mixing_calculator.h"
#include "session/log_frame.h"
#include "session/result_cache.h"
#include "session/skipping.h"

/** How much of a log that is there is read. */
typedef enum lml_recorder_reading {
  LML_RECORDER_READS_NEW = 0, /**< what its index does not have */
  LML_RECORDER_READS_ALL
} lml_recorder_reading;

/** Texts are copied. */
typedef struct lml_recorder_settings {
  const char *path;
  double distance;                /**< Å from a QM atom within which atoms are logged; 0: all atoms are */
  const lml_structure *structure; /**< what the log must be a log of; copied; NULL: any */
  const char *configuration;      /**< checksum (hexadecimal) of the configuration; NULL: there is none */
  const char *potential;          /**< checksum of Θ's file; NULL: there is none */
  const char *const *engines;     /**< for each region the checksum of what decides its forces; NULL: it is not known */
  const char *const *rules;       /**< for each region the checksum of how it moves; NULL: it stays */
  size_t nregions;
  lml_recorder_reading reading;
  const lml_log *log; /**< told what was found in the file and what happens to it; NULL: nobody is; must stay */
  /** Told after each frame how many bytes of the file are read, while it is opened; NULL: nobody is. */
  void (*progress)(void *context, uint64_t bytes);
  void *context; /**< of progress */
} lml_recorder_settings;

typedef struct lml_recorder lml_recorder;

/** Open or go on with a log (see force_log.h). LML_ERR_INPUT also where it is that of another structure. */
lml_status lml_recorder_open(const lml_recorder_settings *settings, lml_recorder **recorder, lml_error *error);

/** Whether the log is there as it was left, so that an evaluation can be logged (see lml_force_log_check). */
lml_status lml_recorder_check(lml_recorder *recorder, lml_error *error);

/** Log an evaluation. Once that has failed, it fails always: a run must not go on without its log. */
lml_status lml_recorder_write(lml_recorder *recorder, const lml_evaluation *evaluation, lml_error *error);

/** From the next frame on Θ is that of the file with checksum @p potential; that frame says what it was before. */
void lml_recorder_set_potential(lml_recorder *recorder, const char potential[LML_SHA256_TEXT]);

/** What the mixture that is recorded may ask before it starts an engine; valid as long as the recorder. */
lml_mixing_cache lml_recorder_cache(lml_recorder *recorder);

/** How region @p r was in an evaluation in which its cluster's atoms were where they are in @p structure, and its
 * engine the same (see result_cache.h). */
bool lml_recorder_find_region(lml_recorder *recorder, size_t r, const lml_structure *structure,
                              lml_result_cache_region *found);

/** What knows how things stood with regions that may be skipped, from the last frames of the log; valid as long as the
 *  recorder. With other coefficients than in force now, the region is asked once more. */
lml_skipping_memory lml_recorder_memory(lml_recorder *recorder);

/** Whether a frame could not be written. */
bool lml_recorder_failed(const lml_recorder *recorder);

/** One line: the file, the frames in it, how many results of engines are known. */
void lml_recorder_describe(const lml_recorder *recorder, char *text, size_t size);

/** Close, and remove the file where it holds nothing; NULL is fine. */
void lml_recorder_discard(lml_recorder *recorder);

/** NULL is fine. */
void lml_recorder_close(lml_recorder *recorder);

#endif
