/** @file state.h
 *  What a retraining has found so far, and who hears of it.
 */
#ifndef LML_RETRAIN_STATE_H
#define LML_RETRAIN_STATE_H

#include "base/comm.h"
#include "base/log.h"
#include "lmlink/potential.h"
#include "retrain/choose/soft_sample.h"
#include "retrain/options.h"
#include "retrain/report/energy_errors.h"
#include "retrain/report/files.h"
#include "retrain/report/validation.h"
#include "retrain/solve/cholesky.h"
#include "retrain/solve/constraints.h"
#include "retrain/solve/ridge.h"
#include "retrain/sums/cache.h"
#include "retrain/sums/normal.h"
#include "retrain/uncertainty/coverage.h"

/** By what λs are chosen. */
typedef enum lml_choice_by {
  LML_CHOICE_NONE = 0, /**< they are given */
  LML_CHOICE_TEST,     /**< by errors on test sets of the kind target */
  LML_CHOICE_FOLDS     /**< by errors on target frames that are left out */
} lml_choice_by;

/** What watches how much forces of soft structures change. */
typedef enum lml_watch {
  LML_WATCH_NOTHING = 0,
  LML_WATCH_TEST,     /**< test sets of the kind soft */
  LML_WATCH_LEFT_OUT, /**< atoms of the soft constraints that are left out; see soft_sample.h */
  LML_WATCH_BOTH      /**< the one that changes more */
} lml_watch;
extern const char *const lml_choice_by_names[], *const lml_watch_names[];

/** One pair of parameters that was tried, with errors from the sums. */
typedef struct lml_trial {
  double lambda_soft, lambda_ridge;
  double rms_target;  /**< weighted RMS deviation of the targets */
  double rms_soft;    /**< weighted RMS change of the soft constraints */
  double rms_choice;  /**< held-out error, which is made small: weighted RMS deviation of test sets or left-out frames;
                           NaN where neither is there */
  double soft_change; /**< eV/Å: RMS change of what watches soft structures; NaN where nothing does */
  double condition;
} lml_trial;

/** Time of one part of the work. */
typedef enum lml_stage {
  LML_STAGE_SCAN = 0,
  LML_STAGE_CACHE,
  LML_STAGE_HARD,
  LML_STAGE_ROWS, /**< of targets, soft constraints and test sets */
  LML_STAGE_LEVERAGE,
  LML_STAGE_SOLVE,
  LML_STAGE_QR,
  LML_STAGE_VALIDATION,
  LML_STAGE_UNCERTAINTY,
  LML_STAGES
} lml_stage;
extern const char *const lml_stage_names[];

/** What came of it; complete on rank 0. Initialise with `lml_retrain r = {0};`, release with lml_retrain_free. */
typedef struct lml_retrain {
  const lml_retrain_options *options;
  lml_comm *comm;
  lml_potential *original; /**< as read */
  lml_potential *start;    /**< Θ₀ in the form that is trained */
  lml_potential *result;
  size_t width;
  double *delta; /**< width: Θ − Θ₀ */
  lml_ridge ridge;
  lml_constraints constraints;
  lml_choice_by by;
  lml_watch watch;
  size_t ngroups, nfolds;  /**< of target frames, where some are left out */
  lml_normal target, soft; /**< soft without sums where there are none */
  lml_normal *tests;       /**< one for each set, with sums where it is a test set and they are needed */
  lml_normal *folds;       /**< nfolds; NULL without */
  lml_soft_sample sample;  /**< of soft constraints, where one is needed */
  size_t target_rank, soft_rank;
  double target_largest, soft_largest; /**< largest eigenvalues */
  lml_trial *trials;
  size_t ntrials, chosen;
  size_t ngrid;             /**< the first of them, which are the grid's */
  bool at_end[LML_LAMBDAS]; /**< whether the chosen one is at the end of the values or the range */
  lml_solution solution;
  bool used_qr;
  double qr_condition;
  lml_cache_finding cache;     /**< what was found of the cache */
  lml_validation *validations; /**< one per set */
  lml_energy_offsets offsets;
  lml_uncertainty uncertainty; /**< of the result; of several ranks, the factor is rank 0's */
  lml_coverage *coverages;     /**< one per set, where there is a factor */
  size_t nthreads;             /**< that were used */
  double seconds[LML_STAGES];
  lml_start_file start_files[LML_START_FILES];
  char configuration[LML_SHA256_TEXT]; /**< checksum of the JSON file */
  const char *instruction_set;         /**< of the kernel */
} lml_retrain;

/** Free the new potential and its errors, which lml_run_finish makes. */
void lml_retrain_forget_result(lml_retrain *retrain);

/** Free the sums by folds, of which there are none then. */
void lml_retrain_forget_folds(lml_retrain *retrain);

void lml_retrain_free(lml_retrain *retrain);

/** What is reported and asked while it runs; members may be NULL. On rank 0 alone. */
typedef struct lml_retrain_listener {
  void (*renewed)(void *context, const lml_retrain *retrain); /**< a result was written, of a set that is followed */
  bool (*stop)(void *context);                                /**< whether following shall end */
  void (*progress)(void *context, lml_stage stage, size_t done, size_t total); /**< frames, or pairs of parameters */
  void *context;
  const lml_log *log;
} lml_retrain_listener;

#endif
