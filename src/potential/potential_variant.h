/** @file potential_variant.h
 *  Potentials made from another one: with other coefficients, or with quadratic terms added.
 */
#ifndef LML_POTENTIAL_POTENTIAL_VARIANT_H
#define LML_POTENTIAL_POTENTIAL_VARIANT_H

#include "lmlink/potential.h"

/** A copy of @p from whose Θ is @p coefficients (nelements × ncoefficients, eV), or zero where that is NULL: then only
 *  the fixed terms act. Free with lml_potential_destroy. */
lml_status lml_potential_with_coefficients(const lml_potential *from, const double *coefficients,
                                           lml_potential **potential, lml_error *error);

/** @p from as a quadratic potential: the coefficients of a linear one with zeros behind them, so that energy and
 *  forces are the same; a copy of one that is quadratic already. */
lml_status lml_potential_quadratic(const lml_potential *from, lml_potential **potential, lml_error *error);

#endif
