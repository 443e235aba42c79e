/** @file likeness.h
 *  How like one row of numbers is to another: whether they may be the same quantity in other units, or of the other
 *  sign.
 */
#ifndef LML_BASE_LIKENESS_H
#define LML_BASE_LIKENESS_H

#include <stdbool.h>

/** Sums over pairs of numbers; initialise with `lml_likeness l = {0};`. */
typedef struct lml_likeness {
  double product;   /**< Σ x y */
  double square;    /**< Σ x² */
  double reference; /**< Σ y² */
} lml_likeness;

/** Σ x y / √(Σ x² Σ y²); 0 where either is zero throughout. */
double lml_likeness_correlation(const lml_likeness *likeness);

/** The factor f of x ≈ f y by least squares, Σ x y / Σ y²; 0 where y is zero throughout. */
double lml_likeness_factor(const lml_likeness *likeness);

/** Whether x is like y (a correlation beyond ±0.8) but for a factor that is negative, or not within 1/4 to 4. */
bool lml_likeness_is_doubtful(const lml_likeness *likeness);

#endif
