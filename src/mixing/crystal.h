/** @file crystal.h
 *  Lattice constant and elastic constants of a cubic crystal, as a calculator has them.
 */
#ifndef LML_MIXING_CRYSTAL_H
#define LML_MIXING_CRYSTAL_H

#include "lmlink/calculator.h"

typedef struct lml_crystal_constants {
  double a;             /**< Å: edge of the cell that was given, without pressure */
  double c11, c12, c44; /**< eV/Å³, there */
} lml_crystal_constants;

/** Find them. @p cell is a cubic cell of the crystal, periodic in all directions, whose edge is about right (5 %).
 *  The edge without pressure comes from the virial, the elastic constants from central differences of the stress at
 *  strains of 1e-4, the atoms moving with the cell: exact for crystals whose atoms are centres of symmetry, as in bcc
 *  and fcc. LML_ERR_INPUT where the cell is not of that kind, the calculator gives no virial, or there is no edge
 *  without pressure near. */
lml_status lml_crystal_measure(lml_calculator *calculator, const lml_structure *cell, lml_crystal_constants *constants,
                               lml_error *error);

#endif
