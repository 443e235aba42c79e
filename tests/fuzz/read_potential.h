/** @file read_potential.h
 *  What both targets of potentials' files do with one.
 */
#ifndef LML_FUZZ_READ_POTENTIAL_H
#define LML_FUZZ_READ_POTENTIAL_H

#include "lmlink/potential.h"

/** Read the file in memory @p path, which must give a potential or an error with words. What was read is evaluated
 *  where that takes little time, and given to @p write_and_read. */
void read_potential(const char *path, void (*write_and_read)(const lml_potential *potential));

#endif
