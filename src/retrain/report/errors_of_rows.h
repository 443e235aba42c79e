/** @file errors_of_rows.h
 *  How well two potentials give the values of a set without structures: from its rows.
 */
#ifndef LML_RETRAIN_REPORT_ERRORS_OF_ROWS_H
#define LML_RETRAIN_REPORT_ERRORS_OF_ROWS_H

#include "retrain/report/validation.h"

/** What lml_validation_job does for structures. @p coefficients are the new Θ. */
lml_status lml_validation_of_rows(lml_validation *validation, const lml_workers *workers, const double *coefficients,
                                  lml_error *error);

#endif
