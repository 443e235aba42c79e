/** @file fit_rows.h
 *  How well two sets of coefficients give the values of a set without structures: from its rows.
 */
#ifndef LML_RETRAIN_FIT_ROWS_H
#define LML_RETRAIN_FIT_ROWS_H

#include "retrain/design.h"
#include "retrain/fit.h"

/** What lml_fit_evaluate does for structures. @p coefficients: Θ before and after. */
lml_status lml_fit_rows(lml_fit *fit, lml_design *design, const double *const coefficients[2], lml_comm *comm,
                        void (*tell)(void *context), void *context, lml_error *error);

#endif
