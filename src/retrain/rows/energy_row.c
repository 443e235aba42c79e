#include "retrain/rows/energy_row.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "retrain/rows/descriptor_shift.h"

/** Atoms whose deviations wait for a product of matrices. */
enum { WAITING_ATOMS = 64 };

/** Descriptors of one element's atoms, added up as deviations d = B − B₁ from the first one's. In a crystal these are
 *  small, so that the sums over d and d dᵀ need no care to be accurate to the last digit of those over B and B Bᵀ. */
typedef struct {
  size_t count, nwaiting;
  double *first;   /**< n: B₁; zero where there is no atom */
  double *waiting; /**< WAITING_ATOMS × (n + 1): (1, d) */
  double *sums;    /**< (n + 1)², lower triangle by columns: Σ (1, d) (1, d)ᵀ */
} deviation_sums;

/** Doubles that one element needs beside @p n for B₁, with that many components. */
static size_t room_of_element(size_t n) { return (WAITING_ATOMS + n + 1) * (n + 1); }

/** @p first has room for B₁. */
static deviation_sums begin_sums(double *first, double *room, size_t n) {
  double *sums = room + WAITING_ATOMS * (n + 1);
  memset(first, 0, n * sizeof *first);
  memset(sums, 0, (n + 1) * (n + 1) * sizeof *sums);
  return (deviation_sums){.first = first, .waiting = room, .sums = sums};
}

/** Add the deviations that wait. */
static void add_waiting(deviation_sums *s, size_t n) {
  const int size = (int)n + 1;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, size, (int)s->nwaiting, 1.0, s->waiting, size, 1.0, s->sums,
              size);
  s->nwaiting = 0;
}

/** Atoms with the same B, which are @p stride apart. */
static void add_atoms(deviation_sums *s, size_t count, const double *b, size_t stride, size_t n) {
  if (s->count == 0)
    for (size_t c = 0; c < n; c++) s->first[c] = b[c * stride];
  s->count += count;
  double *to = s->waiting + s->nwaiting++ * (n + 1);
  const double root = sqrt((double)count);
  *to++ = root;
  for (size_t c = 0; c < n; c++) to[c] = root * (b[c * stride] - s->first[c]);
  if (s->nwaiting == WAITING_ATOMS) add_waiting(s, n);
}

/** The sums of D for descriptors that are counted from B₁. */
static void put_sums(const deviation_sums *s, size_t n, bool quadratic, double *row) {
  *row++ = (double)s->count;
  for (size_t c = 0; c < n; c++) *row++ = s->sums[1 + c];
  for (size_t c = 0; c < n && quadratic; c++) {
    const double *of_c = s->sums + (c + 1) * (n + 1) + 1;
    *row++ = 0.5 * of_c[c];
    for (size_t d = c + 1; d < n; d++) *row++ = of_c[d];
  }
}

size_t lml_energy_row_room(const lml_descriptors *descriptors) {
  const size_t n = lml_descriptors_ncomponents(descriptors);
  return descriptors->model.nelements * (n + room_of_element(n));
}

/** All of @p natoms atoms, or one of each kind. */
static void add_all(lml_descriptors *descriptors, const lml_atoms *atoms, size_t natoms, const size_t *counts,
                    deviation_sums *sums) {
  const size_t n = lml_descriptors_ncomponents(descriptors), width = lml_descriptors_width(descriptors);
  for (size_t first = 0; first < natoms; first += descriptors->count) {
    lml_descriptors_run_among(descriptors, atoms, first, natoms);
    for (size_t lane = 0; lane < descriptors->count; lane++)
      add_atoms(&sums[descriptors->element[lane]], counts == NULL ? 1 : counts[first + lane],
                descriptors->components + lane, width, n);
  }
}

/** The same of the structure at hand. */
static void add_structure(lml_descriptors *descriptors, lml_environments *environments, deviation_sums *sums) {
  const lml_listed_atoms *atoms = &descriptors->atoms;
  if (!lml_environments_find(environments, &atoms->neighbours, atoms->elements)) {
    add_all(descriptors, &atoms->view, atoms->neighbours.natoms, NULL, sums);
    return;
  }
  const lml_atoms kinds = lml_listed_atoms_view(&environments->mean, environments->elements);
  add_all(descriptors, &kinds, environments->mean.natoms, environments->counts, sums);
}

lml_status lml_energy_row(lml_descriptors *descriptors, const lml_structure *structure, lml_environments *environments,
                          double *scratch, double *row, lml_error *error) {
  const lml_linear_model *model = &descriptors->model;
  const size_t n = model->ncomponents, width = model->ncoefficients;
  const bool quadratic = model->forms != NULL;
  const lml_shift shift = {.nelements = model->nelements, .ncomponents = n, .values = scratch};
  double *room = scratch + model->nelements * n;
  deviation_sums sums[LML_ELEMENTS_LIMIT];
  const lml_status status = lml_descriptors_begin(descriptors, structure, error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < model->nelements; e++) sums[e] = begin_sums(scratch + e * n, room + e * room_of_element(n), n);
  add_structure(descriptors, environments, sums);
  for (size_t e = 0; e < model->nelements; e++) {
    if (sums[e].nwaiting > 0) add_waiting(&sums[e], n);
    put_sums(&sums[e], n, quadratic, row + e * width);
  }
  if (quadratic) lml_shift_restore(&shift, row);
  for (size_t e = 0; e < model->nelements && !quadratic; e++)
    cblas_daxpy((int)n, row[e * width], sums[e].first, 1, row + e * width + 1, 1);
  for (size_t c = 0; c < model->nelements * width; c++) row[c] /= (double)structure->natoms;
  return LML_OK;
}
