/** @file leverage.h
 *  Leaving out frames that say little new: those whose rows all have little *leverage*.
 *
 *  The leverage of a row a, of weight w, relative to the rows so far with sum M = Σ w a aᵀ is
 *  h = w (Q a)ᵀ [Q (M + λ₀ diag(ρ)) Q]⁻¹ (Q a) within the directions that hard constraints leave free. It compares how
 *  uncertain the row's value still is, from the data so far and with the ridge penalty as prior, with how much the row
 *  itself would tell: above 1 it tells more than all before it. (As in linear regression, where a row that is among the
 *  data has h / (1 + h) on the hat matrix's diagonal.)
 */
#ifndef LML_RETRAIN_SOLVE_LEVERAGE_H
#define LML_RETRAIN_SOLVE_LEVERAGE_H

#include "retrain/accumulate/accumulator.h"
#include "retrain/solve/cholesky.h"
#include "retrain/sums/normal.h"

/** Sums that grow frame by frame, and their factor. */
typedef struct lml_leverage {
  lml_solver *solver;  /**< holds the factor */
  lml_problem problem; /**< without soft constraints; target: the sums so far; λ₀: the prior */
  lml_normal *whole;   /**< these sums, to which those of frames that are taken are added */
  lml_normal *parts;   /**< likewise: the folds, of which each frame names its own; NULL: none */
  lml_accumulator frame;
  double *rows;    /**< LML_BLOCK_ROWS × width */
  double *scratch; /**< LML_BLOCK_ROWS × rank */
} lml_leverage;

/** Begin with the sums that the upper members of @p leverage name; they must outlive it. LML_ERR_INPUT, as below, where
 *  the prior is too small for the sums' digits. */
lml_status lml_leverage_begin(lml_leverage *leverage, lml_error *error);
/** Omit frames of @p set, which has not been screened yet, by leverages that are known: one for each. */
lml_status lml_leverage_apply(lml_dataset *set, const double *leverages, lml_error *error);

void lml_leverage_free(lml_leverage *leverage);

/** Screen the frames of @p set from position @p first on, in order; those that are taken are added to the sums, the
 *  others removed from the set. @p progress is called after each. Rank 0 alone. */
lml_status lml_leverage_select(lml_leverage *leverage, lml_design *design, lml_dataset *set, size_t first,
                               void (*progress)(void *context), void *context, lml_error *error);

#endif
