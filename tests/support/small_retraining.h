/** @file small_retraining.h
 *  A retraining of three frames with constraints, a cache, a report and an uncertainty, in the folder of folder.h.
 */
#ifndef LML_TESTS_SMALL_RETRAINING_H
#define LML_TESTS_SMALL_RETRAINING_H

#include <stdio.h>

#include "base/comm.h"
#include "base/log.h"
#include "base/memory.h"
#include "retrain/retrain.h"
#include "support/folder.h"

/** Made-up coefficients with 2J = 2 (five components). */
static const char small_snapcoeff[] = "# made up\n1 6\nW 0.5 1.0\n0.1\n0.02\n-0.01\n0.03\n0.005\n-0.02\n";
static const char small_snapparam[] = "rcutfac 4.5\ntwojmax 2\nrfac0 0.99363\nrmin0 0\nbzeroflag 0\nquadraticflag 0\n";

#define HEAD "3\nLattice=\"5.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 5.0\" pbc=\"T T T\" "
#define FORCES "Properties=species:S:1:pos:R:3:forces:R:3 "
static const char small_targets[] = HEAD FORCES
    "config_type=bulk energy=-3.0\n"
    "W 0.0 0.0 0.0 0.1 -0.2 0.3\nW 2.2 0.1 0.0 0.3 0.2 0.1\nW 2.6 2.4 2.3 -0.4 0.0 -0.4\n" HEAD FORCES
    "energy=-3.1\n"
    "W 0.1 0.0 0.0 0.2 -0.1 0.3\nW 2.2 0.3 0.1 0.2 0.2 0.0\nW 2.5 2.4 2.3 -0.4 -0.1 -0.3\n" HEAD FORCES
    "energy=-3.2\n"
    "W 0.1 0.2 0.0 0.2 -0.1 0.1\nW 2.3 0.3 0.1 0.2 0.2 0.2\nW 2.5 2.4 2.2 -0.4 -0.1 -0.3\n";
static const char small_hard[] = HEAD "Properties=species:S:1:pos:R:3\nW 0.0 0.0 0.0\nW 2.5 0.0 0.0\nW 2.5 2.5 2.5\n";

static const char *const outputs[] = {"new.snapcoeff",       "new.snapparam", "new.json",  "new.uncertainty.json",
                                      "new.uncertainty.npy", "new.snap",      "sums.cache"};
enum { OUTPUTS = sizeof outputs / sizeof outputs[0], FILES = 4 };

/** What a run may have otherwise. */
typedef struct small_retraining {
  double lambda;  /**< the smaller of two that are tried */
  size_t threads; /**< 0: those of BLAS */
  void (*progress)(void *context, lml_stage stage, size_t done, size_t total);
} small_retraining;

static inline void put_small_retraining(void) {
  write_text("w.snapcoeff", small_snapcoeff);
  write_text("w.snapparam", small_snapparam);
  write_text("t.xyz", small_targets);
  write_text("h.xyz", small_hard);
}

static inline void keep_quiet(void *context, const char *line) { (void)context, (void)line; }

static inline lml_status add_set(lml_retrain_options *options, lml_role role, const char *name, lml_error *error) {
  lml_dataset *set;
  const lml_status status = lml_retrain_options_add(options, role, in_folder(name), &set, error);
  if (status == LML_OK && role == LML_ROLE_TARGET) {
    set->selection = LML_SELECT_ALL;
    set->leverage = 1e-9;
  }
  return status;
}

/** Energies with offsets, under a key that is named, of frames in groups that have weights. */
static inline lml_status add_energies(lml_retrain_options *options, lml_error *error) {
  lml_dataset *set;
  lml_status status = lml_retrain_options_add(options, LML_ROLE_TARGET, in_folder("t.xyz"), &set, error);
  if (status != LML_OK) return status;
  set->quantity = LML_QUANTITY_ENERGY;
  set->keys[LML_VALUE_ENERGY] = lml_strdup("energy", error);
  if (set->keys[LML_VALUE_ENERGY] == NULL) return LML_ERR_MEMORY;
  return lml_config_groups_weigh(&options->groups, "bulk", 2.0, error);
}

static inline lml_status put_options(const small_retraining *how, lml_retrain_options *options, lml_error *error) {
  const struct {
    char **path;
    const char *name;
  } texts[] = {{&options->start, "w.snapcoeff"},
               {&options->output, outputs[0]},
               {&options->report, outputs[2]},
               {&options->cache, outputs[OUTPUTS - 1]}};
  lml_status status = lml_alloc(&options->lambda_ridge, 2, sizeof(double), "values of lambda", error);
  if (status != LML_OK) return status;
  options->lambda_ridge[0] = how->lambda;
  options->lambda_ridge[1] = 10.0 * how->lambda;
  options->nlambda_ridge = 2;
  options->folds = 2;
  options->uncertainty.kind = LML_UNCERTAINTY_SANDWICH;
  options->existing = LML_EXISTING_OVERWRITE;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if ((*texts[i].path = lml_strdup(in_folder(texts[i].name), error)) == NULL) return LML_ERR_MEMORY;
  status = add_set(options, LML_ROLE_TARGET, "t.xyz", error);
  if (status == LML_OK) status = add_energies(options, error);
  if (status == LML_OK) status = add_set(options, LML_ROLE_SOFT, "t.xyz", error);
  return status == LML_OK ? add_set(options, LML_ROLE_HARD, "h.xyz", error) : status;
}

static inline lml_status run_small_retraining(const small_retraining *how, lml_error *error) {
  const lml_log log = {.level = LML_LOG_DEBUG, .write = keep_quiet};
  const lml_retrain_listener listener = {.log = &log, .progress = how->progress};
  lml_retrain retrain = {0};
  lml_retrain_options options;
  lml_retrain_options_init(&options);
  options.threads = how->threads;
  lml_status status = put_options(how, &options, error);
  if (status == LML_OK) status = lml_retrain_run(&retrain, &options, lml_comm_serial(), &listener, error);
  lml_retrain_free(&retrain);
  lml_retrain_options_free(&options);
  return status;
}

#endif
