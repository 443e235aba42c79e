/** @file script_format.h
 *  The format of LAMMPS input lines that name a potential's files and its fixed terms, of any family.
 */
#ifndef LML_SCRIPT_SCRIPT_FORMAT_H
#define LML_SCRIPT_SCRIPT_FORMAT_H

#include "potential/format.h"

extern const lml_format lml_script_format;

/** After the descriptors and coefficients that @p styles, of the file @p path, names were read: give @p potential its
 *  fixed terms, the file's name and warnings. */
lml_status lml_script_complete(const lml_pair_styles *styles, const char *path, lml_potential *potential,
                               lml_error *error);

#endif
