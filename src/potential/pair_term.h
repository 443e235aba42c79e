/** @file pair_term.h
 *  Fixed terms: what a potential adds to its descriptors, as a sum over pairs of atoms, and no retraining changes.
 *
 *  A kind of term is a table of operations and private data.
 */
#ifndef LML_POTENTIAL_PAIR_TERM_H
#define LML_POTENTIAL_PAIR_TERM_H

#include "base/sha256.h"
#include "lmlink/error.h"

typedef struct lml_pair_term lml_pair_term;

typedef struct lml_pair_term_ops {
  /** Energy (eV, of the whole pair) and dE/dr (eV/Å) of a pair of elements @p i, @p j at the distance @p r (Å, > 0 and
   *  below the cutoff). */
  void (*evaluate)(const lml_pair_term *term, size_t i, size_t j, double r, double *energy, double *slope);
  /** A few words, such as "ZBL switched off from 4 to 4.8 Å"; at most @p size bytes with the NUL. */
  void (*describe)(const lml_pair_term *term, char *text, size_t size);
  /** Add all that decides energies to @p sum, in a form that is the same for the same energies. */
  void (*hash)(const lml_pair_term *term, lml_sha256 *sum);
  void (*destroy)(lml_pair_term *term);
} lml_pair_term_ops;

/** What a term's own data begins with. Immutable; may be shared among threads. */
struct lml_pair_term {
  const lml_pair_term_ops *ops;
  double cutoff; /**< Å: both are 0 from there on */
  _Atomic(int) nshares;
};

/** Another owner of the same term, each of which destroys it. */
lml_pair_term *lml_pair_term_share(lml_pair_term *term);
void lml_pair_term_destroy(lml_pair_term *term); /**< NULL is fine */

#endif
