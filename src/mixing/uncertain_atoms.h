/** @file uncertain_atoms.h
 *  Which atoms need the quantum code, as the potential's own uncertainty tells.
 *
 *  Each look at a structure gives atoms a score, such as the distance from what the potential was trained on. An atom
 *  is wanted once its score has passed one threshold, and until it has fallen below another, at several looks in
 *  succession where that is asked for. Of more than may be, the most uncertain ones are taken.
 */
#ifndef LML_MIXING_UNCERTAIN_ATOMS_H
#define LML_MIXING_UNCERTAIN_ATOMS_H

#include <stddef.h>

#include "lmlink/error.h"

/** What the score is: a result of the ML calculator. */
typedef enum lml_uncertain_by {
  LML_UNCERTAIN_BY_DISTANCE = 0, /**< distance */
  LML_UNCERTAIN_BY_SIGMA         /**< length of sigma_forces, eV/Å */
} lml_uncertain_by;

/** Their names, those of the results; NULL-terminated. */
extern const char *const lml_uncertain_by_names[];

/** Which atoms are never wanted. */
typedef enum lml_uncertain_mask {
  LML_UNCERTAIN_MASK_HELD = 0, /**< those that are held in all components */
  LML_UNCERTAIN_MASK_NONE
} lml_uncertain_mask;

/** Numbers of looks are counted up to here. */
enum { LML_UNCERTAIN_LOOKS_MAX = 10000 };

typedef struct lml_uncertain_settings {
  lml_uncertain_by by;
  double inner;            /**< above it an atom becomes wanted */
  double outer;            /**< below it an atom stops being wanted; positive, not above inner */
  size_t enter_after;      /**< at so many looks in succession, at least one, it was above inner ... */
  size_t leave_after;      /**< ... and below outer */
  size_t max_atoms;        /**< wanted atoms at most; 0: any number */
  lml_uncertain_mask mask; /**< of atoms that are held */
  size_t min_coordination; /**< atoms with fewer neighbours, and all within the cutoff of one, are never wanted; 0:
                              there is no such rule */
  double margin;           /**< Å beyond the buffer within which an atom stays in it; 0 where the region stays */
} lml_uncertain_settings;

/** What one look sees of the atoms. */
typedef struct lml_uncertain_view {
  size_t natoms;
  const double *scores;      /**< NaN: undefined, which counts as uncertain; infinite: nobody else has a force for it */
  const unsigned char *held; /**< 1 where an atom is held; NULL: none is */
  const unsigned char *surface; /**< 1 where an atom is too near to a free surface; NULL: none is */
} lml_uncertain_view;

/** Choose: @p labels (natoms, any content) become LML_REGION_QM or LML_REGION_MM. @p last are the labels before, with
 *  LML_REGION_QM what was wanted; NULL: the first look, at which an atom above inner is wanted at once. An atom of
 *  infinite score always is, masked or not; an undefined one at once. @p looks (natoms; NULL where one look is enough
 *  both ways) holds at how many looks in succession an atom has asked to change, and is updated.
 *
 *  Of more than max_atoms those with the largest scores stay: infinite ones, undefined ones, then by number, that of
 *  an atom which was wanted times inner / outer, so that atoms at the bound do not come and go. *@p nwanted is how many
 *  there were, and *@p foremost the first of that order among all atoms that may be wanted (0 where none may). */
lml_status lml_uncertain_atoms_choose(const lml_uncertain_settings *settings, const lml_uncertain_view *view,
                                      const unsigned char *last, unsigned short *looks, unsigned char *labels,
                                      size_t *nwanted, size_t *foremost, lml_error *error);

/** Whether looks need to be counted. */
static inline int lml_uncertain_counts_looks(const lml_uncertain_settings *settings) {
  return settings->enter_after > 1 || settings->leave_after > 1;
}

#endif
