/** @file eval_work.h
 *  The frames of a path, kept for lmlink-eval --virtual-work.
 */
#ifndef LML_PROGRAMS_EVAL_WORK_H
#define LML_PROGRAMS_EVAL_WORK_H

#include "lmlink/calculator.h"
#include "lmlink/extxyz.h"
#include "lmlink/virtual_work.h"

/** Initialise with `lml_eval_path p = {0};`, release with lml_eval_path_free. */
typedef struct lml_eval_path {
  struct lml_eval_image {
    lml_structure structure;
    double *forces;
    double *deviations; /**< rank × natoms × 3, eV/Å: of forces, of one column of the uncertainty's factor after the
                           other */
    double *energies;   /**< rank, eV: deviations */
  } * images;
  size_t nimages, capacity;
  size_t rank; /**< 0: no sigma is wanted */
} lml_eval_path;

/** Results that lml_eval_path_add needs for sigmas, with commas between them. */
#define LML_EVAL_PATH_RESULTS "force_deviations,energy_deviations"

/** Add a frame: with the forces of @p results, and their deviations if they are there, or, where that is NULL, with the
 *  forces of its column forces. */
lml_status lml_eval_path_add(lml_eval_path *path, lml_frame *frame, const lml_results *results, lml_error *error);

/** Integrate, and print λ, E and, where deviations are known, its standard deviation at @p points; after them the
 * barrier and the estimated error. */
lml_status lml_eval_path_print(const lml_eval_path *path, lml_work_points points, lml_error *error);

void lml_eval_path_free(lml_eval_path *path);

#endif
