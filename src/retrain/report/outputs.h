/** @file outputs.h
 *  The files that a retraining writes: looking at them before anything is computed.
 */
#ifndef LML_RETRAIN_REPORT_OUTPUTS_H
#define LML_RETRAIN_REPORT_OUTPUTS_H

#include "retrain/retrain.h"

/** LML_ERR_USAGE where an output exists that must not be replaced, or two are the same file; LML_ERR_IO where one can't
 * be written. */
lml_status lml_outputs_check(const lml_retrain_options *options, lml_error *error);

/** LML_ERR_USAGE where an output is also a file that is read: @p start are those of the starting potential. */
lml_status lml_outputs_spare(const lml_retrain_options *options, const lml_start_file start[LML_START_FILES],
                             lml_error *error);

#endif
