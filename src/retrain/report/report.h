/** @file report.h
 *  The JSON report of a retraining; docs/retraining.md describes every key.
 */
#ifndef LML_RETRAIN_REPORT_REPORT_H
#define LML_RETRAIN_REPORT_REPORT_H

#include "retrain/state.h"

enum { LML_REPORT_VERSION = 1 };

/** Write the report of what is complete to @p path, whole or not at all. */
lml_status lml_report_write(const lml_retrain *retrain, const char *path, lml_error *error);

#endif
