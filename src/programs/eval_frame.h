/** @file eval_frame.h
 *  Results of an evaluation in an extended XYZ frame, under the names and with the signs that ASE gives them.
 */
#ifndef LML_PROGRAMS_EVAL_FRAME_H
#define LML_PROGRAMS_EVAL_FRAME_H

#include "lmlink/calculator.h"
#include "lmlink/extxyz.h"

/** Set info `energy`, `free_energy` (eV), `virial` (9 numbers, eV), `stress` (9 numbers, −virial/volume in eV/Å³) and
 *  columns `forces` (eV/Å), `energies` (eV), in place of what the frame had under these names. A structure without a
 *  volume gets no stress. Everything else in the frame is kept. */
lml_status lml_eval_put_results(lml_frame *frame, const lml_results *results, lml_error *error);

#endif
