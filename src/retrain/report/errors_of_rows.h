/** @file errors_of_rows.h
 *  How well two potentials give the values of a set without structures: from its rows.
 */
#ifndef LML_RETRAIN_REPORT_ERRORS_OF_ROWS_H
#define LML_RETRAIN_REPORT_ERRORS_OF_ROWS_H

#include "retrain/report/errors.h"

/** What lml_fit_evaluate does for structures. @p coefficients are the new Θ. */
lml_status lml_fit_rows(lml_fit *fit, const lml_crew *crew, const double *coefficients, lml_error *error);

#endif
