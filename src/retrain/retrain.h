/** @file retrain.h
 *  A retraining from files to files: what is wanted, and what came of it.
 *
 *  Θ = Θ₀ + δ, where δ minimises the cost function of cholesky.h; see docs/retraining.md.
 */
#ifndef LML_RETRAIN_RETRAIN_H
#define LML_RETRAIN_RETRAIN_H

#include "base/comm.h"
#include "base/log.h"
#include "lmlink/potential.h"
#include "retrain/choose/soft_sample.h"
#include "retrain/data/dataset.h"
#include "retrain/report/energy_errors.h"
#include "retrain/report/validation.h"
#include "retrain/solve/cholesky.h"
#include "retrain/solve/constraints.h"
#include "retrain/solve/ridge.h"
#include "retrain/sums/cache.h"
#include "retrain/sums/normal.h"

typedef enum lml_retrain_form { LML_FORM_QUADRATIC = 0, LML_FORM_LINEAR } lml_retrain_form;
typedef enum lml_retrain_origin {
  LML_ORIGIN_START = 0, /**< Θ₀ is the starting potential's */
  LML_ORIGIN_ZERO       /**< Θ₀ = 0: the starting potential gives descriptors and fixed terms alone */
} lml_retrain_origin;
typedef enum lml_retrain_method { LML_METHOD_AUTO = 0, LML_METHOD_CHOLESKY, LML_METHOD_QR } lml_retrain_method;
/** How rows are summed; see subspace.h. */
typedef enum lml_sums {
  LML_SUMS_AUTO = 0, /**< with less work where that saves much and what is left out does not matter */
  LML_SUMS_EXACT
} lml_sums;
extern const char *const lml_sums_names[];

typedef enum lml_existing { LML_EXISTING_REFUSE = 0, LML_EXISTING_OVERWRITE } lml_existing;

typedef enum lml_lambda { LML_LAMBDA_SOFT = 0, LML_LAMBDA_RIDGE, LML_LAMBDAS } lml_lambda;
extern const char *const lml_lambda_names[];

/** Whether and how λs are searched beyond a grid. */
typedef struct lml_search_options {
  size_t trials;    /**< most pairs that are tried, those of the grid among them; 0: the grid alone, unless a λ is not
                         given: then LML_CHOICE_TRIALS */
  double tolerance; /**< decades: the search ends where λs are known to this */
} lml_search_options;

enum {
  LML_SEARCH_TRIALS = 80, /**< of a search that is asked for, by default */
  LML_CHOICE_TRIALS = 45  /**< of one that is not, where a λ is not given */
};

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

/** What is wanted. Strings and arrays belong to it. */
typedef struct lml_retrain_options {
  char *configuration;      /**< the JSON file it was read from, for the report; NULL: none */
  char *start, *parameters; /**< as lml_potential_read takes them */
  lml_fixed_terms fixed_terms;
  lml_retrain_form form;
  lml_retrain_origin origin;
  lml_retrain_method method;
  lml_sums sums;
  size_t threads; /**< of each rank; 0: as many as BLAS uses */
  lml_dataset *sets;
  size_t nsets, sets_capacity;
  lml_config_groups groups;           /**< of the frames of all sets of structures but hard constraints */
  double *lambda_soft, *lambda_ridge; /**< values to choose from; one of each is used as it is */
  size_t nlambda_soft, nlambda_ridge; /**< 0: it is chosen, from a grid that fits the data on */
  lml_search_options search;
  double soft_limit; /**< eV/Å: most that forces of soft structures may change, RMS, where λs are chosen */
  lml_ridge_scale ridge_scale;
  size_t folds;      /**< parts of the target frames that are left out in turn; 0: as many as there are groups, up to
                          LML_FOLDS, where λs are chosen and no test set is there to choose by */
  char *fold_groups; /**< info key that names which target frames are left out together; NULL: equivalent ones are */
  lml_constraint_options constraints;
  char *output; /**< .snapcoeff file; the parameters go to the .snapparam file of the same name */
  char *report; /**< JSON file; NULL: none */
  char *cache;  /**< file that keeps the sums from one run to the next; NULL: none */
  lml_existing existing;
  size_t every; /**< with a set that is followed: frames after which the result is written anew; 0: 1 */
  double poll;  /**< s between looks at that set's file */
} lml_retrain_options;

/** Nothing named, every default. Release with lml_retrain_options_free. */
void lml_retrain_options_init(lml_retrain_options *options);
void lml_retrain_options_free(lml_retrain_options *options);

/** Add a set for @p role with the defaults of its role, of structures or, where @p path ends in .npy, a matrix: targets
 * and tests are forces of log frames' QM atoms or of the unfixed ones; hard constraints keep the energy per atom; soft
 * ones are the forces of all atoms. */
lml_status lml_retrain_options_add(lml_retrain_options *options, lml_role role, const char *path, lml_dataset **set,
                                   lml_error *error);

/** Whether λs are to be chosen: several values are given for one that counts, or none. λ_S counts with soft
 *  constraints. */
bool lml_retrain_chooses(const lml_retrain_options *options);

/** Whether λ_S has to be found without values to begin with. */
bool lml_retrain_searches_soft(const lml_retrain_options *options);

/** Most pairs that a search tries; 0 where there is none. */
size_t lml_retrain_trials(const lml_retrain_options *options);

/** Parts that target frames are left out in, at most. */
size_t lml_retrain_most_folds(const lml_retrain_options *options);

/** The set that is followed; NULL where there is none. */
lml_dataset *lml_retrain_followed(const lml_retrain_options *options);

/** LML_ERR_USAGE where something is missing or does not go together. */
lml_status lml_retrain_options_check(const lml_retrain_options *options, lml_error *error);

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
  LML_STAGES
} lml_stage;
extern const char *const lml_stage_names[];

/** A file of the starting potential; path is NULL where there are fewer. */
typedef struct lml_start_file {
  char *path;
  char checksum[LML_SHA256_TEXT];
} lml_start_file;

enum { LML_START_FILES = 3 /**< .snap or .mod, .snapcoeff, .snapparam */ };

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
  size_t nthreads; /**< that were used */
  double seconds[LML_STAGES];
  lml_start_file start_files[LML_START_FILES];
  char configuration[LML_SHA256_TEXT]; /**< checksum of the JSON file */
  const char *instruction_set;         /**< of the kernel */
} lml_retrain;

/** What is told and asked while it runs; members may be NULL. On rank 0 alone. */
typedef struct lml_retrain_listener {
  void (*renewed)(void *context, const lml_retrain *retrain); /**< a result was written, of a set that is followed */
  bool (*stop)(void *context);                                /**< whether following shall end */
  void (*progress)(void *context, lml_stage stage, size_t done, size_t total); /**< frames, or pairs of parameters */
  void *context;
  const lml_log *log;
} lml_retrain_listener;

/** Do it all, and write the new potential's files and the report. Every rank calls it with the same options, whose sets
 *  it completes. With a set that is followed it goes on until the listener says stop. */
lml_status lml_retrain_run(lml_retrain *retrain, lml_retrain_options *options, lml_comm *comm,
                           const lml_retrain_listener *listener, lml_error *error);
void lml_retrain_free(lml_retrain *retrain);

#endif
