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
  } * images;
  size_t nimages, capacity;
} lml_eval_path;

/** Add a frame: with the forces of @p results, or, where that is NULL, with those of its column forces. */
lml_status lml_eval_path_add(lml_eval_path *path, lml_frame *frame, const lml_results *results, lml_error *error);

/** Integrate, and print λ and E at @p points; after them the barrier and the estimated error. */
lml_status lml_eval_path_print(const lml_eval_path *path, lml_work_points points, lml_error *error);

void lml_eval_path_free(lml_eval_path *path);

#endif
