/** @file retrain.h
 *  A retraining from files to files: what is wanted, and what came of it.
 *
 *  Θ = Θ₀ + δ, where δ minimises the cost function of solve.h; see docs/retraining.md.
 */
#ifndef LML_RETRAIN_RETRAIN_H
#define LML_RETRAIN_RETRAIN_H

#include "base/comm.h"
#include "base/log.h"
#include "lmlink/potential.h"
#include "retrain/cache.h"
#include "retrain/constraints.h"
#include "retrain/dataset.h"
#include "retrain/energy_errors.h"
#include "retrain/fit.h"
#include "retrain/normal.h"
#include "retrain/ridge.h"
#include "retrain/solve.h"

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
  size_t trials;    /**< most pairs that are tried, those of the grid among them; 0: the grid alone */
  double tolerance; /**< decades: the search ends where λs are known to this */
} lml_search_options;

enum { LML_SEARCH_TRIALS = 80 /**< by default */ };

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
  size_t nlambda_soft, nlambda_ridge; /**< 0: λ_S = 1, λ₀ = 0, or with a search a grid that fits the data */
  lml_search_options search;
  lml_ridge_scale ridge_scale;
  size_t folds; /**< 0: choose by the test sets; else by leaving out each of that many parts of the target frames */
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

/** Whether there are several pairs of λ to choose from. */
bool lml_retrain_chooses(const lml_retrain_options *options);

/** Whether a search has to find λ_S without values to begin with. By folds it does not: they are of the targets alone,
 *  which soft constraints can only make worse. */
bool lml_retrain_searches_soft(const lml_retrain_options *options);

/** The set that is followed; NULL where there is none. */
lml_dataset *lml_retrain_followed(const lml_retrain_options *options);

/** LML_ERR_USAGE where something is missing or does not go together. */
lml_status lml_retrain_options_check(const lml_retrain_options *options, lml_error *error);

/** One pair of parameters that was tried, with errors from the sums. */
typedef struct lml_trial {
  double lambda_soft, lambda_ridge;
  double rms_target; /**< weighted RMS deviation of the targets */
  double rms_soft;   /**< weighted RMS change of the soft constraints */
  double rms_choice; /**< what is made small: of test sets or left-out frames; NaN where nothing is chosen by it */
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
  LML_STAGE_FIT,
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
  lml_normal target, soft, test; /**< soft and test without sums where there are none */
  lml_normal *folds;             /**< as many as there are; NULL where nothing is chosen by them */
  lml_normal train;              /**< the sum of all folds but one, one after the other */
  size_t target_rank, soft_rank;
  double target_largest, soft_largest; /**< largest eigenvalues */
  lml_trial *trials;
  size_t ntrials, chosen;
  size_t ngrid;             /**< the first of them, which are the grid's */
  bool at_end[LML_LAMBDAS]; /**< whether a search found the best value at the end of its range */
  lml_solution solution;
  bool used_qr;
  double qr_condition;
  lml_cache_finding cache; /**< what was found of the cache */
  lml_fit *fits;           /**< one per set */
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
