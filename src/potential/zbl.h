/** @file zbl.h
 *  The Ziegler–Biersack–Littmark screened nuclear repulsion with LAMMPS's constants and switching.
 */
#ifndef LML_POTENTIAL_ZBL_H
#define LML_POTENTIAL_ZBL_H

#include <stddef.h>

#include "lmlink/error.h"
#include "potential/snap_model.h"

/** Constants of one pair of elements, made once. */
typedef struct lml_zbl_pair lml_zbl_pair;

/** Tables for all pairs of @p nelements elements of @p zbl: nelements × nelements, freed with lml_free. NULL and LML_OK
 *  where there is no ZBL term (outer is 0). */
lml_status lml_zbl_tables(const lml_zbl *zbl, size_t nelements, lml_zbl_pair **tables, lml_error *error);

/** Energy (eV, of the whole pair) and dE/dr (eV/Å) of pair (@p i, @p j) of elements at distance @p r (Å, > 0). Both are
 * 0 from the outer radius on and where the pair has no term. */
void lml_zbl_evaluate(const lml_zbl_pair *tables, size_t nelements, size_t i, size_t j, double r, double *energy,
                      double *derivative);

#endif
