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

/** Keep the deviations of an image, column after column. */
static lml_status keep_deviations(lml_eval_path *path, struct lml_eval_image *image, const lml_results *results,
                                  lml_error *error) {
  const lml_result *forces = lml_results_find(results, "force_deviations");
  const lml_result *energies = lml_results_find(results, "energy_deviations");
  if (forces == NULL || energies == NULL) return LML_OK;
  const size_t natoms = results->natoms, rank = energies->width;
  lml_status status = lml_alloc(&image->deviations, 3 * natoms * rank, sizeof(double), "deviations", error);
  if (status == LML_OK) status = lml_alloc(&image->energies, rank, sizeof(double), "deviations", error);
  if (status != LML_OK) return status;
  path->rank = rank;
  memcpy(image->energies, energies->reals, rank * sizeof(double));
  for (size_t i = 0; i < natoms; i++)
    for (size_t k = 0; k < rank; k++)
      memcpy(image->deviations + 3 * (k * natoms + i), forces->reals + 3 * (i * rank + k), 3 * sizeof(double));
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
  return status == LML_OK && results != NULL ? keep_deviations(path, image, results, error) : status;
}

/** The work of forces, and its standard deviation. */
typedef struct {
  lml_work work;
  double *sigmas; /* npoints, eV; NULL where no deviations are known */
} integrated;

static void free_integrated(integrated *i) {
  lml_work_free(&i->work);
  lml_free(i->sigmas);
}

/** Add the squares of the work of the column @p column to @p squares. */
static lml_status add_squares(const lml_eval_path *path, size_t column, lml_work_points points, lml_work_image *images,
                              double *squares, lml_error *error) {
  lml_work work = {0};
  for (size_t k = 0; k < path->nimages; k++)
    images[k].forces = path->images[k].deviations + 3 * column * path->images[k].structure.natoms;
  const lml_status status = lml_virtual_work(images, path->nimages, points, &work, error);
  for (size_t i = 0; i < work.npoints; i++) squares[i] += work.energies[i] * work.energies[i];
  lml_work_free(&work);
  return status;
}

static lml_status integrate(const lml_eval_path *path, lml_work_points points, integrated *to, lml_error *error) {
  lml_work_image *images;
  lml_status status = lml_alloc(&images, path->nimages, sizeof *images, "a path", error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < path->nimages; k++)
    images[k] = (lml_work_image){&path->images[k].structure, path->images[k].forces};
  status = lml_virtual_work(images, path->nimages, points, &to->work, error);
  if (status == LML_OK && path->rank > 0)
    status = lml_alloc(&to->sigmas, to->work.npoints, sizeof(double), "sigmas", error);
  for (size_t column = 0; column < path->rank && status == LML_OK; column++)
    status = add_squares(path, column, points, images, to->sigmas, error);
  for (size_t i = 0; status == LML_OK && to->sigmas != NULL && i < to->work.npoints; i++)
    to->sigmas[i] = sqrt(to->sigmas[i]);
  lml_free(images);
  return status;
}

static void print_points(const integrated *all) {
  const lml_work *work = &all->work;
  printf("%8s %22s %22s%s\n", "point", "lambda", "energy (eV)", all->sigmas == NULL ? "" : "         sigma (eV)");
  for (size_t i = 0; i < work->npoints; i++) {
    printf("%8zu %22.16f %22.14f", i, work->lambda[i], work->energies[i]);
    if (all->sigmas != NULL) printf(" %18.10f", all->sigmas[i]);
    printf("\n");
  }
}

/** Where E is highest: a grid of λ may miss the image that is on top. */
typedef struct {
  double energy, lambda, sigma;
} peak;

static peak find_peak(const integrated *all, peak top) {
  const lml_work *work = &all->work;
  for (size_t i = 0; i < work->npoints; i++)
    if (work->energies[i] > top.energy)
      top = (peak){work->energies[i], work->lambda[i], all->sigmas == NULL ? 0.0 : all->sigmas[i]};
  return top;
}

/** From energies, of the image that is nearest to @p top; @p lambda are those of the images. */
static void print_sigmas(const lml_eval_path *path, const double *lambda, const peak *top) {
  size_t image = 0;
  double square = 0.0;
  for (size_t k = 1; k < path->nimages; k++)
    if (fabs(lambda[k] - top->lambda) < fabs(lambda[image] - top->lambda)) image = k;
  for (size_t k = 0; k < path->rank; k++) {
    const double change = path->images[image].energies[k] - path->images[0].energies[k];
    square += change * change;
  }
  printf("sigma           %.10f eV, of the work up to there\n", top->sigma);
  printf("sigma           %.10f eV, of the energy of image %zu against the first\n", sqrt(square), image);
}

static void print_barrier(const lml_eval_path *path, const integrated *printed, const integrated *fine,
                          const double *lambda) {
  const peak top = find_peak(printed, find_peak(fine, (peak){.energy = -INFINITY}));
  printf("highest point   %.14f eV at lambda %.4f\n", top.energy, top.lambda);
  if (path->rank > 0) print_sigmas(path, lambda, &top);
  if (isfinite(printed->work.error))
    printf("error estimate  %.2e eV, from leaving out every second image\n", printed->work.error);
  else
    printf("error estimate  none: there are only two images\n");
}

lml_status lml_eval_path_print(const lml_eval_path *path, lml_work_points points, lml_error *error) {
  integrated images = {0}, all = {0}, fine = {0};
  const lml_work_points finer = points == LML_WORK_IMAGES ? LML_WORK_FINE : points;
  lml_status status = integrate(path, LML_WORK_IMAGES, &images, error);
  if (status == LML_OK) status = integrate(path, points, &all, error);
  if (status == LML_OK) status = integrate(path, finer, &fine, error);
  if (status == LML_OK) {
    print_points(&all);
    print_barrier(path, &all, &fine, images.work.lambda);
  }
  free_integrated(&images);
  free_integrated(&all);
  free_integrated(&fine);
  return status;
}

void lml_eval_path_free(lml_eval_path *path) {
  for (size_t k = 0; k < path->nimages; k++) {
    lml_structure_free(&path->images[k].structure);
    lml_free(path->images[k].forces);
    lml_free(path->images[k].deviations);
    lml_free(path->images[k].energies);
  }
  lml_free(path->images);
  *path = (lml_eval_path){0};
}
