/** @file evaluator.h
 *  Evaluates a potential for atoms and lists of neighbours that a host program has already, and adds to its arrays.
 *
 *  Nothing is copied but an index per atom, nothing is wrapped, and no neighbour is searched for. One evaluation is
 *  begin, steps until none is left, and finish. Once an evaluator has seen a system of some size, further evaluations
 * of such ones allocate nothing. An evaluator serves one thread at a time; several may share a potential.
 *
 *  Structures that are handed over begin with their own size and grow at their end: set `size` to their sizeof, and the
 *  rest to zero. What a caller that was compiled with an older header does not have counts as zero.
 */
#ifndef LMLINK_EVALUATOR_H
#define LMLINK_EVALUATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/potential.h"

LML_BEGIN_DECLS

typedef struct lml_evaluator lml_evaluator;

/** Atoms of a host program; the arrays must live until the evaluation is finished. */
typedef struct lml_evaluator_atoms {
  size_t size;             /**< sizeof(lml_evaluator_atoms) */
  size_t natoms;           /**< all: the host's own atoms, and ghosts (periodic images, atoms of other processes) */
  const double *positions; /**< natoms × 3, Å; a ghost stands where the image is */
  const int *kinds;        /**< natoms, ghosts too: the host's kind of each, from 0 */
  const int *elements; /**< nkinds: index of the kind's element in the potential; −1: atoms that it does not see */
  size_t nkinds;
  size_t ncentres;    /**< atoms whose energies are evaluated: the host's own ones, as a rule */
  const int *centres; /**< ncentres: which these are; NULL: 0 to ncentres − 1. A centre of no element gives nothing */
  /** Set *@p list to the neighbours of @p centre, ghosts among them, and return how many they are. The list is
   * complete: each pair is in both atoms' lists. It holds all atoms nearer than lml_potential_cutoff, may hold others,
   * and is valid until the next call. */
  size_t (*neighbours)(void *context, int centre, const int **list);
  void *context; /**< the callback's first argument */
  int mask;      /**< bits of the list's entries that are the atom's index; 0: all */
} lml_evaluator_atoms;

/** Which of a potential's terms are evaluated: a sum of these, or 0 for all. */
enum {
  LML_TERMS_DESCRIPTORS = 1, /**< what is linear or quadratic in the descriptors, with the constants of the elements */
  LML_TERMS_FIXED = 2        /**< the fixed terms (ZBL) */
};

/** What results are added to. What is NULL is not asked for.
 *
 *  The force on neighbour k from the energy of centre i is f_ik = −∂E_i/∂r_k, and r_ik = r_k − r_i. Of a fixed term
 * each of a pair's atoms has one half. Arrays of natoms have room for ghosts, whose values the host adds to those of
 * the atoms that they are images of. Where an atom is nearer to another than a table of the potential reaches, results
 * are NaN. */
typedef struct lml_evaluator_sums {
  size_t size;      /**< sizeof(lml_evaluator_sums) */
  double *energy;   /**< eV: one number, the sum over the centres */
  double *energies; /**< natoms, eV: of each centre */
  double *forces; /**< natoms × 3, eV/Å: −∂(sum over the centres)/∂r, ghosts included: the host adds a ghost's force to
                       the atom's that it is an image of */
  double *virial;  /**< 9, eV: W = Σ r⊗F = −∂(sum over the centres)/∂ε, symmetric, row-major */
  double *virials; /**< natoms × 6 (xx, yy, zz, xy, xz, yz), eV: of each r_ik⊗f_ik one half goes to i, one to k */
  /** natoms × 9 (xx, yy, zz, xy, xz, yz, yx, zx, zy), eV: r_ik⊗f_ik goes to k, whole. With these C_k the heat flux, the
   *  kinetic energies in E_k, is exactly Σ (E_k + C_k) v_k (Surblys et al., Phys. Rev. E 99, 051301, 2019). */
  double *centroid_virials;
  int terms; /**< LML_TERMS_…; 0: all */
} lml_evaluator_sums;

/** An evaluator of @p potential, which must outlive it. */
LML_API lml_status lml_evaluator_create(const lml_potential *potential, lml_evaluator **evaluator, lml_error *error);
LML_API void lml_evaluator_destroy(lml_evaluator *evaluator); /**< NULL is fine */

/** Begin an evaluation; one that is under way is given up. LML_ERR_INPUT where a kind or an element is out of range. */
LML_API lml_status lml_evaluator_begin(lml_evaluator *evaluator, const lml_evaluator_atoms *atoms,
                                       const lml_evaluator_sums *sums, lml_error *error);

/** Evaluate up to @p nruns runs of a few centres each; false when none is left to do. Forces and energies of atoms are
 *  added to at every step. */
LML_API bool lml_evaluator_step(lml_evaluator *evaluator, size_t nruns);

/** Add the energy and the virial; steps that are left are done first. */
LML_API void lml_evaluator_finish(lml_evaluator *evaluator);

LML_END_DECLS

#endif
