/** @file uf3_format.h
 *  The files of LAMMPS `pair_style uf3`, of two- and three-body potentials.
 */
#ifndef LML_UF3_UF3_FORMAT_H
#define LML_UF3_UF3_FORMAT_H

#include "potential/format.h"

extern const lml_format lml_uf3_format;

#endif
