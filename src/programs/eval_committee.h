/** @file eval_committee.h
 *  The members of a potential's committee as potentials of their own.
 */
#ifndef LML_PROGRAMS_EVAL_COMMITTEE_H
#define LML_PROGRAMS_EVAL_COMMITTEE_H

#include "lmlink/potential.h"

/** Write the members of the committee of @p potential, from the uncertainty that lies beside it, to files with the name
 *  @p path and -1, -2, … before its extension, which must not be there yet. */
lml_status lml_eval_write_committee(const lml_potential *potential, const char *path, const char *comment,
                                    lml_error *error);

#endif
