/** @file snap_format.h
 *  Potentials of the bispectrum in LAMMPS's files: .snap scripts, .snapcoeff and .snapparam; and those of pair_style
 *  mliap, which are read.
 */
#ifndef LML_BISPECTRUM_SNAP_FORMAT_H
#define LML_BISPECTRUM_SNAP_FORMAT_H

#include "potential/bispectrum/snap_model.h"
#include "potential/format.h"

extern const lml_format lml_snap_format;

/** Let @p potential be what @p snap describes, whose arrays are handed over or released. */
lml_status lml_snap_take(lml_potential *potential, lml_snap_model *snap, lml_error *error);

/** The parameters, elements and coefficients of @p potential, which is of the bispectrum: a view, not to be released.
 */
lml_snap_model lml_snap_view(const lml_potential *potential);

#endif
