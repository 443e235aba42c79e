/** @file ace_model.h
 *  What an ACE potential's file says: bonds, embeddings, and functions in the C-tilde form.
 *
 *  The energy of an atom of element μ₀ is F(ρ₁, ρ₂, …) f(ρ_core) + ρ_core + E₀ (Lysogorskiy et al., npj Comput. Mater.
 * 7, 97 (2021)), with
 *
 *  - the atomic base A_μnlm = Σⱼ R_nl(rⱼ) Y_lm(r̂ⱼ) over the neighbours of element μ; R_nl = Σₖ c_nlk gₖ(r),
 *  - densities ρ_p = Σ over functions and their combinations of m: c̃ Re Π A_μnlm; a function of rank 1 has gₙ in the
 *    place of R_n0,
 *  - F, the embedding, and f, which switches it off where the core repulsion ρ_core is large.
 */
#ifndef LML_ACE_ACE_MODEL_H
#define LML_ACE_ACE_MODEL_H

#include <stdbool.h>
#include <stddef.h>

enum {
  LML_ACE_MOST_L = 20,
  LML_ACE_MOST_RADIAL = 200, /**< n and k, at most */
  LML_ACE_MOST_RANK = 8,
  LML_ACE_MOST_DENSITIES = 8
};

/** The radial functions gₖ: see kernel/radial.h. */
typedef enum lml_ace_radial { LML_ACE_CHEB_EXP_COS, LML_ACE_CHEB_POW, LML_ACE_SBESSEL } lml_ace_radial;

/** What happens at short distances: nothing but what ρ_core does, or functions give way to it at a distance, or the
 *  atom's energy gives way to ZBL as its nearest neighbour comes near (ace_zbl.h). */
typedef enum lml_ace_inner { LML_ACE_INNER_DENSITY, LML_ACE_INNER_DISTANCE, LML_ACE_INNER_ZBL } lml_ace_inner;

typedef enum lml_ace_embedding_kind { LML_ACE_FINNIS_SINCLAIR, LML_ACE_SHIFTED_SCALED } lml_ace_embedding_kind;

/** How an element sees its neighbours of another or the same. */
typedef struct lml_ace_bond {
  bool given;
  int nradial, nbase, lmax;
  double *coefficients;              /**< c: nradial × (lmax + 1) × nbase */
  double lambda;                     /**< of the radial functions */
  double cutoff, width;              /**< Å: end, and the length of the last switch before it */
  double inner, inner_width;         /**< Å: where the radial functions begin, and the length of that switch */
  double core_amplitude, core_decay; /**< of the core repulsion: eV Å and 1/Å²; with ZBL its factor, and nothing */
  double bin;                        /**< Å: between two points of its splines, which are evenly spaced from 0 on */
} lml_ace_bond;

typedef struct lml_ace_embedding {
  bool given;
  lml_ace_embedding_kind kind;
  int ndensities;
  double weight[LML_ACE_MOST_DENSITIES], power[LML_ACE_MOST_DENSITIES];
  double core_cutoff, core_width; /**< eV: f(ρ_core) falls from 1 to 0 over the width below the cutoff */
} lml_ace_embedding;

/** A factor of a function: A_μnlm for all m. */
typedef struct lml_ace_leg {
  int element, n, l; /**< n from 1 */
} lml_ace_leg;

typedef struct lml_ace_function {
  int rank, ncombinations;
  lml_ace_leg legs[LML_ACE_MOST_RANK];
  signed char *ms; /**< ncombinations × rank */
  double *shape;   /**< ncombinations × ndensities: c̃; of a potential with components, of norm 1 */
} lml_ace_function;

typedef struct lml_ace_model {
  size_t nelements;
  int *numbers;       /**< atomic numbers */
  double spline_step; /**< Å: deltaSplineBins, which the bonds' splines are made with */
  lml_ace_radial radial;
  lml_ace_inner inner;
  lml_ace_bond *bonds; /**< nelements × nelements: first the atom's element, then its neighbour's */
  lml_ace_embedding *embeddings;
  lml_ace_function **functions; /**< of each element */
  size_t *nfunctions;
  bool linear; /**< all elements have one density that is the energy, but for a factor: functions are components */
} lml_ace_model;

/** Free the arrays and make the model empty. */
void lml_ace_model_free(lml_ace_model *model);

/** Å: the largest cutoff of a bond. */
double lml_ace_model_cutoff(const lml_ace_model *model);

/** The largest number of functions of an element. */
size_t lml_ace_model_most_functions(const lml_ace_model *model);

#endif
