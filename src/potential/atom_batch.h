/** @file atom_batch.h
 *  From neighbour lists to the kernel's batches of atoms.
 */
#ifndef LML_POTENTIAL_ATOM_BATCH_H
#define LML_POTENTIAL_ATOM_BATCH_H

#include "potential/atom_columns.h"
#include "potential/linear_model.h"
#include "structure/neighbours.h"

enum { LML_NO_PLACE = -1 };

/** A batch and the arrays behind it. Initialise with `lml_atom_batch b = {0};`, release with lml_atom_batch_free. */
typedef struct lml_atom_batch {
  lml_bispectrum_batch slots; /**< what the kernel sees */
  size_t natoms;
  size_t first;                 /**< sorted index of the atom in lane 0 */
  int element[LML_LANES_LIMIT]; /**< of each lane's atom */
  int32_t *neighbour;           /**< slots × lanes: index among the neighbours' positions, −1 in empty places */
  double *gradient;             /**< slots × 3 × lanes, eV/Å: what the kernel's forces stage gives */
  lml_bispectrum_workspace workspace;
  size_t slot_limit;         /**< slots that there is room for */
  int32_t *near;             /**< slot_limit × lanes: neighbours within the pair's cutoff, lane by lane */
  int *slot_of;              /**< likewise: where each stands */
  int *count;                /**< lanes × nlabel_elements */
  lml_atom_columns *columns; /**< lanes */
} lml_atom_batch;

/** Make room for the longest of the lists of @p neighbours; nothing is allocated where there is room already. */
lml_status lml_atom_batch_prepare(lml_atom_batch *batch, const lml_linear_model *model,
                                  const lml_neighbours *neighbours, lml_error *error);
void lml_atom_batch_free(lml_atom_batch *batch);

/** Fill the batch with sorted atoms @p first, first + 1, … (as many as there are lanes, up to neighbours->end).
 *  @p elements holds the element index of each sorted atom. */
void lml_atom_batch_gather(lml_atom_batch *batch, const lml_linear_model *model, const lml_neighbours *neighbours,
                           const signed char *elements, size_t first);

/** The same for gradients by some atoms: @p places of sorted atoms are ≥ 0 for those that gradients by are wanted, and
 *  LML_NO_PLACE for those that gradients of are not: their lanes stay empty. The periodic images of one neighbour share
 * a column. Those of the lane's atom itself, which move with it, have none, nor has a neighbour that neither a gradient
 * by is wanted nor by the lane's atom, which its neighbours count for. */
void lml_atom_batch_gather_columns(lml_atom_batch *batch, const lml_linear_model *model,
                                   const lml_neighbours *neighbours, const signed char *elements, const int32_t *places,
                                   size_t first);

/** Number of the neighbour that one lane has in a column, or −1. */
int32_t lml_atom_batch_column(const lml_atom_batch *batch, size_t lanes, size_t column, size_t lane);

#endif
