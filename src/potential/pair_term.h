/** @file pair_term.h
 *  Fixed terms: what a potential adds to its descriptors, as a sum over pairs of atoms, and no retraining changes.
 *
 *  A kind of term is a table of operations and private data.
 */
#ifndef LML_POTENTIAL_PAIR_TERM_H
#define LML_POTENTIAL_PAIR_TERM_H

#include "base/file.h"
#include "base/sha256.h"
#include "lmlink/error.h"

typedef struct lml_pair_term lml_pair_term;

/** What a pair_coeff line of a term needs. */
typedef struct lml_term_line {
  const char *file;   /**< that it is written to: other files' names are relative to its folder */
  const char *before; /**< what the line begins with */
  size_t i, j;        /**< elements, i ≤ j */
  size_t number;      /**< of the term among those of its kind, counted from 1; 0: it is the only one */
} lml_term_line;

typedef struct lml_pair_term_ops {
  /** Energy (eV, of the whole pair) and dE/dr (eV/Å) of a pair of elements @p i, @p j at the distance @p r (Å, > 0 and
   *  below the cutoff); both NaN where the term has no energy at that distance. */
  void (*evaluate)(const lml_pair_term *term, size_t i, size_t j, double r, double *energy, double *slope);
  /** A few words, such as "ZBL switched off from 4 to 4.8 Å"; at most @p size bytes with the NUL. */
  void (*describe)(const lml_pair_term *term, char *text, size_t size);
  /** Add all that decides energies to @p sum, in a form that is the same for the same energies. */
  void (*hash)(const lml_pair_term *term, lml_sha256 *sum);
  /** What adds it to LAMMPS's pair_style line, "zbl 4.0 4.8", and the number of bytes of that. NULL, as is the next
   * one, where it is no style of its own: then it is in the file of the coefficients. */
  size_t (*style)(const lml_pair_term *term, char *text, size_t size);
  /** Write the pair_coeff line of a pair of elements, where that has one. */
  lml_status (*write_line)(const lml_pair_term *term, const lml_term_line *line, lml_file_writer *writer,
                           lml_error *error);
  void (*destroy)(lml_pair_term *term);
} lml_pair_term_ops;

/** What a term's own data begins with. Immutable; may be shared among threads. */
struct lml_pair_term {
  const lml_pair_term_ops *ops;
  double cutoff; /**< Å: both are 0 from there on */
  double inner;  /**< Å: from there on every pair has an energy; 0: at any distance */
  _Atomic(int) nshares;
};

/** Another owner of the same term, each of which destroys it. */
lml_pair_term *lml_pair_term_share(lml_pair_term *term);
void lml_pair_term_destroy(lml_pair_term *term); /**< NULL is fine */

#endif
