/** @file side_check.h
 *  Whether what a region's calculator gives can be the forces on its atoms: a driver script of an engine may send other
 *  units, gradients, or the atoms in the engine's own order, and every number is then a plausible one.
 */
#ifndef LML_MIXING_SIDE_CHECK_H
#define LML_MIXING_SIDE_CHECK_H

#include "base/log.h"
#include "mixing/mixing_region.h"
#include "mixing/unknown_species.h"

/** Compare the forces @p qm (eV/Å) of a region's cluster with those of the ML calculator in @p forces (the parent's),
 * on atoms whose force is the region's, that the ML calculator knows, and that have none within @p distance (Å) which
 * it does not: an impurity that it does not see pushes them the other way. Where they are like them but for a factor
 * that can't be meant, or unlike them although both are large, a warning says so. Returns whether it did. */
bool lml_side_check(const lml_mixing_region *region, const lml_unknown_species *unknown, double distance,
                    const double *qm, const double *forces, const lml_log *log);

#endif
