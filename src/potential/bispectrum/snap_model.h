/** @file snap_model.h
 *  What a potential consists of, as read from LAMMPS's files; plain data inside the library.
 */
#ifndef LML_BISPECTRUM_SNAP_MODEL_H
#define LML_BISPECTRUM_SNAP_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/text_list.h"
#include "potential/element_names.h"

enum {
  LML_SNAP_TWOJMAX_LIMIT = 20,  /**< 506 components, beyond what anyone fits; 2J = 8 has 55 */
  LML_SNAP_ELEMENTS_LIMIT = 118 /**< one per chemical element */
};

/** The .snapparam file; names and defaults are those of LAMMPS `pair_style snap`. */
typedef struct lml_snap_parameters {
  double rcutfac;  /**< cutoff of a pair is rcutfac (radius_i + radius_j), Å */
  int twojmax;     /**< 2J, at least 0 */
  double rfac0;    /**< default 0.99363 */
  double rmin0;    /**< Å, default 0 */
  bool switchflag; /**< default true */
  bool bzeroflag;  /**< default true */
  bool quadraticflag;
  bool chemflag;
  bool bnormflag;
  bool wselfallflag;
  bool switchinnerflag;
} lml_snap_parameters;

typedef struct lml_snap_element {
  char name[LML_ELEMENT_NAME_SIZE];
  int number; /**< atomic number */
  double radius;
  double weight;
  double sinner; /**< Å, centre of the inner switching, with switchinnerflag */
  double dinner; /**< Å, half its width */
  bool bare; /**< atoms of it have no SNAP: neither energies nor a place in the densities of others; the last ones */
} lml_snap_element;

/** Descriptor and Θ. */
typedef struct lml_snap_model {
  lml_snap_parameters parameters;
  size_t nelements;
  lml_snap_element *elements;
  size_t ncoefficients; /**< per element, with the constant */
  double *coefficients; /**< nelements × ncoefficients, eV */
} lml_snap_model;

/** Number of linear bispectrum components per atom for 2J = @p twojmax (8 → 55) without chemflag. */
size_t lml_snap_ncomponents(int twojmax);

/** Coefficients per element that @p parameters ask for, the constant included (2J = 8: 56, quadratic 1596; with
 *  chemflag there are nelements³ blocks of components). */
size_t lml_snap_ncoefficients(const lml_snap_parameters *parameters, size_t nelements);

/** Largest cutoff of a pair of the model's elements, Å. */
double lml_snap_cutoff(const lml_snap_model *model);

/** Free the arrays and make the model empty. */
void lml_snap_model_free(lml_snap_model *model);

#endif
