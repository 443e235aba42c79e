/** @file descriptor.h
 *  Descriptors: the components B that the energy of an atom is linear or quadratic in.
 *
 *  A *family* of descriptors is a table of operations and private data, as a calculator is. The potential knows their
 *  number and cutoff; what they are is the family's alone. A family doesn't see Θ: it gives B, and takes β = ∂E/∂B.
 *
 *  Atoms are evaluated side by side, in runs of up to `width` of them: number k of component c of the run's atom l
 *  stands at c × width + l.
 */
#ifndef LML_POTENTIAL_DESCRIPTOR_H
#define LML_POTENTIAL_DESCRIPTOR_H

#include <stdbool.h>

#include "base/sha256.h"
#include "potential/atoms.h"
#include "potential/simd/isa.h"

enum {
  LML_ELEMENTS_LIMIT = 118, /**< of a potential */
  LML_NO_PLACE = -1
};

typedef struct lml_descriptor lml_descriptor;
typedef struct lml_descriptor_work lml_descriptor_work;

/** Where the gradient of one atom's components by the position of one of its neighbours goes: three rows. */
typedef struct lml_gradient_place {
  double *to;  /**< aligned to LML_ALIGNMENT */
  bool filled; /**< it is added to what is there */
} lml_gradient_place;

/** The operations of a family. Those on a work space get one that the family made. */
typedef struct lml_descriptor_ops {
  const char *name; /**< "bispectrum" */
  /** Add all that decides the components to @p sum, in a form of any kind that is the same for the same components. */
  void (*hash)(const lml_descriptor *descriptor, lml_sha256 *sum);
  /** Make @p coefficients of a linear or quadratic potential (per element, with the constants) equal where components
   *  are the same number, so that energies stay. NULL: all components differ. */
  lml_status (*average)(const lml_descriptor *descriptor, bool quadratic, double *coefficients, lml_error *error);
  void (*destroy)(lml_descriptor *descriptor);

  /** Make a work space for one thread, with room for nothing yet. */
  lml_status (*make_work)(const lml_descriptor *descriptor, const lml_isa *isa, lml_descriptor_work **work,
                          lml_error *error);
  void (*free_work)(lml_descriptor_work *work);
  /** Make room for centres with lists of up to @p longest atoms; nothing where there is room already. No operation
   * below allocates anything. */
  lml_status (*reserve)(lml_descriptor_work *work, size_t longest, lml_error *error);
  /** The same for gradients of components. */
  lml_status (*reserve_gradients)(lml_descriptor_work *work, lml_error *error);

  /** Take the next run: gather its neighbours. */
  void (*begin)(lml_descriptor_work *work, const lml_run_of_atoms *run);
  /** B of the run: ncomponents × width. */
  void (*values)(lml_descriptor_work *work, double *values);
  /** β (ncomponents × width; 0 beyond the run) → work->by_neighbour; @p products (width) receives Σ β·B, or whole
   *  energies where the descriptor is closed. */
  void (*adjoint)(lml_descriptor_work *work, const double *beta, double *products);
  /** Make room for the gradients of @p count energies beside; 0: none are wanted from now on. NULL, with the next one:
   *  the family knows no faster way than one `adjoint` after the other. */
  lml_status (*reserve_several)(lml_descriptor_work *work, size_t count, lml_error *error);
  /** After the run's `adjoint`: β of @p count energies (count × ncomponents × width), at most as many as there is room
   *  for → work->several, of the neighbours in work->by_neighbour. */
  void (*several)(lml_descriptor_work *work, const double *betas, size_t count);

  /** Take the next run for gradients of single components by some atoms, and give its B. A column is a neighbour, with
   *  its images, that shares an owner: their gradients are summed. @p places of owners are ≥ 0 for those that gradients
   *  by are wanted, and LML_NO_PLACE for those that gradients of are not: such centres have no columns. A centre's own
   *  images, which move with it, have none, nor has a neighbour that neither a gradient by is wanted nor by the centre,
   *  which its neighbours count for. NULL: each neighbour has a column of its own. */
  void (*gradients)(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *values);
  /** After `gradients`: put −∂B/∂r of each atom of the run by each of its columns at @p to (ncolumns × width), and the
   *  same by the atom itself at @p own (width): for each direction a row of @p stride numbers, a multiple of
   *  LML_LANES_LIMIT. Nothing is to be made of places beyond the run, whose rows have to be there. */
  void (*put_gradients)(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                        size_t stride);
} lml_descriptor_ops;

/** What a family's own data begins with. Immutable; may be shared among threads. */
struct lml_descriptor {
  const lml_descriptor_ops *ops;
  size_t nelements, ncomponents;
  double cutoff;   /**< Å, of the pair that reaches farthest */
  char title[40];  /**< what the user calls it: "SNAP" */
  char detail[40]; /**< and what else there is to say in a few words: "2J = 8" */
  /** NULL, or why energies are no linear form of anything: the descriptor is *closed* then, it has no components, and
   *  can be evaluated but not retrained. */
  const char *closed;
  const char *untrained; /**< NULL, or why it can't be retrained although it has components */
  _Atomic(int) nshares;
};

/** ∂E/∂r by each neighbour of a run's atoms, number `slot` of the atom in each lane. */
typedef struct lml_gradients_by_neighbour {
  size_t nslots;
  const int32_t *neighbour; /**< nslots × width: atom; −1: the lane has no more */
  const double *vector; /**< nslots × vector_stride × width, Å: from the atom to its neighbour, in the first three */
  size_t vector_stride;
  const double *gradient; /**< nslots × 3 × width, eV/Å */
} lml_gradients_by_neighbour;

/** ∂E/∂r of several energies by the same neighbours: of each, 3 numbers for one energy, then for the next. */
typedef struct lml_several_gradients {
  const double *gradient; /**< nslots × width × stride, eV/Å */
  size_t stride;          /**< 3 × energies or some more */
} lml_several_gradients;

/** What a family's work space begins with. */
struct lml_descriptor_work {
  const lml_descriptor *descriptor;
  size_t width; /**< lanes of the instruction set; a family that has no use for them, and no quadratic potentials, sets
                   another one in `make_work` */
  lml_gradients_by_neighbour by_neighbour; /**< after `adjoint` */
  lml_several_gradients several;           /**< after `several` */
  size_t ncolumns;                         /**< after `gradients` */
  const int32_t *columns;                  /**< ncolumns × width: one of the atoms that share it; −1: none */
};

/** Another owner of the same descriptor, each of which destroys it. */
lml_descriptor *lml_descriptor_share(lml_descriptor *descriptor);
void lml_descriptor_destroy(lml_descriptor *descriptor); /**< NULL is fine */

lml_status lml_descriptor_work_make(const lml_descriptor *descriptor, const lml_isa *isa, lml_descriptor_work **work,
                                    lml_error *error);
void lml_descriptor_work_free(lml_descriptor_work *work); /**< NULL is fine */

#endif
