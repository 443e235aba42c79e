/** @file ace_batch.h
 *  The neighbours of a run of atoms, laid out for the kernel.
 */
#ifndef LML_ACE_ACE_BATCH_H
#define LML_ACE_ACE_BATCH_H

#include "potential/ace/ace_kernel.h"
#include "potential/atoms.h"

/** Initialise with zeros, release with lml_ace_batch_free. */
typedef struct lml_ace_batch {
  lml_ace_slots slots;
  size_t longest, limit; /**< neighbours of an atom, and slots, that there is room for */
  size_t count;          /**< atoms */
  int element[LML_LANES_LIMIT];
  int32_t *neighbour; /**< slots × lanes: atom; −1 in empty places */
  int32_t *near;      /**< lanes × longest: atoms within the cutoff */
  int *counts;        /**< lanes × nelements: of those, by element; later the next free slot */
} lml_ace_batch;

/** Make room for @p lanes atoms with lists of up to @p longest; nothing where there is room already. */
lml_status lml_ace_batch_reserve(lml_ace_batch *batch, size_t nelements, size_t lanes, size_t longest,
                                 lml_error *error);
void lml_ace_batch_free(lml_ace_batch *batch);

/** Lay out the neighbours of the run's atoms. */
void lml_ace_batch_fill(lml_ace_batch *batch, const lml_ace_model *model, size_t lanes, const lml_run_of_atoms *run);

static inline size_t lml_ace_batch_nslots(const lml_ace_batch *batch, size_t nelements) {
  return (size_t)batch->slots.group[nelements];
}

#endif
