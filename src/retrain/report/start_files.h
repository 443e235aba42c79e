/** @file start_files.h
 *  The files that a starting potential consists of, and their checksums.
 */
#ifndef LML_RETRAIN_REPORT_START_FILES_H
#define LML_RETRAIN_REPORT_START_FILES_H

#include "retrain/retrain.h"

/** Fill @p files with those that @p potential was read from: the script, the coefficients and the parameters, as far as
 *  there are such. */
lml_status lml_start_files_find(lml_start_file files[LML_START_FILES], const lml_potential *potential,
                                lml_error *error);
void lml_start_files_free(lml_start_file files[LML_START_FILES]);

/** "lmlink VERSION: retrained from NAME (sha256 …)", into @p size bytes. */
void lml_start_files_comment(const lml_start_file files[LML_START_FILES], char *text, size_t size);

#endif
