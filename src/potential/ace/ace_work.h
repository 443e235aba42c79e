/** @file ace_work.h
 *  What the family's parts share: a descriptor's tables, and a thread's work space.
 */
#ifndef LML_ACE_ACE_WORK_H
#define LML_ACE_ACE_WORK_H

#include "potential/ace/ace_batch.h"
#include "potential/ace/ace_core.h"
#include "potential/descriptor.h"

typedef struct lml_ace {
  lml_descriptor base;
  lml_ace_model model;
  lml_ace_plan plan;
  lml_ace_core core;
} lml_ace;

typedef struct lml_ace_work {
  lml_descriptor_work base;
  const lml_ace *ace;
  const lml_ace_kernel *kernel;
  size_t lanes;
  lml_ace_batch batch;
  lml_ace_workspace workspace;
  double *factors, *gradient; /**< of terms, and of slots × 3 */
  /** f(ρ_core) of each lane's atom, and its slope; 1 and 0 nearly always. With ZBL what is left of the atom's energy,
   * and the slope by the distance of the neighbour in the slot `nearest`. */
  double fade[LML_LANES_LIMIT], fade_slope[LML_LANES_LIMIT];
  double core[LML_LANES_LIMIT]; /**< eV: with ZBL half of its pairs, where what is left is not 1 */
  size_t nearest[LML_LANES_LIMIT];
  bool fades;       /**< one of them is not 1 */
  bool gradients;   /**< gradients of components are asked for as well */
  int32_t *column;  /**< slots × lanes: of each neighbour; −1: none */
  int32_t *columns; /**< the same shape: an atom of each column */
  double *values;   /**< ncomponents × lanes: B of the run, without f */
} lml_ace_work;

/** 1 in the lanes whose atoms are of @p element, else 0; false where there are none. */
bool lml_ace_mask(const lml_ace_work *work, size_t element, double mask[LML_LANES_LIMIT]);

/** Element of the neighbours in a slot. */
size_t lml_ace_element_of_slot(const lml_ace_work *work, size_t slot);

/** Å: of a lane's neighbour in a slot. */
double lml_ace_distance(const lml_ace_work *work, size_t slot, size_t lane);

/** Room for gradients of components, as far as the batch has room. */
lml_status lml_ace_reserve_slopes(lml_ace_work *work, lml_error *error);
void lml_ace_free_slopes(lml_ace_work *work);

/** The two operations of a family of that name. */
void lml_ace_gradients(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *values);
void lml_ace_put_gradients(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                           size_t stride);

/** ∂ρ_core/∂r of a lane's atom by the neighbour in @p slot (3, eV/Å). */
void lml_ace_core_gradient(const lml_ace_work *work, size_t element, size_t slot, size_t lane, double gradient[3]);

#endif
