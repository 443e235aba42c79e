/** @file neighbours_scratch.h
 *  What the neighbour search keeps beside its results; of neighbours.c, which sorts, and neighbours_list.c alone.
 *
 *  Space is divided into cubic bins, numbered with z fastest. Atoms and ghosts are each sorted by their bin's number;
 *  empty bins take no memory, so that vacuum costs nothing. The atoms within the cutoff of a bin lie in ROWS × ROWS
 * rows of bins along z, and each row is one contiguous run of the sorted atoms and one of the ghosts. While the bins
 * are visited in order, the ends of all these runs only move forward.
 *
 *  Threads share all loops over atoms, in runs that depend on the number of atoms alone.
 */
#ifndef LML_STRUCTURE_NEIGHBOURS_SCRATCH_H
#define LML_STRUCTURE_NEIGHBOURS_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"

enum {
  LML_BINS_REACH = 1, /**< bins that the cutoff spans; 2 and 3 are no faster */
  LML_BINS_ROWS = 2 * LML_BINS_REACH + 1,
  LML_SORT_RUN = 512, /**< atoms of a run where they are sorted: some 50 µs */
  LML_LIST_RUN = 128  /**< and where they are listed: some 100 µs */
};

typedef struct lml_bins {
  double low[3], high[3]; /**< Å, all atoms and all ghosts that can be neighbours lie inside */
  double width[3];        /**< Å */
  uint64_t bins[3];       /**< with LML_BINS_REACH empty bins at both ends, so that a run never leaves its row */
} lml_bins;

/** What one run of atoms has found. */
typedef struct lml_sort_run {
  double low[3], high[3];                       /**< Å, of wrapped atoms */
  double low_fractional[3], high_fractional[3]; /**< the same in cell vectors */
  size_t nghosts;
  size_t ghosts_before; /**< of the runs before it */
} lml_sort_run;

typedef struct lml_list_run {
  size_t total;       /**< neighbours, whether there was room for them or not */
  int64_t coincident; /**< sorted index of an atom that coincides with another, the last that was listed; −1: none */
  double shortest;    /**< Å² */
  size_t longest;     /**< list */
} lml_list_run;

struct lml_neighbours_scratch {
  double cutoff;
  lml_bins bins;
  uint64_t *atom_keys, *ghost_keys; /**< bin of each sorted atom or ghost */
  size_t atom_keys_capacity, ghost_keys_capacity;
  uint64_t *spare_keys; /**< the other half of a radix sort, and what it moves */
  size_t spare_keys_capacity;
  int32_t *permutation, *spare_permutation;
  size_t permutation_capacity, spare_permutation_capacity;
  int32_t *ghost_owner, *ghost_image; /**< in the order of their making */
  size_t ghost_owner_capacity, ghost_image_capacity;
  lml_sort_run *sort_runs;
  lml_list_run *list_runs;
  size_t sort_runs_capacity, list_runs_capacity;
};

/** Room for @p count elements; the contents are lost where it grows, so that old and new never exist together. */
lml_status lml_neighbours_reserve(void *array, size_t *capacity, size_t count, size_t size, lml_error *error);

#endif
