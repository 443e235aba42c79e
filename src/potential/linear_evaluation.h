/** @file linear_evaluation.h
 *  One evaluation of a linear potential for a part of the atoms.
 */
#ifndef LML_POTENTIAL_LINEAR_EVALUATION_H
#define LML_POTENTIAL_LINEAR_EVALUATION_H

#include "potential/atom_batch.h"

/** Initialise with `lml_linear_evaluation e = {0};`, reuse, release with lml_linear_evaluation_free. */
typedef struct lml_linear_evaluation {
  lml_neighbours neighbours;
  lml_atom_batch batch;
  signed char *elements; /**< natoms, of the sorted atoms */
  double *forces;        /**< (natoms + nghosts) × 3, eV/Å, sorted */
  double *totals;        /**< natoms × 3 forces and natoms energies in the structure's order, then the virial (9) */
  double virial[9];      /**< eV */
  double skin;           /**< Å, of the neighbour lists */
  size_t next;           /**< first sorted atom that is not evaluated yet */
  unsigned char *needed; /**< natoms, sorted: which are evaluated, where `restricted` */
  bool restricted;
  size_t elements_capacity, forces_capacity, totals_capacity, needed_capacity;
} lml_linear_evaluation;

/** Doubles in `totals` for that many atoms. */
size_t lml_linear_evaluation_totals(size_t natoms);

/** Begin with part number @p part of @p parts equal parts of the atoms of @p structure. */
lml_status lml_linear_evaluation_begin(lml_linear_evaluation *evaluation, const lml_linear_model *model,
                                       const lml_structure *structure, size_t part, size_t parts, lml_error *error);

/** After the beginning, which is of all atoms: evaluate only those that the forces on @p natoms atoms of the structure
 *  (indices in @p atoms) come from, these and their neighbours. Nothing else of the totals is to be used then. */
lml_status lml_linear_evaluation_restrict(lml_linear_evaluation *evaluation, const size_t *atoms, size_t natoms,
                                          lml_error *error);

/** Evaluate up to @p nbatches batches of atoms; false when none is left to do. */
bool lml_linear_evaluation_step(lml_linear_evaluation *evaluation, const lml_linear_model *model, size_t nbatches);

/** Put what this part of the atoms contributes into `totals`. */
void lml_linear_evaluation_collect(lml_linear_evaluation *evaluation);

void lml_linear_evaluation_free(lml_linear_evaluation *evaluation);

#endif
