/** @file ace_kernel.h
 *  The ACE kernel: pure functions over arrays, for a run of atoms side by side in vector lanes.
 *
 *  One source is compiled for each instruction set. Nothing is allocated here. See isa.h for arrays "of vectors", and
 *  ace_plan.h for what is computed. Where atoms of several elements are side by side, each element's functions are
 *  evaluated for all lanes, and factors of 0 keep the others out.
 */
#ifndef LML_ACE_ACE_KERNEL_H
#define LML_ACE_ACE_KERNEL_H

#include "potential/ace/ace_plan.h"
#include "potential/simd/isa.h"

/** What the kernel is told of a neighbour: vectors, one behind the other in each slot. */
enum {
  LML_ACE_SLOT_X, /**< Å, from the atom to its neighbour */
  LML_ACE_SLOT_Y,
  LML_ACE_SLOT_Z,
  LML_ACE_SLOT_PRESENT, /**< 1; 0 in an empty place, which is at a distance within the cutoff */
  LML_ACE_SLOT_SIZE
};

/** What it is told of a lane's bond with neighbours of one element: vectors too. */
enum {
  LML_ACE_BOND_LAMBDA,
  LML_ACE_BOND_CUTOFF, /**< Å */
  LML_ACE_BOND_WIDTH,  /**< Å, of the last switch */
  LML_ACE_BOND_BEGIN,  /**< Å: below it radial functions are 0 */
  LML_ACE_BOND_INNER,  /**< Å, 1/Å: begin and inverse width of the switch at short distances */
  LML_ACE_BOND_STEEPNESS,
  LML_ACE_BOND_SHIFT, /**< of ChebExpCos: x = shift + scale exp(−λ r/r_cut); of SBessel, scale is r_cut^(−3/2) */
  LML_ACE_BOND_SCALE,
  LML_ACE_BOND_BIN, /**< Å: between two points of the splines of radial functions */
  LML_ACE_BOND_SIZE
};

/** Neighbours of up to `lanes` atoms: those of one element together. */
typedef struct lml_ace_slots {
  int *group;     /**< nelements + 1: first slot of each element */
  double *places; /**< slots × LML_ACE_SLOT_SIZE */
  double *bonds;  /**< nelements × LML_ACE_BOND_SIZE */
} lml_ace_slots;

/** What the stages hand on to one another; all are vectors. */
typedef struct lml_ace_workspace {
  double *geometry; /**< slots × lml_ace_geometry_size */
  double *moments;  /**< nmoments */
  double *moment_adjoints;
  double *nodes; /**< most_nodes × (Re, Im) */
  double *node_adjoints;
  double *radials; /**< slots × most_blocks × 2: R/r, and R′ − l R/r; for slopes alone */
  double *turns;   /**< slots × 3 (lmax + 1)²: ∇R_lm at distance 1; for slopes alone */
  double *slopes;  /**< slots × 3: ∂B/∂r of each neighbour, for one function */
} lml_ace_workspace;

/** Vectors of a slot's geometry: r/|r|, 1/|r|, gₖ, their slopes, R_lm. */
static inline size_t lml_ace_geometry_size(const lml_ace_plan *plan) {
  return 4 + 2 * (size_t)plan->most_base + (size_t)((plan->lmax + 1) * (plan->lmax + 1));
}

typedef struct lml_ace_kernel {
  /** Slots → geometry and moments. */
  void (*density)(const lml_ace_plan *plan, const lml_ace_slots *slots, lml_ace_workspace *workspace);
  /** Moments → nodes of an element's functions. */
  void (*products)(const lml_ace_plan *plan, size_t element, lml_ace_workspace *workspace);
  /** Nodes → functions: mask × B is added to @p values, one vector a function. The element has one density. */
  void (*functions)(const lml_ace_element_plan *plan, const lml_ace_workspace *workspace, const double *mask,
                    double *values);
  /** Nodes → densities: ndensities vectors. */
  void (*densities)(const lml_ace_element_plan *plan, const lml_ace_workspace *workspace, double *densities);
  /** Nodes → moment adjoints, to which those of one element are added. A term's weights are multiplied by ndensities
   *  vectors of @p factors, those of function f being at f × @p stride vectors; @p sums receives Σ factor · weight ·
   *  term. */
  void (*adjoint)(const lml_ace_plan *plan, size_t element, const double *factors, size_t stride,
                  lml_ace_workspace *workspace, double *sums);
  /** Moment adjoints and geometry → ∂E/∂r of each slot: @p gradient receives 3 vectors for each, eV/Å. */
  void (*forces)(const lml_ace_plan *plan, const lml_ace_slots *slots, const lml_ace_workspace *workspace,
                 double *gradient);
  /** Geometry → turns. */
  void (*turns)(const lml_ace_plan *plan, const lml_ace_slots *slots, lml_ace_workspace *workspace);
  /** Geometry → radials of an element's blocks. */
  void (*radials)(const lml_ace_plan *plan, size_t element, const lml_ace_slots *slots, lml_ace_workspace *workspace);
  /** Nodes, turns, radials → slopes of one function. */
  void (*slopes)(const lml_ace_plan *plan, size_t element, size_t function, const lml_ace_slots *slots,
                 lml_ace_workspace *workspace);
} lml_ace_kernel;

LML_DECLARE_VARIANTS(lml_ace_kernel);

/** The variant for @p isa. */
const lml_ace_kernel *lml_ace_kernel_for(const lml_isa *isa);

#endif
