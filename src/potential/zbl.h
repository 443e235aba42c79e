/** @file zbl.h
 *  The Ziegler–Biersack–Littmark screened nuclear repulsion with LAMMPS's constants and switching.
 */
#ifndef LML_POTENTIAL_ZBL_H
#define LML_POTENTIAL_ZBL_H

#include <stddef.h>

#include "lmlink/error.h"
#include "potential/pair_term.h"

/** Pairs that the ZBL term acts on; by element index of the potential. */
typedef struct lml_zbl {
  double inner; /**< Å, switching begins */
  double outer; /**< Å, zero from here on; 0 where the potential has no ZBL term */
  double *zi;   /**< nelements × nelements nuclear charges of the pair's first atom; 0 where the pair has no term */
  double *zj;   /**< nelements × nelements, of its second */
} lml_zbl;

/** Constants of one pair of elements, made once. */
typedef struct lml_zbl_pair lml_zbl_pair;

/** Tables for all pairs of @p nelements elements of @p zbl: nelements × nelements, freed with lml_free. NULL and LML_OK
 *  where there is no ZBL term (outer is 0). */
lml_status lml_zbl_tables(const lml_zbl *zbl, size_t nelements, lml_zbl_pair **tables, lml_error *error);

/** Energy (eV, of the whole pair) and dE/dr (eV/Å) of pair (@p i, @p j) of elements at distance @p r (Å, > 0). Both are
 * 0 from the outer radius on and where the pair has no term. */
void lml_zbl_evaluate(const lml_zbl_pair *tables, size_t nelements, size_t i, size_t j, double r, double *energy,
                      double *derivative);

/** The fixed term that @p zbl describes, whose arrays it takes over; NULL and LML_OK where there is none. Release with
 *  lml_pair_term_destroy. */
lml_status lml_zbl_term_create(lml_zbl *zbl, size_t nelements, lml_pair_term **term, lml_error *error);

/** What a term was made of; NULL where it is no ZBL term. */
const lml_zbl *lml_zbl_of(const lml_pair_term *term);

/** Free the arrays of @p zbl and make it a term that is absent. */
void lml_zbl_free(lml_zbl *zbl);

#endif
