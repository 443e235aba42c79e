/** @file atom_batch.h
 *  From neighbour lists to the kernel's batches of atoms.
 */
#ifndef LML_POTENTIAL_ATOM_BATCH_H
#define LML_POTENTIAL_ATOM_BATCH_H

#include "potential/linear_model.h"
#include "structure/neighbours.h"

/** A batch and the arrays behind it. Initialise with `lml_atom_batch b = {0};`, release with lml_atom_batch_free. */
typedef struct lml_atom_batch {
  lml_bispectrum_batch slots; /**< what the kernel sees */
  size_t natoms;
  size_t first;                 /**< sorted index of the atom in lane 0 */
  int element[LML_LANES_LIMIT]; /**< of each lane's atom */
  int32_t *neighbour;           /**< slots × lanes: index among the neighbours' positions, −1 in empty places */
  double *gradient;             /**< slots × 3 × lanes, eV/Å: what the kernel's forces stage gives */
  lml_bispectrum_workspace workspace;
  size_t slot_limit; /**< slots that there is room for */
  int32_t *near;     /**< slot_limit × lanes: neighbours within the pair's cutoff, lane by lane */
  int *count;        /**< lanes × nlabel_elements */
} lml_atom_batch;

/** Make room for the longest of the lists of @p neighbours; nothing is allocated where there is room already. */
lml_status lml_atom_batch_prepare(lml_atom_batch *batch, const lml_linear_model *model,
                                  const lml_neighbours *neighbours, lml_error *error);
void lml_atom_batch_free(lml_atom_batch *batch);

/** Fill the batch with sorted atoms @p first, first + 1, … (as many as there are lanes, up to neighbours->end).
 *  @p elements holds the element index of each sorted atom. */
void lml_atom_batch_gather(lml_atom_batch *batch, const lml_linear_model *model, const lml_neighbours *neighbours,
                           const signed char *elements, size_t first);

#endif
