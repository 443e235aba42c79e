#include "lmlink/virtual_work.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/spline.h"
#include "structure/lattice.h"

/** All that the integral needs of positions and forces: F(λ)·x'(λ) = Σ φᵢ(λ) φ'ⱼ(λ) products[i, j], with the weights φ
 *  of the splines. */
typedef struct path {
  size_t n;
  double *lambda;
  double *products; /**< n × n: Fᵢ·(xⱼ − x₀), eV */
} path;

static void free_path(path *p) {
  lml_free(p->lambda);
  lml_free(p->products);
}

static lml_status check_images(const lml_work_image *images, size_t nimages, lml_error *error) {
  if (nimages < 2)
    return lml_fail(error, LML_ERR_INPUT, "a path has at least two images, this one %zu: give more", nimages);
  for (size_t k = 1; k < nimages; k++) {
    const lml_structure *one = images[0].structure, *two = images[k].structure;
    if (one->natoms != two->natoms || memcmp(one->numbers, two->numbers, one->natoms * sizeof *one->numbers) != 0)
      return lml_fail(error, LML_ERR_INPUT,
                      "image %zu of the path has other atoms than image 0: give images of one "
                      "path, with the atoms in the same order",
                      k);
  }
  return LML_OK;
}

/** Displacements of image @p k from image 0 into @p moved, which holds those of the image before it: steps are taken by
 *  minimum image, so that wrapped atoms do not jump. Returns the length of the step. */
static double step(const lml_lattice *lattice, const lml_work_image *images, size_t k, double *moved) {
  double square = 0.0;
  for (size_t i = 0; i < images[k].structure->natoms; i++) {
    double d[3];
    lml_lattice_difference(lattice, images[k - 1].structure->positions + 3 * i, images[k].structure->positions + 3 * i,
                           d);
    for (size_t x = 0; x < 3; x++) {
      moved[3 * i + x] += d[x];
      square += d[x] * d[x];
    }
  }
  return sqrt(square);
}

static lml_status walk(path *p, const lml_work_image *images, double *moved, lml_error *error) {
  const size_t n = p->n, count = 3 * images[0].structure->natoms;
  lml_lattice lattice;
  const lml_status status = lml_lattice_make(&lattice, images[0].structure, error);
  if (status != LML_OK) return status;
  for (size_t k = 1; k < n; k++) {
    const double length = step(&lattice, images, k, moved);
    if (!(length > 0.0) || !isfinite(length))
      return lml_fail(error, LML_ERR_INPUT, "images %zu and %zu of the path are at the same place, or nowhere", k - 1,
                      k);
    p->lambda[k] = p->lambda[k - 1] + length;
    for (size_t i = 0; i < n; i++) {
      double sum = 0.0;
      for (size_t c = 0; c < count; c++) sum += images[i].forces[c] * moved[c];
      p->products[i * n + k] = sum;
    }
  }
  const double whole = p->lambda[n - 1];
  for (size_t k = 1; k < n; k++) p->lambda[k] /= whole;
  return LML_OK;
}

static lml_status make_path(path *p, const lml_work_image *images, size_t nimages, lml_error *error) {
  double *moved = NULL;
  *p = (path){.n = nimages};
  lml_status status = lml_alloc(&p->lambda, nimages, sizeof *p->lambda, "a path", error);
  if (status == LML_OK) status = lml_alloc(&p->products, nimages * nimages, sizeof *p->products, "a path", error);
  if (status == LML_OK)
    status = lml_alloc(&moved, 3 * images[0].structure->natoms, sizeof *moved, "displacements along a path", error);
  if (status == LML_OK) status = walk(p, images, moved, error);
  lml_free(moved);
  return status;
}

/** Images 0, 2, 4, … and the last one. */
static lml_status halve(const path *whole, path *half, lml_error *error) {
  const size_t n = whole->n / 2 + 1;
  *half = (path){.n = n};
  lml_status status = lml_alloc(&half->lambda, n, sizeof *half->lambda, "a path", error);
  if (status == LML_OK) status = lml_alloc(&half->products, n * n, sizeof *half->products, "a path", error);
  for (size_t i = 0; i < n && status == LML_OK; i++) {
    const size_t from = i + 1 < n ? 2 * i : whole->n - 1;
    half->lambda[i] = whole->lambda[from];
    for (size_t j = 0; j < n; j++)
      half->products[i * n + j] = whole->products[from * whole->n + (j + 1 < n ? 2 * j : whole->n - 1)];
  }
  return status;
}

/** A path with its splines. */
typedef struct integrand {
  const path *path;
  lml_spline spline;
  double *value, *derivative; /**< weights */
} integrand;

static lml_status make_integrand(integrand *g, const path *p, lml_error *error) {
  *g = (integrand){.path = p};
  lml_status status = lml_spline_make(&g->spline, p->lambda, p->n, error);
  if (status == LML_OK) status = lml_alloc(&g->value, p->n, sizeof *g->value, "weights of a spline", error);
  return status == LML_OK ? lml_alloc(&g->derivative, p->n, sizeof *g->derivative, "weights of a spline", error)
                          : status;
}

static void free_integrand(integrand *g) {
  lml_spline_free(&g->spline);
  lml_free(g->value);
  lml_free(g->derivative);
}

/** F·dx/dλ at @p x in that interval, eV. */
static double force_along(integrand *g, size_t interval, double x) {
  const size_t n = g->path->n;
  double sum = 0.0;
  lml_spline_weights(&g->spline, interval, x, g->value, g->derivative);
  for (size_t i = 0; i < n; i++) {
    double row = 0.0;
    for (size_t j = 0; j < n; j++) row += g->derivative[j] * g->path->products[i * n + j];
    sum += g->value[i] * row;
  }
  return sum;
}

/** Minus the integral from @p from to @p to, both in that interval. The integrand is a polynomial of degree 5 there,
 * for which three points of Gauss are exact. */
static double work_between(integrand *g, size_t interval, double from, double to) {
  const double middle = 0.5 * (from + to), half = 0.5 * (to - from), x = half * sqrt(0.6);
  return -half / 9.0 *
         (5.0 * force_along(g, interval, middle - x) + 8.0 * force_along(g, interval, middle) +
          5.0 * force_along(g, interval, middle + x));
}

static void integrate_images(integrand *g, double *energies) {
  energies[0] = 0.0;
  for (size_t k = 1; k < g->path->n; k++)
    energies[k] = energies[k - 1] + work_between(g, k - 1, g->path->lambda[k - 1], g->path->lambda[k]);
}

static void integrate_fine(integrand *g, lml_work *work) {
  const double *lambda = g->path->lambda;
  double at_image = 0.0; /* E at the interval's left end */
  for (size_t i = 0, interval = 0; i < work->npoints; i++) {
    for (; interval + 2 < g->path->n && work->lambda[i] > lambda[interval + 1]; interval++)
      at_image += work_between(g, interval, lambda[interval], lambda[interval + 1]);
    work->energies[i] = at_image + work_between(g, interval, lambda[interval], work->lambda[i]);
  }
}

static void integrate_as_ase(integrand *g, lml_work *work) {
  double before = 0.0;
  for (size_t i = 0, interval = 0; i < work->npoints; i++) {
    while (interval + 2 < g->path->n && work->lambda[i] >= g->path->lambda[interval + 1]) interval++;
    const double force = force_along(g, interval, work->lambda[i]);
    if (i > 0)
      work->energies[i] = work->energies[i - 1] - 0.5 * (before + force) * (work->lambda[i] - work->lambda[i - 1]);
    before = force;
  }
}

static lml_status integrate(const path *p, lml_work_points points, lml_work *work, lml_error *error) {
  integrand g;
  work->npoints = points == LML_WORK_IMAGES ? p->n : LML_WORK_GRID;
  lml_status status = make_integrand(&g, p, error);
  if (status == LML_OK) status = lml_alloc(&work->lambda, work->npoints, sizeof(double), "a path", error);
  if (status == LML_OK) status = lml_alloc(&work->energies, work->npoints, sizeof(double), "a path", error);
  for (size_t i = 0; status == LML_OK && i < work->npoints; i++)
    work->lambda[i] = points == LML_WORK_IMAGES ? p->lambda[i] : (double)i / (LML_WORK_GRID - 1);
  if (status == LML_OK && points == LML_WORK_IMAGES) integrate_images(&g, work->energies);
  if (status == LML_OK && points == LML_WORK_FINE) integrate_fine(&g, work);
  if (status == LML_OK && points == LML_WORK_ASE_GRID) integrate_as_ase(&g, work);
  free_integrand(&g);
  return status;
}

/** The largest difference at the images that are in both. */
static lml_status estimate(const path *whole, double *error_estimate, lml_error *error) {
  path half = {0};
  lml_work all = {0}, some = {0};
  *error_estimate = INFINITY;
  if (whole->n < 3) return LML_OK;
  lml_status status = halve(whole, &half, error);
  if (status == LML_OK) status = integrate(whole, LML_WORK_IMAGES, &all, error);
  if (status == LML_OK) status = integrate(&half, LML_WORK_IMAGES, &some, error);
  if (status == LML_OK) *error_estimate = 0.0;
  for (size_t i = 0; status == LML_OK && i < half.n; i++) {
    const size_t from = i + 1 < half.n ? 2 * i : whole->n - 1;
    *error_estimate = fmax(*error_estimate, fabs(all.energies[from] - some.energies[i]));
  }
  free_path(&half);
  lml_work_free(&all);
  lml_work_free(&some);
  return status;
}

lml_status lml_virtual_work(const lml_work_image *images, size_t nimages, lml_work_points points, lml_work *work,
                            lml_error *error) {
  path p = {0};
  lml_work_free(work);
  lml_status status = check_images(images, nimages, error);
  if (status == LML_OK) status = make_path(&p, images, nimages, error);
  if (status == LML_OK) status = integrate(&p, points, work, error);
  if (status == LML_OK) status = estimate(&p, &work->error, error);
  free_path(&p);
  if (status != LML_OK) lml_work_free(work);
  return status;
}

void lml_work_free(lml_work *work) {
  lml_free(work->lambda);
  lml_free(work->energies);
  *work = (lml_work){0};
}
