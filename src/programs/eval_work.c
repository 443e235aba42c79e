#include "programs/eval_work.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

static lml_status find_forces(lml_frame *frame, const double **forces, lml_error *error) {
  const lml_values *column = lml_frame_column(frame, "forces");
  if (column == NULL || column->type != LML_REAL || column->width != 3)
    return lml_fail(error, LML_ERR_INPUT, "no column forces:R:3; give --potential FILE to compute forces");
  *forces = column->reals;
  return LML_OK;
}

lml_status lml_eval_path_add(lml_eval_path *path, lml_frame *frame, const lml_results *results, lml_error *error) {
  const size_t natoms = frame->structure.natoms;
  const double *forces = results == NULL ? NULL : results->forces;
  lml_status status = results == NULL ? find_forces(frame, &forces, error) : LML_OK;
  if (status == LML_OK)
    status = lml_grow(&path->images, &path->capacity, path->nimages + 1, sizeof *path->images, "a path", error);
  if (status != LML_OK) return status;
  struct lml_eval_image *image = &path->images[path->nimages];
  memset(image, 0, sizeof *image);
  path->nimages++;
  status = lml_structure_copy(&image->structure, &frame->structure, error);
  if (status == LML_OK) status = lml_alloc(&image->forces, 3 * natoms, sizeof *image->forces, "forces", error);
  for (size_t i = 0; status == LML_OK && i < 3 * natoms; i++) {
    image->forces[i] = forces[i];
    if (!isfinite(forces[i]))
      status = lml_fail(error, LML_ERR_INPUT, "the force on atom %zu (counted from 0) is not finite", i / 3);
  }
  return status;
}

static lml_status integrate(const lml_eval_path *path, lml_work_points points, lml_work *work, lml_error *error) {
  lml_work_image *images;
  lml_status status = lml_alloc(&images, path->nimages, sizeof *images, "a path", error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < path->nimages; k++)
    images[k] = (lml_work_image){&path->images[k].structure, path->images[k].forces};
  status = lml_virtual_work(images, path->nimages, points, work, error);
  lml_free(images);
  return status;
}

static void print_points(const lml_work *work) {
  printf("%8s %22s %22s\n", "point", "lambda", "energy (eV)");
  for (size_t i = 0; i < work->npoints; i++) printf("%8zu %22.16f %22.14f\n", i, work->lambda[i], work->energies[i]);
}

/** Where E is highest: a grid of λ may miss the image that is on top. */
typedef struct {
  double energy, lambda;
} peak;

static peak find_peak(const lml_work *work, peak top) {
  for (size_t i = 0; i < work->npoints; i++)
    if (work->energies[i] > top.energy) top = (peak){work->energies[i], work->lambda[i]};
  return top;
}

static void print_barrier(const lml_work *printed, const lml_work *fine) {
  const peak top = find_peak(printed, find_peak(fine, (peak){-INFINITY, 0.0}));
  printf("highest point   %.14f eV at lambda %.4f\n", top.energy, top.lambda);
  if (isfinite(printed->error))
    printf("error estimate  %.2e eV, from leaving out every second image\n", printed->error);
  else
    printf("error estimate  none: there are only two images\n");
}

lml_status lml_eval_path_print(const lml_eval_path *path, lml_work_points points, lml_error *error) {
  lml_work work = {0}, fine = {0};
  lml_status status = integrate(path, points, &work, error);
  if (status == LML_OK) status = integrate(path, points == LML_WORK_IMAGES ? LML_WORK_FINE : points, &fine, error);
  if (status == LML_OK) {
    print_points(&work);
    print_barrier(&work, &fine);
  }
  lml_work_free(&work);
  lml_work_free(&fine);
  return status;
}

void lml_eval_path_free(lml_eval_path *path) {
  for (size_t k = 0; k < path->nimages; k++) {
    lml_structure_free(&path->images[k].structure);
    lml_free(path->images[k].forces);
  }
  lml_free(path->images);
  *path = (lml_eval_path){0};
}
