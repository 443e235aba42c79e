/** @file result_frame.h
 *  Results in an extended XYZ frame.
 */
#ifndef LML_CALCULATOR_RESULT_FRAME_H
#define LML_CALCULATOR_RESULT_FRAME_H

#include <stddef.h>

#include "lmlink/extxyz.h"
#include "lmlink/results.h"

/** Put @p result into @p frame under its name, in place of what had that: of a structure as an info key, of atoms as a
 *  column. Row k of the column is that of atom @p atoms[k]; NULL: of atom k. LML_ERR_USAGE where the name is part of
 *  the structure, as pos is. */
lml_status lml_result_put(const lml_result *result, const size_t *atoms, lml_frame *frame, lml_error *error);

#endif
