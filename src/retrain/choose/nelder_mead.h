/** @file nelder_mead.h
 *  The lowest point of a function of a few numbers, without its slope: the simplex method of J. A. Nelder and R. Mead,
 *  Comput. J. 7, 308 (1965), within bounds.
 */
#ifndef LML_RETRAIN_CHOOSE_NELDER_MEAD_H
#define LML_RETRAIN_CHOOSE_NELDER_MEAD_H

#include <stddef.h>

#include "lmlink/error.h"

enum { LML_SIMPLEX_DIMENSIONS = 4 /**< at most */ };

/** A function to be made small; *@p value may be infinite, not NaN. */
typedef struct lml_cost {
  lml_status (*evaluate)(void *context, const double *x, double *value, lml_error *error);
  void *context;
} lml_cost;

/** Where and how finely to look; arrays have @p dimensions numbers. */
typedef struct lml_simplex {
  size_t dimensions;
  double begin[LML_SIMPLEX_DIMENSIONS];
  double step[LML_SIMPLEX_DIMENSIONS]; /**< from there to the simplex's other corners; not 0 */
  double lower[LML_SIMPLEX_DIMENSIONS], upper[LML_SIMPLEX_DIMENSIONS];
  double tolerance;  /**< ends where the simplex extends no further than this in any direction */
  double difference; /**< or where the values at its corners differ by no more than this part of the lowest; 0: never */
  size_t most;       /**< or after this many evaluations */
} lml_simplex;

/** Evaluate @p cost at ever better points; the caller keeps the best of them. Ends early where the cost fails. The same
 *  cost gives the same points. */
lml_status lml_nelder_mead(const lml_simplex *simplex, const lml_cost *cost, lml_error *error);

#endif
