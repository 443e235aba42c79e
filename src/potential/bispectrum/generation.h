/** @file generation.h
 *  The mark of files that were written together.
 *
 *  Each file of a potential is put in place by a rename of its own, so that a run that is killed in between leaves
 *  files of two potentials side by side. All files that lmlink writes together hold the same comment line,
 *
 *      # lmlink-generation: coefficients=0123456789abcdef parameters=0123456789abcdef
 *
 *  with a checksum of what each of them says: of values, not of bytes, so that comments, blanks and the digits of a
 *  number may change. Further files add words of their own; words that are not known here are compared, and not
 *  understood.
 */
#ifndef LML_BISPECTRUM_GENERATION_H
#define LML_BISPECTRUM_GENERATION_H

#include "base/text_list.h"
#include "potential/bispectrum/snap_model.h"
#include "potential/lammps_text.h"

/** A coefficient and a parameter file that were read, and what their comments say. */
typedef struct lml_generation_pair {
  const char *snapcoeff, *snapparam;           /**< paths */
  lml_lammps_remarks coefficients, parameters; /**< of either file */
} lml_generation_pair;

/** Whether both files have a mark, and other ones. */
bool lml_generation_differs(const lml_generation_pair *pair);

/** LML_ERR_INPUT where the files were not written together, which @p file (all elements of the coefficient file) and @p
 *  model (the parameters) were read from. What the user should know beside goes to @p warnings. */
lml_status lml_generation_check(const lml_generation_pair *pair, const lml_snap_model *file,
                                const lml_snap_model *model, lml_text_list *warnings, lml_error *error);

/** The error for a pair that lml_generation_differs of. */
lml_status lml_generation_fail(const lml_generation_pair *pair, lml_error *error);

/** The comment for files that @p model is written to. Its text has no '#'. */
lml_status lml_generation_make(const lml_snap_model *model, lml_lammps_remark *mark, lml_error *error);

#endif
