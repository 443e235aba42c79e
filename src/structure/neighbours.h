/** @file neighbours.h
 *  Neighbour search, linear in the number of atoms, for any cell and any mixture of periodic directions.
 *
 *  Atoms are wrapped into the cell and sorted along a grid so that atoms near in space are near in memory; periodic
 *  images within the cutoff of the cell are added after them as ghosts. A neighbour is then one index. A cell smaller
 *  than the cutoff gives several ghosts of one atom, also as neighbours of itself.
 */
#ifndef LML_STRUCTURE_NEIGHBOURS_H
#define LML_STRUCTURE_NEIGHBOURS_H

#include <stddef.h>
#include <stdint.h>

#include "base/thread_pool.h"
#include "lmlink/structure.h"
#include "structure/atom_parts.h"
#include "structure/vec3.h"

/** Nearer than this (Å) two atoms are one atom that stands twice: the copies of one atom in a file of eight decimals
 *  are 1e-8 Å apart. */
#define LML_COINCIDENT 1e-4

/** Initialise with `lml_neighbours n = {0};`, reuse for any number of builds, release with lml_neighbours_free. */
typedef struct lml_neighbours {
  size_t natoms; /**< that are sorted: all of the structure, or a part's own and those near */
  size_t nown;   /**< of these, before the others */
  size_t nghosts;
  int32_t *order;    /**< natoms: index in the structure of each sorted atom */
  double *positions; /**< (natoms + nghosts) × 3, Å: sorted atoms in the cell, then ghosts */
  int32_t *owner;    /**< natoms + nghosts: sorted index of the atom itself (atoms: their own index) */
  size_t begin, end; /**< sorted atoms whose neighbours are listed */
  int64_t *first;    /**< end − begin */
  int32_t *count;    /**< end − begin */
  int32_t *list;     /**< neighbours of sorted atom begin + k: the count[k] from list[first[k]] on, ascending */
  size_t longest;    /**< list */
  double shortest;   /**< Å²: square of the shortest distance in the lists when they were made */
  lml_pool *pool;    /**< the caller's, of threads that share the search; NULL: its own thread alone */
  size_t stride;     /**< room in the list for each run of atoms that a thread takes, whose lists are contiguous */
  size_t capacity_atoms, capacity_all, capacity_first, capacity_list; /**< of the arrays above */
  struct lml_neighbours_memory *memory;                               /**< what lml_neighbours_follow compares with */
  struct lml_neighbours_scratch *scratch;
} lml_neighbours;

/** Sort the atoms of @p structure and make the ghosts within @p cutoff (Å, > 0) of the cell; no lists yet. */
lml_status lml_neighbours_sort(lml_neighbours *neighbours, const lml_structure *structure, double cutoff,
                               lml_error *error);

/** The same of the atoms of @p part, which was found in the structure with a cutoff as large, and the ghosts near the
 *  part's own. */
lml_status lml_neighbours_sort_part(lml_neighbours *neighbours, const lml_structure *structure,
                                    const lml_atom_part *part, double cutoff, lml_error *error);

/** List the neighbours nearer than the cutoff (strictly) of sorted atoms @p begin to @p end − 1, all of them own, of
 * the
 * @p structure that was sorted. LML_ERR_INPUT where two of the atoms, or one and an image of another, are nearer than
 * LML_COINCIDENT. */
lml_status lml_neighbours_list(lml_neighbours *neighbours, const lml_structure *structure, size_t begin, size_t end,
                               lml_error *error);

/** Square of the distance (Å²) of sorted atoms or ghosts @p i and @p j, which need not be neighbours. */
static inline double lml_neighbours_square(const lml_neighbours *neighbours, size_t i, size_t j) {
  double d[3];
  lml_subtract(neighbours->positions + 3 * j, neighbours->positions + 3 * i, d);
  return lml_dot(d, d);
}

/** The neighbours of sorted atom @p i, from begin to end − 1; returns how many. */
static inline size_t lml_neighbours_of(const lml_neighbours *neighbours, size_t i, const int32_t **list) {
  *list = neighbours->list + neighbours->first[i - neighbours->begin];
  return (size_t)neighbours->count[i - neighbours->begin];
}

/** How far the structure is from the one that was remembered. */
typedef enum lml_motion {
  LML_MOTION_OTHER, /**< another number of atoms, cell or periodicity, or nothing is remembered */
  LML_MOTION_FAR,   /**< an atom has moved further than the limit */
  LML_MOTION_NEAR   /**< the same system a little later: positions of atoms and ghosts have been brought up to date */
} lml_motion;

/** Remember the structure that sort and list were called with, for lml_neighbours_follow. */
lml_status lml_neighbours_remember(lml_neighbours *neighbours, const lml_structure *structure, lml_error *error);

/** Compare @p structure with the remembered one. Lists made for a cutoff of r + skin hold all pairs nearer than r as
 * long as the answer for @p limit = skin / 2 (Å) is LML_MOTION_NEAR. */
lml_motion lml_neighbours_follow(lml_neighbours *neighbours, const lml_structure *structure, double limit);

/** The same check as that of lml_neighbours_list where lists are kept: @p nearer (Å) is how much nearer two atoms can
 *  have come since the lists were made. It looks at distances only where it has to. */
lml_status lml_neighbours_check_apart(const lml_neighbours *neighbours, const lml_structure *structure, double nearer,
                                      lml_error *error);

/** The error of both: sorted atom @p i coincides with the one that is nearest to it. */
lml_status lml_neighbours_coincide(const lml_neighbours *neighbours, const lml_structure *structure, size_t i,
                                   lml_error *error);

/** The same check of a structure whose neighbours are not listed. */
lml_status lml_structure_check_apart(const lml_structure *structure, lml_error *error);

/** Free what is remembered. */
void lml_neighbours_forget(lml_neighbours *neighbours);

void lml_neighbours_free(lml_neighbours *neighbours);

#endif
