/** @file files.h
 *  The files of a retraining: those that the starting potential consists of, and those that are written, which are
 * looked at before anything is computed.
 */
#ifndef LML_RETRAIN_REPORT_FILES_H
#define LML_RETRAIN_REPORT_FILES_H

#include "base/sha256.h"
#include "retrain/options.h"

/** A file of the starting potential; path is NULL where there are fewer. */
typedef struct lml_start_file {
  char *path;
  char checksum[LML_SHA256_TEXT];
} lml_start_file;

enum { LML_START_FILES = 3 /**< .snap or .mod, .snapcoeff, .snapparam */ };

/** Fill @p files with those that @p potential was read from: the script, the coefficients and the parameters, as far as
 *  there are such. */
lml_status lml_start_files_find(lml_start_file files[LML_START_FILES], const lml_potential *potential,
                                lml_error *error);
void lml_start_files_free(lml_start_file files[LML_START_FILES]);

/** "lmlink VERSION: retrained from NAME (sha256 …)", into @p size bytes. */
void lml_start_files_comment(const lml_start_file files[LML_START_FILES], char *text, size_t size);

/** LML_ERR_USAGE where an output exists that must not be replaced, or two are the same file; LML_ERR_IO where one can't
 * be written. */
lml_status lml_outputs_check(const lml_retrain_options *options, lml_error *error);

/** LML_ERR_USAGE where an output is also a file that is read: @p start are those of the starting potential. */
lml_status lml_outputs_spare(const lml_retrain_options *options, const lml_start_file start[LML_START_FILES],
                             lml_error *error);

#endif
