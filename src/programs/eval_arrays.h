/** @file eval_arrays.h
 *  Descriptors and gradients of many structures in .npy files, stacked along the atoms.
 */
#ifndef LML_PROGRAMS_EVAL_ARRAYS_H
#define LML_PROGRAMS_EVAL_ARRAYS_H

#include "lmlink/potential.h"

typedef struct lml_eval_arrays lml_eval_arrays;

/** Begin the files @p descriptors, shape (natoms, ncoefficients), and @p gradients, shape (natoms, nelements, 3,
 *  ncoefficients − 1); either may be NULL. @p natoms is the number of atoms of all structures that will be added. The
 *  potential must outlive the arrays. */
lml_status lml_eval_arrays_create(const lml_potential *potential, const char *descriptors, const char *gradients,
                                  size_t natoms, lml_eval_arrays **arrays, lml_error *error);

/** Append the rows of the atoms of @p structure. */
lml_status lml_eval_arrays_add(lml_eval_arrays *arrays, const lml_structure *structure, lml_error *error);

/** Give the files their names, when all atoms have been added; @p arrays is freed whatever the status. */
lml_status lml_eval_arrays_commit(lml_eval_arrays *arrays, lml_error *error);

/** Remove what was written and free @p arrays; NULL is fine. */
void lml_eval_arrays_abort(lml_eval_arrays *arrays);

#endif
