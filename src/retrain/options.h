/** @file options.h
 *  What is wanted of a retraining.
 */
#ifndef LML_RETRAIN_OPTIONS_H
#define LML_RETRAIN_OPTIONS_H

#include "lmlink/potential.h"
#include "potential/uncertainty.h"
#include "retrain/data/dataset.h"
#include "retrain/solve/constraints.h"
#include "retrain/solve/ridge.h"

typedef enum lml_retrain_form { LML_FORM_QUADRATIC = 0, LML_FORM_LINEAR } lml_retrain_form;
typedef enum lml_retrain_origin {
  LML_ORIGIN_START = 0, /**< Θ₀ is the starting potential's */
  LML_ORIGIN_ZERO       /**< Θ₀ = 0: the starting potential gives descriptors and fixed terms alone */
} lml_retrain_origin;
typedef enum lml_retrain_method { LML_METHOD_AUTO = 0, LML_METHOD_CHOLESKY, LML_METHOD_QR } lml_retrain_method;
/** How rows are summed; see accumulate/accumulator.h. */
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

enum {
  LML_GRID_SOFT = 5, /**< values of a λ that are tried first where none are given */
  LML_GRID_RIDGE = 6,
  LML_FOLDS = 5 /**< where their number is not given, and there are as many groups of frames */
};

enum { LML_UNCERTAINTY_RANK = 15 /**< columns of a factor, by default */ };

/** What uncertainty is written beside the result. Sets belong to it. */
typedef struct lml_uncertainty_options {
  lml_uncertainty_kind kind; /**< of the factor; LML_UNCERTAINTY_NONE: none */
  size_t rank;               /**< its columns */
  lml_dataset *from; /**< structures that the distance of an atom counts from; none: those that are trained on, where
                          there is a factor */
  size_t nfrom, from_capacity;
} lml_uncertainty_options;

/** soft_limit where nothing is said. */
#define LML_SOFT_LIMIT 0.015

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
  lml_uncertainty_options uncertainty;
  char *output; /**< .snapcoeff file; the parameters go to the .snapparam file of the same name */
  char *report; /**< JSON file; NULL: none */
  char *cache;  /**< file that keeps the sums from one run to the next; NULL: none */
  lml_existing existing;
  size_t every; /**< with a set that is followed: frames after which the result is written again; 0: 1 */
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

/** Add a file of structures that the distance counts from: all of their atoms. */
lml_status lml_retrain_options_add_from(lml_retrain_options *options, const char *path, lml_error *error);

/** Whether nothing is retrained: the distance of the starting potential alone is wanted. */
bool lml_retrain_describes(const lml_retrain_options *options);

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

#endif
