/** @file retrain.h
 *  A retraining from files to files.
 *
 *  Θ = Θ₀ + δ, where δ minimises the cost function of cholesky.h; see docs/retraining.md.
 */
#ifndef LML_RETRAIN_RETRAIN_H
#define LML_RETRAIN_RETRAIN_H

#include "retrain/options.h"
#include "retrain/state.h"

/** Do it all, and write the new potential's files and the report. Every rank calls it with the same options, whose sets
 *  it completes. With a set that is followed it goes on until the listener says stop. Initialise with `lml_retrain r =
 *  {0};`, release with lml_retrain_free, also after a failure. */
lml_status lml_retrain_run(lml_retrain *retrain, lml_retrain_options *options, lml_comm *comm,
                           const lml_retrain_listener *listener, lml_error *error);

#endif
