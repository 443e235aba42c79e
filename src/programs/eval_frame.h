/** @file eval_frame.h
 *  Results of an evaluation in an extended XYZ frame, under the names and with the signs that ASE gives them.
 */
#ifndef LML_PROGRAMS_EVAL_FRAME_H
#define LML_PROGRAMS_EVAL_FRAME_H

#include "lmlink/calculator.h"
#include "lmlink/extxyz.h"

/** Put all results that are not absent into @p frame, in place of what it had under their names: `energy`, `virial`,
 *  `forces` and all others; with them `free_energy` (the energy) and `stress` (9 numbers, −virial/volume in eV/Å³; a
 *  structure without a volume gets none). Everything else in the frame is kept. */
lml_status lml_eval_put_results(lml_frame *frame, const lml_results *results, lml_error *error);

#endif
