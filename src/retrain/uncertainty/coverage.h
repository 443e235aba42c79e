/** @file coverage.h
 *  How well σ says what the errors of a set are.
 */
#ifndef LML_RETRAIN_UNCERTAINTY_COVERAGE_H
#define LML_RETRAIN_UNCERTAINTY_COVERAGE_H

#include "potential/uncertainty.h"
#include "retrain/rows/workers.h"
#include "retrain/uncertainty/factor.h"

/** Sums over the rows of one set; all doubles, so that ranks can add them up. */
typedef struct lml_coverage {
  double count;
  double square_error, square_sigma; /**< Σ e², Σ σ², σ = |Lᵀ row| */
  double inside;                     /**< rows with |e| < 2σ */
  double inside_noise;               /**< with s_n too: |e|² < 4 ((α_n/α)² σ² + s_n²), see lml_calibration */
} lml_coverage;

/** Whether a set is looked at: targets and tests whose energies are not offset. */
bool lml_coverage_applies(const lml_dataset *set);

/** Fill @p coverages (one for each of the @p nsets @p sets, zero where they are not looked at) with errors of Θ₀ + @p
 *  delta: of quantum forces alone in sets that have values, else of what the change against Θ₀ is. @p factor is scaled.
 *  Collective. */
lml_status lml_coverage_measure(lml_coverage *coverages, const lml_dataset *sets, size_t nsets,
                                const lml_workers *workers, const lml_factor *factor,
                                const lml_calibration *calibration, const double *delta, lml_error *error);

#endif
