/** @file uf3_work.h
 *  The work space of UF3, and a run's neighbours in it.
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
  size_t nslots;
  size_t counts[LML_LANES_LIMIT]; /**< neighbours of each lane's atom */
  size_t near[LML_LANES_LIMIT];   /**< those that may be in triplets */
  int elements[LML_LANES_LIMIT];  /**< of each lane's atom */
  size_t nlanes;
  lml_uf3_neighbour *neighbours;      /**< longest × width, as all that follow */
  int32_t *near_slots;                /**< slots of those that may be in triplets */
  int32_t *index;                     /**< atom; -1 in empty places */
  int32_t *columns;                   /**< an atom of each column; -1 in empty places */
  double *vectors;                    /**< × 3 */
  double *gradient;                   /**< × 3 */
  lml_uf3_legs *legs;                 /**< of one lane's atom at a time */
  double *beta;                       /**< ncomponents × width: what the tensors were made of */
  int beta_elements[LML_LANES_LIMIT]; /**< the same; -1: of nothing */
  double *tensors;                    /**< width × the size of the largest one */
  double *curves;                     /**< width × model->ncurves: polynomials of the pairs, with coefficients */
  size_t source[LML_LANES_LIMIT];     /**< the lane whose tensor and curves are this one's too */
} lml_uf3_work;

/** Gather the neighbours of a run, as the operation `begin` of a family. */
void lml_uf3_begin(lml_descriptor_work *work, const lml_run_of_atoms *run);

/** The components of a run, as the operation `values`. */
void lml_uf3_values(lml_descriptor_work *work, double *to);

/** The unit vector from a lane's atom to the neighbour in a slot. */
static inline void lml_uf3_direction(const lml_uf3_work *work, size_t lane, size_t slot, double direction[3]) {
  const size_t width = work->base.width;
  for (size_t a = 0; a < 3; a++)
    direction[a] = work->vectors[(3 * slot + a) * width + lane] / work->neighbours[slot * width + lane].r;
}

/** The pair of a lane's atom and a neighbour. */
static inline const lml_uf3_pair *lml_uf3_pair_at(const lml_uf3_work *work, size_t lane, const lml_uf3_neighbour *n) {
  const lml_uf3_model *model = work->model;
  return &model->pairs[model->pair_of[(size_t)work->elements[lane] * model->nelements + (size_t)n->element]];
}

/** Gather the legs of a lane's atom. */
void lml_uf3_gather_legs(const lml_uf3_work *self, size_t lane);

/** The operations of the same names. */
void lml_uf3_gradients(lml_descriptor_work *work, const lml_run_of_atoms *run, const int32_t *places, double *to);
void lml_uf3_put_gradients(const lml_descriptor_work *work, const lml_gradient_place *to, const lml_gradient_place *own,
                           size_t stride);

#endif
