/** @file result.h
 *  The new potential: made from δ, measured, written, reported.
 */
#ifndef LML_RETRAIN_RESULT_H
#define LML_RETRAIN_RESULT_H

#include "retrain/run.h"

/** Make the new potential, measure it, write it, and the report. May be called again after further frames.
 *  Collective. */
lml_status lml_run_finish(lml_run *run, lml_error *error);

#endif
