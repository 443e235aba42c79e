/** @file ace_write.h
 *  Writing a .yace file, with other coefficients than it was read with.
 */
#ifndef LML_ACE_ACE_WRITE_H
#define LML_ACE_ACE_WRITE_H

#include "potential/ace/ace_model.h"
#include "potential/potential.h"

/** Write @p potential, whose descriptor is ACE's, to @p path whole or not at all, with a comment line (may be NULL).
 *  Everything but E₀ and c̃ is as in the file that it was read from. */
lml_status lml_ace_write(const lml_potential *potential, const char *path, const char *comment, lml_error *error);

#endif
