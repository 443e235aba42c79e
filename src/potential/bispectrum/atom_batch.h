/** @file atom_batch.h
 *  From a run of atoms and their lists of neighbours to the kernel's batch.
 */
#ifndef LML_BISPECTRUM_ATOM_BATCH_H
#define LML_BISPECTRUM_ATOM_BATCH_H

#include "potential/bispectrum/atom_columns.h"
#include "potential/bispectrum/model.h"

/** A batch and the arrays behind it. Initialise with `lml_atom_batch b = {0};`, release with lml_atom_batch_free. */
typedef struct lml_atom_batch {
  lml_bispectrum_batch slots; /**< what the kernel sees */
  size_t natoms;
  const int32_t *centres;       /**< of each lane */
  int element[LML_LANES_LIMIT]; /**< of each lane's atom */
  int32_t *neighbour;           /**< slots × lanes: atom, −1 in empty places */
  double *gradient;             /**< slots × 3 × lanes, eV/Å: what the kernel's forces stage gives */
  lml_bispectrum_workspace workspace;
  size_t slot_limit;         /**< slots that there is room for */
  int32_t *near;             /**< slot_limit × lanes: neighbours within the pair's cutoff, lane by lane */
  int *slot_of;              /**< likewise: where each stands */
  int *count;                /**< lanes × nlabel_elements */
  lml_atom_columns *columns; /**< lanes */
  int32_t *column;           /**< columns × lanes: an atom of each, −1 where there is none */
} lml_atom_batch;

/** Make room for lists of up to @p longest atoms; nothing is allocated where there is room already. */
lml_status lml_atom_batch_prepare(lml_atom_batch *batch, const lml_bispectrum_model *model, size_t longest,
                                  lml_error *error);
void lml_atom_batch_free(lml_atom_batch *batch);

/** Fill the batch with the run's atoms. */
void lml_atom_batch_gather(lml_atom_batch *batch, const lml_bispectrum_model *model, const lml_run_of_atoms *run);

/** The same for gradients by some atoms, with the neighbours in columns, see lml_descriptor_ops.gradients. */
void lml_atom_batch_gather_columns(lml_atom_batch *batch, const lml_bispectrum_model *model,
                                   const lml_run_of_atoms *run, const int32_t *places);

/** List the columns; returns how many there are. */
size_t lml_atom_batch_list_columns(lml_atom_batch *batch, const lml_bispectrum_model *model);

#endif
