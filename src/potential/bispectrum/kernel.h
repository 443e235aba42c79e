/** @file bispectrum_kernel.h
 *  The bispectrum kernel: pure functions over arrays, for a batch of atoms side by side in vector lanes.
 *
 *  One source is compiled for each instruction set. Nothing is allocated here. See isa.h for arrays "of vectors".
 */
#ifndef LML_BISPECTRUM_KERNEL_H
#define LML_BISPECTRUM_KERNEL_H

#include "potential/bispectrum/plan.h"
#include "potential/descriptor.h"
#include "potential/simd/isa.h"

/** What the kernel is told of a neighbour; vectors, one behind the other, in each slot. */
enum {
  LML_SLOT_X, /**< Å, from the atom to its neighbour */
  LML_SLOT_Y,
  LML_SLOT_Z,
  LML_SLOT_WEIGHT, /**< of the neighbour's element; 0 in an empty place */
  LML_SLOT_RCUT,   /**< Å, cutoff of the pair */
  LML_SLOT_SINNER, /**< Å, with switchinnerflag: means of the pair's two values */
  LML_SLOT_DINNER,
  LML_SLOT_SIZE
};

/** The neighbours of up to `lanes` atoms. Neighbour number k of every atom stands in slot k; where an atom has fewer,
 *  the place has weight 0 and any distance that is not 0. With chemflag the slots of one element stand together.
 *
 *  For `gradients` these slots begin with those of *tiles*: a tile is two *columns*, each of neighbours whose gradients
 * are summed. Its slots are in turn of the one and the other. Neighbours in the slots behind have no gradients. */
typedef struct lml_bispectrum_batch {
  int *group;    /**< nlabel_elements + 1: first slot of each element, an even number */
  int *tiles;    /**< nlabel_elements + 1: first tile of each element */
  int *tile;     /**< for each tile: its first slot, and the one behind its last */
  double *slots; /**< group[nlabel_elements] × LML_SLOT_SIZE vectors */
  double *self;  /**< nlabel_elements vectors: the atom's own weight in each element's density, 0 or 1 */
} lml_bispectrum_batch;

/** What the stages hand on to one another; all are vectors. */
typedef struct lml_bispectrum_workspace {
  double *geometry; /**< slots × LML_GEOMETRY_SIZE: what the forces need again of each neighbour */
  double *moments;  /**< nlabel_elements × nmoments; later their adjoint ∂E/∂moment */
  double *u;        /**< nlabel_elements × nu × (Re, Im) */
  double *y;        /**< nlabel_elements × ny × (Re, Im) */
  double *terms;    /**< nterms: t(x, y, z) */
  double *weights;  /**< nterms: ∂E/∂t */
  double *energy;   /**< one vector: Σ weight · t */
  double *memory;   /**< the allocation that all of them are in */
} lml_bispectrum_workspace;

enum { LML_GEOMETRY_SIZE = 9 };

/** Gradients of single terms, and what they are made from; all are vectors. */
typedef struct lml_bispectrum_gradients {
  double *adjoints;    /**< by_term.npacked: ∂t/∂U */
  double *derivatives; /**< nmoments × 6: ∂U/∂r of one or two neighbours */
  double *values;      /**< nterms × stride: of each term, ∂t/∂r of each column (3) */
  size_t stride;       /**< 3 × columns, at most */
} lml_bispectrum_gradients;

/** Gradients of several energies, and what they are made from; all but the last are vectors. Free with
 *  lml_bispectrum_several_free. */
typedef struct lml_bispectrum_several {
  size_t count;        /**< energies, a multiple of LML_TILE_TERMS; 0: none */
  double *adjoints;    /**< by_term.npacked: ∂t/∂U */
  double *weights;     /**< nterms × count: ∂E/∂t */
  double *by_u;        /**< nlabel_elements × nmoments × count: ∂E/∂U */
  double *derivatives; /**< nmoments × 6: ∂U/∂r of two neighbours */
  double *tile;        /**< count × 6: ∂E/∂r of these */
  size_t stride;       /**< of the gradients: 3 × count or some more */
  double *gradient;    /**< slots × lanes × stride, eV/Å: of each neighbour those of one energy behind the other's */
  size_t slots;        /**< that there is room for */
} lml_bispectrum_several;

typedef struct lml_bispectrum_kernel {
  /** Neighbours → u (and geometry). */
  void (*density)(const lml_bispectrum_plan *plan, const lml_snap_parameters *parameters,
                  const lml_bispectrum_batch *batch, lml_bispectrum_workspace *workspace);
  /** u → terms. */
  void (*terms)(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace);
  /** weights, u → adjoint moments; and `energy` becomes Σ weight · t by Euler's theorem for homogeneous functions. */
  void (*adjoint)(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace);
  /** Adjoint moments and geometry → gradient of the energy with respect to each neighbour: @p gradient receives
   *  3 vectors for each slot, eV/Å. */
  void (*forces)(const lml_bispectrum_plan *plan, const lml_bispectrum_batch *batch,
                 const lml_bispectrum_workspace *workspace, double *gradient);
  /** u and geometry → terms, and the gradient of each with respect to the neighbours of each column. The plan has its
   *  tables by term. */
  void (*gradients)(const lml_bispectrum_plan *plan, const lml_bispectrum_batch *batch,
                    lml_bispectrum_workspace *workspace, const lml_bispectrum_gradients *gradients);
  /** As `adjoint`; the terms' adjoints ∂t/∂U, which do not depend on weights, are kept in @p several. The plan has its
   *  tables by term. */
  void (*adjoint_and_terms)(const lml_bispectrum_plan *plan, lml_bispectrum_workspace *workspace,
                            const lml_bispectrum_several *several);
  /** These, weights and geometry → the gradient of each energy with respect to each neighbour. */
  void (*several_forces)(const lml_bispectrum_plan *plan, const lml_bispectrum_batch *batch,
                         const lml_bispectrum_workspace *workspace, const lml_bispectrum_several *several);
  /** Slopes → −∂B/∂r of each lane's atom by the neighbours of each column, at @p places (columns × lanes), and the same
   *  by the atom itself, at @p own (lanes): for each direction a row of @p stride numbers, a multiple of
   *  LML_LANES_LIMIT. */
  void (*scatter)(const lml_bispectrum_plan *plan, const lml_bispectrum_gradients *gradients, int ncolumns,
                  const lml_gradient_place *places, const lml_gradient_place *own, size_t stride);
} lml_bispectrum_kernel;

LML_DECLARE_VARIANTS(lml_bispectrum_kernel);

/** The variant for @p isa. */
const lml_bispectrum_kernel *lml_bispectrum_kernel_for(const lml_isa *isa);

/** Room for batches of up to @p slots slots. Free with lml_bispectrum_workspace_free. */
lml_status lml_bispectrum_workspace_make(const lml_bispectrum_plan *plan, size_t slots,
                                         lml_bispectrum_workspace *workspace, lml_error *error);
void lml_bispectrum_workspace_free(lml_bispectrum_workspace *workspace);

/** Room for the gradients of batches of up to @p slots slots; @p plan has its tables by term. Free with
 *  lml_bispectrum_gradients_free. */
lml_status lml_bispectrum_gradients_make(const lml_bispectrum_plan *plan, size_t slots,
                                         lml_bispectrum_gradients *gradients, lml_error *error);
void lml_bispectrum_gradients_free(lml_bispectrum_gradients *gradients);

/** Room for @p count energies of batches of up to @p slots slots; @p plan has its tables by term. */
lml_status lml_bispectrum_several_make(const lml_bispectrum_plan *plan, size_t slots, size_t count,
                                       lml_bispectrum_several *several, lml_error *error);
void lml_bispectrum_several_free(lml_bispectrum_several *several);

#endif
