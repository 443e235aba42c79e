/** @file check_crystal.h
 *  What --check --compare says: whether both sides of a mixture have the same crystal.
 */
#ifndef LML_PROGRAMS_CHECK_CRYSTAL_H
#define LML_PROGRAMS_CHECK_CRYSTAL_H

#include "programs/build.h"

/** Measure lattice and elastic constants of the cubic cell in the first frame of @p path with the ML side and with the
 *  calculator of each region, and give @p tell lines about them, and a warning for each that differs by more than 1 %.
 *  LML_ERR_USAGE where nothing is mixed. */
lml_status lml_check_crystal(const lml_build *build, const char *path, void (*tell)(const char *line),
                             lml_error *error);

#endif
