/** @file ridge.h
 *  How much the ridge penalty holds back each coefficient: λ₀ times a factor of its own, ρ.
 */
#ifndef LML_RETRAIN_SOLVE_RIDGE_H
#define LML_RETRAIN_SOLVE_RIDGE_H

#include "base/sha256.h"
#include "lmlink/potential.h"

/** What a coefficient multiplies. */
typedef enum lml_degree { LML_DEGREE_CONSTANT = 0, LML_DEGREE_LINEAR, LML_DEGREE_QUADRATIC, LML_DEGREES } lml_degree;
extern const char *const lml_degree_names[];

/** Where the factors come from. The path belongs to it. */
typedef struct lml_ridge_scale {
  char *path;                  /**< .npy vector of one for each coefficient; NULL: by degree */
  double degrees[LML_DEGREES]; /**< factor of each degree; 1 by default */
} lml_ridge_scale;

/** The factors. Initialise with `lml_ridge r = {0};`, release with lml_ridge_free. */
typedef struct lml_ridge {
  double *factors; /**< one for each coefficient, in the order of the potential's file */
  double smallest, largest;
  char checksum[LML_SHA256_TEXT]; /**< of the file; empty where there is none */
} lml_ridge;

/** Fill @p ridge for the coefficients of @p potential. LML_ERR_INPUT names a file of another shape, or a factor that is
 *  negative or not finite. */
lml_status lml_ridge_make(lml_ridge *ridge, const lml_ridge_scale *scale, const lml_potential *potential,
                          lml_error *error);
void lml_ridge_free(lml_ridge *ridge);

#endif
