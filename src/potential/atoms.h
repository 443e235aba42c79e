/** @file atoms.h
 *  The atoms that descriptors are evaluated of, as a family sees them: positions, elements and lists of neighbours that
 *  are lmlink's own or a host program's.
 */
#ifndef LML_POTENTIAL_ATOMS_H
#define LML_POTENTIAL_ATOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "potential/simd/isa.h"

/** All arrays belong to who made them, and hold images (periodic images, and copies of atoms of other ranks) as atoms
 *  like others. Nothing is copied. */
typedef struct lml_atoms {
  const double *positions;     /**< × 3, Å */
  const signed char *elements; /**< index in the potential; −1: invisible to it */
  const int32_t *owner;        /**< the atom that each is an image of, or itself; asked for by gradients alone */
  /** Sets *@p list to the neighbours of @p centre and returns their number. The list is complete (each pair stands in
   *  both atoms' lists), may hold atoms beyond the cutoff, and is valid until the next call. */
  size_t (*neighbours)(void *context, int32_t centre, const int32_t **list);
  void *context;
  int32_t mask; /**< bits of a list's entries that are the index */
} lml_atoms;

/** Up to as many centres as there are lanes, which are evaluated side by side. */
typedef struct lml_run_of_atoms {
  const lml_atoms *atoms;
  const int32_t *centres; /**< atoms that have an element */
  size_t count;
} lml_run_of_atoms;

/** One element of a run's atoms. Initialise with `lml_run_element e = {0};`. */
typedef struct lml_run_element {
  _Alignas(LML_ALIGNMENT) double mask[LML_LANES_LIMIT]; /**< 1 in the lanes of its atoms, else 0 */
  int element;
  unsigned done; /**< a bit for each lane whose element has had its turn */
} lml_run_element;

/** The next element of a run's atoms; false where all had their turn. */
static inline bool lml_run_next_element(const lml_run_of_atoms *run, lml_run_element *of) {
  size_t first = 0;
  while (first < run->count && (of->done >> first & 1u) != 0) first++;
  if (first == run->count) return false;
  of->element = run->atoms->elements[run->centres[first]];
  for (size_t lane = 0; lane < LML_LANES_LIMIT; lane++) {
    const bool here = lane < run->count && run->atoms->elements[run->centres[lane]] == of->element;
    of->mask[lane] = here ? 1.0 : 0.0;
    of->done |= (unsigned)here << lane;
  }
  return true;
}

#endif
