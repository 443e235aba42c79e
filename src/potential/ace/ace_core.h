/** @file ace_core.h
 *  The core repulsion of an ACE potential: ρ_core of an atom is a sum over its neighbours, and an energy by itself.
 */
#ifndef LML_ACE_ACE_CORE_H
#define LML_ACE_ACE_CORE_H

#include "potential/ace/ace_model.h"
#include "potential/pair_term.h"

typedef struct lml_ace_core_pair lml_ace_core_pair;

/** Core repulsions of all bonds. Initialise with zeros, release with lml_ace_core_free. */
typedef struct lml_ace_core {
  size_t nelements;
  lml_ace_core_pair *pairs; /**< nelements × nelements, as bonds */
  double cutoff;            /**< Å: beyond it there is none; 0: there is none at all */
} lml_ace_core;

lml_status lml_ace_core_make(lml_ace_core *core, const lml_ace_model *model, lml_error *error);
void lml_ace_core_free(lml_ace_core *core);

/** What a neighbour of element @p j at the distance @p r (Å) adds to ρ_core of an atom of element @p i (eV), and the
 *  slope (eV/Å): A exp(−λr²)/r · ½(1 + cos(πr/r_cut)), and with inner_cutoff_type `distance` times the
 *  switch that the radial functions begin with, falling. With `zbl` half of A times LAMMPS's ZBL that ends at r_cut
 *  over dcut, which falls there once more. */
void lml_ace_core_evaluate(const lml_ace_core *core, size_t i, size_t j, double r, double *value, double *slope);

/** 1 up to @p end − @p width, a polynomial of degree 5 that falls from there to 0 at @p end, and its slope. */
void lml_ace_fall(double x, double end, double width, double *value, double *slope);

/** The core repulsion as a fixed term; NULL where there is none, or it is no term by itself, with `zbl`. */
lml_status lml_ace_core_term_create(const lml_ace_model *model, lml_pair_term **term, lml_error *error);

#endif
