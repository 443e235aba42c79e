/** @file eval_write.h
 *  The potential, or the members of its committee, as files of their own.
 */
#ifndef LML_PROGRAMS_EVAL_WRITE_H
#define LML_PROGRAMS_EVAL_WRITE_H

#include "lmlink/potential.h"
#include "programs/command_line.h"

/** Write @p potential (NULL: there is none) where --write asks for it; with --committee the members of its committee,
 *  from the uncertainty that lies beside it, to files with -1, -2, … before the extension. LML_ERR_USAGE where one of
 *  the files is there already. */
lml_status lml_eval_write(const lml_arguments *arguments, const lml_potential *potential, lml_error *error);

#endif
