/** @file uf3_work.h
 *  The work space of UF3: one atom at a time, and its neighbours.
 */
#ifndef LML_UF3_UF3_WORK_H
#define LML_UF3_UF3_WORK_H

#include "potential/descriptor.h"
#include "potential/uf3/uf3_kernel.h"

typedef struct lml_uf3_work {
  lml_descriptor_work base;
  const lml_uf3_model *model;
  const lml_uf3_kernel *kernel;
  size_t longest; /**< neighbours of an atom that there is room for */
  int element;    /**< of the atom; -1: the run has none */
  lml_uf3_neighbours neighbours;
  int32_t *column;  /**< of each neighbour, of gradients of components; -1: none */
  int32_t *columns; /**< an atom of each column */
  lml_uf3_legs *legs;
  double *beta;     /**< ncomponents: what the tensor and the curves were made of */
  int beta_element; /**< the same; -1: of nothing */
  double *tensor;   /**< of the element, with the coefficients */
  double *curves;   /**< model->ncurves: polynomials of the pairs, with coefficients */
} lml_uf3_work;

/** Gather the neighbours of a run, as the operation `begin` of a family. */
void lml_uf3_begin(lml_descriptor_work *work, const lml_run_of_atoms *run);

/** The components of a run, as the operation `values`. */
void lml_uf3_values(lml_descriptor_work *work, double *to);

/** The unit vector from the atom to the neighbour in a slot. */
static inline void lml_uf3_direction(const lml_uf3_work *work, size_t slot, double direction[3]) {
  for (size_t a = 0; a < 3; a++) direction[a] = work->neighbours.vectors[3 * slot + a] / work->neighbours.r[slot];
}

/** The pair of the atom and the neighbour in a slot. */
static inline const lml_uf3_pair *lml_uf3_pair_at(const lml_uf3_work *work, size_t slot) {
  const lml_uf3_model *model = work->model;
  const size_t row = (size_t)work->element * model->nelements;
  return &model->pairs[model->pair_of[row + (size_t)work->neighbours.element[slot]]];
}

/** Gather the legs of the atom. */
void lml_uf3_gather_legs(const lml_uf3_work *self);

/** The operations of the same names. */
void lml_uf3_gradients(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *to);
void lml_uf3_put_gradients(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                           size_t stride);

#endif
