/** @file milady_format.h
 *  Potentials of the bispectrum in the .pot files of MiLaDy (https://ai-atoms.github.io/milady), linear and quadratic
 * ones of one element. They are read; LAMMPS's files are what is written.
 */
#ifndef LML_BISPECTRUM_MILADY_FORMAT_H
#define LML_BISPECTRUM_MILADY_FORMAT_H

#include "potential/format.h"

extern const lml_format lml_milady_format;

#endif
