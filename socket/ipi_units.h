/** @file ipi_units.h
 *  The units of the i-PI protocol: Hartree and Bohr on the wire, eV and Å inside.
 */
#ifndef LML_SOCKET_IPI_UNITS_H
#define LML_SOCKET_IPI_UNITS_H

/** Å per Bohr and eV per Hartree from CODATA 2014, to the last digit of ase.units.Bohr and ase.units.Hartree, so that
 *  a conversation with ASE loses nothing but rounding. i-PI's own constants differ by 1e-7 relative. */
#define LML_IPI_BOHR 0.5291772105638411
#define LML_IPI_HARTREE 27.211386024367243

/** What the codec multiplies with. */
typedef struct lml_ipi_units {
  double bohr;    /**< of the inner unit of length */
  double hartree; /**< of the inner unit of energy */
} lml_ipi_units;

static const lml_ipi_units lml_ipi_units_ev = {.bohr = LML_IPI_BOHR, .hartree = LML_IPI_HARTREE}; /**< eV and Å */
static const lml_ipi_units lml_ipi_units_atomic = {.bohr = 1.0, .hartree = 1.0}; /**< the wire's bits unchanged */

#endif
