/** @file ace_plan.h
 *  What the ACE kernel is told of a potential: tables made once, in which nothing is searched for any more.
 *
 *  The kernel goes from neighbours to *moments*, M_μklm = Σⱼ gₖ(rⱼ) R_lm(r̂ⱼ), in which the radial coefficients c_nlk
 * are not yet: they are the same for all neighbours of an element, so that A_μnlm = N_lm Σₖ c_nlk M_μklm is made of
 * sums over neighbours once for an atom. R_lm are solid harmonics in the norm in which their derivatives have no
 * factors (∂_z R_lm = R_l−1,m), N_lm what makes them √(4π) Y_lm, the norm of the files, in which Y_00 is 1. Real and
 * imaginary part of R_lm stand in the order R_l0, Re R_l1, Im R_l1, Re R_l2, …: 2l + 1 numbers, those of l from l² on.
 *
 *  Products of A's are *nodes* of a graph, as in the recursive evaluator of Lysogorskiy et al. (npj Comput. Mater. 7,
 * 97 (2021)): leaves are the A's for all m, products are of two nodes each, and *terms*, real parts of the product of
 * two nodes, are what functions are sums of. Combinations of m that are one product, or complex conjugates, are one
 * term.
 */
#ifndef LML_ACE_ACE_PLAN_H
#define LML_ACE_ACE_PLAN_H

#include "lmlink/error.h"
#include "potential/ace/ace_model.h"

/** A_μnlm for m from −l to l. */
typedef struct lml_ace_block {
  int element, l;
  int leaf;          /**< node of m = −l */
  int nparts, first; /**< of the parts that it is a sum of */
} lml_ace_block;

/** A radial coefficient, and where the moments that it multiplies begin. */
typedef struct lml_ace_part {
  int k, moment;
  double coefficient;
} lml_ace_part;

typedef struct lml_ace_product {
  int a, b; /**< nodes, both before the product */
} lml_ace_product;

/** Functions of atoms of one element. */
typedef struct lml_ace_element_plan {
  int nblocks, nparts, nleaves, nproducts, nfunctions, nterms, ndensities;
  lml_ace_block *blocks;
  lml_ace_part *parts;
  lml_ace_product *products; /**< product k is node nleaves + k */
  int *first_term;           /**< nfunctions + 1 */
  lml_ace_product *terms;    /**< b is −1 where a term is one leaf */
  double *weights;           /**< nterms × ndensities */
  int *rank;                 /**< of each function */
  int *blocks_of;            /**< nfunctions × LML_ACE_MOST_RANK: blocks of its legs */
  int *legs;                 /**< nterms × LML_ACE_MOST_RANK: leaves whose product a term is */
} lml_ace_element_plan;

typedef struct lml_ace_plan {
  int nelements, lmax, nmoments, most_base, most_blocks, most_nodes;
  lml_ace_radial radial;
  lml_ace_inner inner;
  int *nradial; /**< of each element: how many gₖ are needed */
  int *nbase;   /**< nelements × (lmax + 1): how many of them the moments of an element and l have */
  int *moments; /**< the same shape: where they begin, k by k, 2l + 1 for each k */
  double norm[(LML_ACE_MOST_L + 1) * (LML_ACE_MOST_L + 2) / 2]; /**< N_lm, at l (l + 1) / 2 + m */
  double bessel[LML_ACE_MOST_RADIAL][2]; /**< of SBessel: gₖ = bessel[k][0] × two sinc + bessel[k][1] gₖ₋₁ */
  lml_ace_element_plan *elements;
} lml_ace_plan;

/** Make the tables of @p model; @p plan is to be freed with lml_ace_plan_free, also after a failure. */
lml_status lml_ace_plan_make(const lml_ace_model *model, lml_ace_plan *plan, lml_error *error);
void lml_ace_plan_free(lml_ace_plan *plan);

#endif
