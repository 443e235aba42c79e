/** @file rescaled_calculator.h
 *  A calculator whose crystal has another lattice constant and bulk modulus than the calculator that it asks.
 *
 *  Where ML and QM side disagree about them, the boundary between the two is under stress. The ML side is then asked
 * for a structure that is smaller by α = a_QM / a_ML, and its energies are divided by β = B_ML / (B_QM α³), as in ASE's
 *  RescaledCalculator (Swinburne and Kermode, Phys. Rev. B 96, 144102 (2017)): energy / β, forces / (αβ), virial / β;
 *  other results by their unit.
 */
#ifndef LML_MIXING_RESCALED_CALCULATOR_H
#define LML_MIXING_RESCALED_CALCULATOR_H

#include "lmlink/calculator.h"

/** Lattice constants in Å, bulk moduli in one unit of any kind; all positive. */
typedef struct lml_rescaling {
  double qm_lattice_constant, qm_bulk_modulus;
  double ml_lattice_constant, ml_bulk_modulus;
} lml_rescaling;

/** Make the calculator out of @p inner, which it then owns. On failure @p inner stays the caller's, and @p calculator
 *  becomes NULL: it must not be where the caller holds @p inner. */
lml_status lml_rescaled_calculator_create(lml_calculator *inner, const lml_rescaling *rescaling,
                                          lml_calculator **calculator, lml_error *error);

#endif
