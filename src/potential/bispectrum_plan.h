/** @file bispectrum_plan.h
 *  The tables of the bispectrum kernel: all that depends on 2J and on the elements, made once.
 *
 *  The density of an atom's neighbours on the unit sphere S³ is expanded in Wigner U-functions (Bartók et al., Phys.
 * Rev. Lett. 104, 136403 (2010); Thompson et al., J. Comput. Phys. 285, 316 (2015)). A neighbour is the unit quaternion
 * of its Cayley–Klein parameters a, b. U^j[ma][mb] is normalised by sqrt(ma!(j−ma)!/(mb!(j−mb)!)) times the coefficient
 * of t^ma in (a* − b* t)^(j−mb) (b + a t)^mb (Varshalovich et al., Quantum Theory of Angular Momentum, section 4.8,
 * with LAMMPS's array offsets: j is twice the angular momentum, 0 ≤ ma, mb ≤ j).
 *
 *  With |a|² + |b|² = 1 each U is a*^s b^q, or its conjugate partner's, times a polynomial in x = |a|² − |b|². The
 * kernel therefore sums, over the neighbours, the real *moments* Re and Im of a*^s times Re and Im of b^q times x^k,
 * and turns the sums into U once per atom: a neighbour costs one multiply-add a moment, and there are as many moments
 * as independent U.
 *
 *  With t(x, y, z) = Σ conj(U_z) Z_xy / (j_z + 1), symmetric in its three labels (a label is a j and, with chemflag, an
 *  element), every bispectrum component is a multiple of one such *term*. A *block* is one unordered pair of labels
 *  (x, y). Its products U_x[ma1][mb1] U_y[ma2][mb2] are summed over all pairs with the same ma1 + ma2 and mb1 + mb2, a
 *  *cell*, with Clebsch–Gordan coefficients of all j_z that it couples to: a product is formed once for all of them.
 */
#ifndef LML_POTENTIAL_BISPECTRUM_PLAN_H
#define LML_POTENTIAL_BISPECTRUM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"
#include "potential/snap_model.h"

/** One pair (s, q) of powers and where its moments begin; level n belongs to j = s + q + 2n. */
typedef struct lml_mode {
  int s, q;
  int nlevels;
  int moment;      /**< first moment; of each power k of x there are ncomponents, see lml_bispectrum_plan */
  int ncomponents; /**< 4, or 2 where s or q is 0, or 1 where both are */
  int level;       /**< index of its first lml_mode_level */
} lml_mode;

/** Where the two functions a*^s b^q (plus) and a*^s b*^q (minus) of one j stand, and their polynomials in x. */
typedef struct lml_mode_level {
  int u_plus, u_plus_partner;   /**< complex index among one element's U; the partner is sign · conjugate */
  int u_minus, u_minus_partner; /**< −1 where s or q is 0 and the minus function is no other than the plus one */
  int y_plus, y_minus;          /**< complex index among one element's stored half of Y */
  double y_plus_re, y_plus_im;  /**< factors of Y's parts there: the weight of the pair, and the partner's sign */
  double y_minus_re, y_minus_im;
  double partner_sign;
  int polynomial; /**< index of the first of n + 1 coefficients of x^k (plus), then n + 1 (minus) */
} lml_mode_level;

/** One j that a block couples to. */
typedef struct lml_coupling_level {
  int j;
  int target; /**< index of its first target; there is one for each element label */
} lml_coupling_level;

/** One label that a block couples to. */
typedef struct lml_coupling_target {
  int u;         /**< complex index of U_z among all labels' U */
  int y;         /**< complex index of Y_z among all labels' half Y */
  int term;      /**< which t(x, y, z) */
  double factor; /**< multiplicity of z in {x, y, z} over j_z + 1: Y_z gets this times Z_xy times the term's weight */
  double value;  /**< 1 / (j_z + 1) at the one target that the term is evaluated from, else 0 */
} lml_coupling_target;

/** One product of a cell. */
typedef struct lml_product {
  int32_t u1, u2; /**< offsets in bytes from the block's two U, for the kernel's number of lanes */
} lml_product;

/** All products of a block whose sum goes to the same ma, mb of Z. */
typedef struct lml_cell {
  int product, nproducts;
  int nlevels; /**< the block's first so many levels have this ma and mb */
  int middle;  /**< 1 in the middle column mb = j/2, which is its own partner, else 0 */
  int cg;      /**< index of the products' coefficients, nlevels for each product */
  int place;   /**< index of nlevels complex indices of [ma][mb] within one j */
} lml_cell;

/** One unordered pair of labels. */
typedef struct lml_coupling_block {
  int j1, j2;         /**< j1 ≥ j2 */
  int u1, u2;         /**< complex index among all labels' U */
  int level, nlevels; /**< levels, largest j first */
  int nvalue_levels;  /**< the first so many levels hold all targets that terms are evaluated from */
  int cell, ncells;
} lml_coupling_block;

/** One target of one block. */
typedef struct lml_coupling {
  int block, level; /**< the level counted within the block */
  int target;
} lml_coupling;

/** How a bispectrum component comes from a term: B = scale · t − shift. */
typedef struct lml_component {
  int term;
  int e1, e2, e3; /**< its elements with chemflag, else 0 */
  double scale;
  double shift; /**< the value of bzeroflag, subtracted where lml_bispectrum_shifted says so */
} lml_component;

typedef struct lml_bispectrum_plan {
  int twojmax;
  int lanes;           /**< of the kernel that it is made for */
  int nlabel_elements; /**< elements with a density of their own: all with chemflag, else 1 */
  int nu;              /**< complex U of one element: Σ (j+1)² */
  int ny;              /**< complex Y of one element, columns mb ≤ j/2 */
  int nmoments;        /**< real moments of one element */
  int nterms;
  int ncomponents; /**< linear bispectrum components */
  /* tables */
  lml_mode *modes;
  size_t nmodes;
  lml_mode_level *mode_levels;
  double *polynomials;
  lml_coupling_block *blocks;
  size_t nblocks;
  lml_coupling_level *levels;
  lml_coupling_target *targets;
  lml_cell *cells;
  lml_product *products;
  double *cg;
  int *places;
  int *diagonal; /**< complex index of each U^j[m][m], which get the atom's own weight */
  size_t ndiagonal;
  lml_component *components;
  int *of_term; /**< nterms + 1: the Y of term t come from term_couplings[of_term[t]] … [of_term[t + 1] − 1] */
  lml_coupling *term_couplings;
} lml_bispectrum_plan;

/** The tables that turn moments into U and Y into the moments' adjoint: modes, mode_levels, polynomials, diagonal. Part
 * of lml_bispectrum_plan_make; twojmax and nlabel_elements are set. */
lml_status lml_bispectrum_plan_modes(lml_bispectrum_plan *plan, lml_error *error);

/** The tables of the products: terms, components, blocks and theirs. Part of lml_bispectrum_plan_make. */
lml_status lml_bispectrum_plan_couplings(lml_bispectrum_plan *plan, const lml_snap_model *model, lml_error *error);

/** Make the tables for the descriptor of @p model and a kernel of @p lanes lanes. Free with lml_bispectrum_plan_free,
 * also after a failure. */
lml_status lml_bispectrum_plan_make(const lml_snap_model *model, int lanes, lml_bispectrum_plan *plan,
                                    lml_error *error);
void lml_bispectrum_plan_free(lml_bispectrum_plan *plan);

/** Index of the first U of each j among one element's: Σ_{i<j} (i+1)². */
int lml_bispectrum_u_offset(int j);

/** Index of the first Y of each j among one element's stored half: Σ_{i<j} (i+1)(⌊i/2⌋+1). */
int lml_bispectrum_y_offset(int j);

/** Whether component @p c of an atom of element @p element is shifted by its value for an isolated atom. */
bool lml_bispectrum_shifted(const lml_snap_parameters *parameters, const lml_component *c, int element);

/** Clebsch–Gordan coefficient ⟨j1 m1 j2 m2 | j m⟩ with all arguments doubled and the m as offsets (0 ≤ m1 ≤ j1, …);
 *  0 where m is out of range. Varshalovich et al., eq. 8.2.1(3). */
double lml_clebsch_gordan(int j1, int m1, int j2, int m2, int j);

#endif
