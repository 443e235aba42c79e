/** @file snap_exchange.h
 *  With chemflag, components with equal j are the same number where their elements are exchanged at those j:
 *  B(j₁e₁, j₂e₂, j e₃) of 2j = 2, 2, 4 is the same for (e₁, e₂) and (e₂, e₁). Only the sum of their coefficients
 *  matters, but LAMMPS's forces are the gradient of its energy only where these coefficients are equal.
 */
#ifndef LML_BISPECTRUM_SNAP_EXCHANGE_H
#define LML_BISPECTRUM_SNAP_EXCHANGE_H

#include "potential/bispectrum/snap_model.h"

/** Make @p coefficients, nelements × ncoefficients of @p model, equal where elements may be exchanged: each becomes the
 *  mean, of a quadratic form that of the matrix over the exchanges of both of its components. Energies and forces stay,
 *  to rounding. Without chemflag nothing is exchanged. */
lml_status lml_snap_exchange_average(const lml_snap_model *model, double *coefficients, lml_error *error);

/** Add a warning where coefficients of @p model, read from @p path, differ by more than their digits' rounding. */
lml_status lml_snap_exchange_check(const lml_snap_model *model, const char *path, lml_text_list *warnings,
                                   lml_error *error);

#endif
