/** @file made_up.h
 *  Potentials and structures made up for tests, the same at every run.
 */
#ifndef LML_TESTS_MADE_UP_H
#define LML_TESTS_MADE_UP_H

#include "lmlink/potential.h"
#include "potential/bispectrum/snap_model.h"

/** Numbers between −1 and 1, the same sequence for the same state. */
double made_up_number(unsigned *state);

/** A potential of tungsten alone or of tungsten and beryllium with these parameters: small coefficients, symmetric
 * among the elements of a component so that they are those of a unique function. With @p zbl_outer above 0 it has a ZBL
 * term. Fails the test where memory is out. Free with lml_potential_destroy. */
lml_potential *made_up_potential(const lml_snap_parameters *parameters, size_t nelements, double zbl_outer);

/** Rattled atoms (tungsten, and beryllium where @p nelements is 2) in a skewed cell about 4 Å wide, smaller than the
 *  potentials' cutoffs. Free with lml_structure_free. */
lml_structure made_up_structure(size_t nelements);

#endif
