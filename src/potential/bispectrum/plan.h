/** @file plan.h
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
 *  element), every bispectrum component is a multiple of one such *term*. Of a pair of labels (x, y), the products
 *  U_x[ma1][mb1] U_y[ma2][mb2] with the same ma1 + ma2 and mb1 + mb2 make up a *cell*: with Clebsch–Gordan coefficients
 *  their sum is one element of Z for each j that the pair couples to, a *coupled j*. A product is formed once for all
 * coupled j.
 */
#ifndef LML_BISPECTRUM_PLAN_H
#define LML_BISPECTRUM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmlink/error.h"
#include "potential/bispectrum/snap_model.h"

/** One pair (s, q) of powers and where its moments begin; coupled j n belongs to j = s + q + 2n. */
typedef struct lml_mode {
  int s, q;
  int ncoupled;
  int moment;      /**< first moment; of each power k of x there are ncomponents, see lml_bispectrum_plan */
  int ncomponents; /**< 4, or 2 where s or q is 0, or 1 where both are */
  int coupled;     /**< index of its first lml_coupled_j */
} lml_mode;

/** Where the two functions a*^s b^q (plus) and a*^s b*^q (minus) of one j stand, and their polynomials in x. */
typedef struct lml_coupled_j {
  int u_plus, u_plus_partner;   /**< complex index among one element's U; the partner is sign · conjugate */
  int u_minus, u_minus_partner; /**< −1 where s or q is 0 and the minus function is no other than the plus one */
  int y_plus, y_minus;          /**< complex index among one element's stored half of Y */
  double y_plus_re, y_plus_im;  /**< factors of Y's parts there: the weight of the pair, and the partner's sign */
  double y_minus_re, y_minus_im;
  double partner_sign;
  int polynomial; /**< index of the first of n + 1 coefficients of x^k (plus), then n + 1 (minus) */
} lml_coupled_j;

/** A density: one j of one element. */
typedef struct lml_label {
  int j, element;
} lml_label;

/** One label z that a pair couples to. */
typedef struct lml_coupling {
  int term;         /**< t(x, y, z) */
  int multiplicity; /**< of z in {x, y, z} */
  bool value;       /**< the term is evaluated here */
} lml_coupling;

/** An unordered pair of labels, x.j ≥ y.j. */
typedef struct lml_coupling_block {
  lml_label x, y;
  bool same;    /**< x and y are one label */
  int ncoupled; /**< j of coupled j l is largest_j − 2l */
  int largest_j;
  int first_value; /**< coupled j from which on all couplings are that terms are evaluated from; ncoupled: there are
                      none */
  size_t coupling; /**< first of ncoupled × nlabel_elements couplings */
  size_t cg;       /**< first of ncoupled × (x.j + 1) × (y.j + 1) Clebsch–Gordan coefficients */
} lml_coupling_block;

/** All pairs of labels and what they couple to: what the lists of cells are made from. */
typedef struct lml_coupling_table {
  lml_coupling_block *blocks;
  lml_coupling *couplings;
  double *cg;
  size_t nblocks, ncouplings, ncg;
  size_t block_capacity, coupling_capacity, cg_capacity;
} lml_coupling_table;

/** One product of a cell: offsets in bytes among all labels' U, for the kernel's number of lanes. */
typedef struct lml_product {
  int32_t u1, u2;
} lml_product;

/** What is made of the sums of a list's cells. */
typedef enum lml_cell_purpose {
  LML_ADD_TO_Y,         /**< y += factor · weight of the term · sum */
  LML_EVALUATE_TERMS,   /**< term += factor · Re(conj(u) sum) */
  LML_PACK_ADJOINTS,    /**< the term's adjoint; and as above a third of the term, which has three labels */
  LML_ADD_TO_Y_AND_PACK /**< y as above, and the term's adjoint */
} lml_cell_purpose;

/** Where one coupled j's sum of a cell goes, for one element label. */
typedef struct lml_cell_target {
  int32_t place; /**< offset in bytes: of the element of Y that it is added to, or of U that it is multiplied with */
  int32_t term;  /**< which t(x, y, z) it is a part of */
  double factor; /**< over j_z + 1: multiplicity of z in {x, y, z}; for t, 2 where u's conjugate is not summed */
} lml_cell_target;

/** Consecutive cells of as many coupled j each. */
typedef struct lml_cell_run {
  int ncoupled;
  size_t cell, ncells;
  size_t product, cg, target; /**< where the first cell's begin */
} lml_cell_run;

/** Cells, one behind the other: of each cell its products, ncoupled coefficients for each product, and ncoupled ×
 *  nlabel_elements targets. Many coupled j first, then many products, so that the kernel's loops seldom change their
 *  lengths. */
typedef struct lml_cell_list {
  lml_cell_run *runs;
  int *nproducts; /**< of each cell */
  lml_product *products;
  double *cg;
  lml_cell_target *targets;
  size_t nruns, ncells, total_products, ncg, ntargets;
  size_t run_capacity, cell_capacity, product_capacity, cg_capacity, target_capacity;
} lml_cell_list;

/** Where one coupled j's sum of a cell goes among the packed adjoints, for one element label. */
typedef struct lml_adjoint_target {
  int32_t re, im; /**< vectors that get the real and the imaginary part; −1 where there is none */
  int32_t u;      /**< offset in bytes of U of the same label and place */
  int32_t term;   /**< which t(x, y, z) it is an adjoint of */
  double re_factor, im_factor;
  double value; /**< weight of Re(conj(u) sum) in the term itself, by Euler's theorem for homogeneous functions */
} lml_adjoint_target;

/** The terms that one label is part of; their adjoints stand side by side, LML_TILE_TERMS at a time. */
typedef struct lml_label_terms {
  int first, count; /**< in lml_term_tables.terms; the count is a multiple of LML_TILE_TERMS */
  size_t packed;    /**< vector that its adjoints begin with */
} lml_label_terms;

/** One label of a term, and the term's place among the label's. */
typedef struct lml_term_label {
  int label; /**< element × (2J + 1) + j */
  int place;
} lml_term_label;

enum { LML_TILE_TERMS = 4 };

/** What the gradients of the terms one by one need. A term depends on U of three labels at most; of these alone its
 *  adjoint ∂t/∂U is kept, as (j+1)² independent real numbers in the order of the modes. */
typedef struct lml_term_tables {
  lml_adjoint_target *targets; /**< of the couplings' cells, in the place of their own */
  int *coupled_reals;          /**< of each mode coupled j: first of its reals, plus before minus */
  lml_label_terms *labels;     /**< nlabel_elements × (2J + 1) */
  int *terms;                  /**< of each label; −1 where a tile is not full */
  lml_term_label *of_term;     /**< nterms × 3; label −1 where a term has fewer */
  size_t npacked;              /**< vectors that all adjoints need */
} lml_term_tables;

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
  lml_coupled_j *coupled_js;
  double *polynomials;
  int *diagonal; /**< complex index of each U^j[m][m], which get the atom's own weight */
  size_t ndiagonal;
  lml_component *components;
  lml_coupling_table table;
  lml_cell_list couplings; /**< all of Y but the conjugates in its middle columns */
  lml_cell_list values;    /**< each term once, from its label of smallest j: such ones share most products */
  lml_term_tables by_term; /**< empty before lml_bispectrum_plan_by_term */
} lml_bispectrum_plan;

/** The tables that turn moments into U and Y into the moments' adjoint: modes, coupled_js, polynomials, diagonal. Part
 * of lml_bispectrum_plan_make; twojmax and nlabel_elements are set. */
lml_status lml_bispectrum_plan_modes(lml_bispectrum_plan *plan, lml_error *error);

/** Terms and components alone, of a plan that is empty but for twojmax and nlabel_elements. Free with
 *  lml_bispectrum_plan_free. */
lml_status lml_bispectrum_plan_components(lml_bispectrum_plan *plan, const lml_snap_model *model, lml_error *error);

/** Terms, components and the table of couplings. Part of lml_bispectrum_plan_make. */
lml_status lml_bispectrum_plan_couplings(lml_bispectrum_plan *plan, const lml_snap_model *model, lml_error *error);

/** The lists of cells, from the table. Part of lml_bispectrum_plan_make. */
lml_status lml_bispectrum_plan_cells(lml_bispectrum_plan *plan, lml_error *error);

/** Make the tables for the descriptor of @p model and a kernel of @p lanes lanes. Free with lml_bispectrum_plan_free,
 * also after a failure. */
lml_status lml_bispectrum_plan_make(const lml_snap_model *model, int lanes, lml_bispectrum_plan *plan,
                                    lml_error *error);
void lml_bispectrum_plan_free(lml_bispectrum_plan *plan);

/** Add the tables that the gradients of single terms need. */
lml_status lml_bispectrum_plan_by_term(lml_bispectrum_plan *plan, lml_error *error);
void lml_bispectrum_term_tables_free(lml_term_tables *tables);

/** Free the arrays of a list. */
void lml_cell_list_free(lml_cell_list *list);

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
