#include "retrain/mean_row.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/** Atoms whose deviations wait for a product of matrices. */
enum { WAITING_ATOMS = 64 };

/** Descriptors of one element's atoms, added up as deviations d = B − B₁ from the first one's. In a crystal these are
 *  small, so that the sums over d and d dᵀ need no care to be accurate to the last digit of those over B and B Bᵀ. */
typedef struct {
  size_t count, nwaiting;
  double *first;   /**< n: B₁ */
  double *waiting; /**< WAITING_ATOMS × (n + 1): (1, d) */
  double *sums;    /**< (n + 1)², lower triangle by columns: Σ (1, d) (1, d)ᵀ */
} deviation_sums;

/** Doubles that one element needs, with @p n components. */
static size_t room_of_element(size_t n) { return n + (WAITING_ATOMS + n + 1) * (n + 1); }

static deviation_sums begin_sums(double *room, size_t n) {
  double *waiting = room + n, *sums = waiting + WAITING_ATOMS * (n + 1);
  memset(sums, 0, (n + 1) * (n + 1) * sizeof *sums);
  return (deviation_sums){.first = room, .waiting = waiting, .sums = sums};
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

/** The sums of D, times @p share. */
static void put_sums(const deviation_sums *s, size_t n, bool quadratic, double share, double *row) {
  const double *b = s->first, *linear = s->sums + 1, count = (double)s->count;
  *row++ = share * count;
  for (size_t c = 0; c < n; c++) *row++ = share * (count * b[c] + linear[c]);
  for (size_t c = 0; c < n && quadratic; c++) {
    const double *of_c = s->sums + (c + 1) * (n + 1) + 1;
    for (size_t d = c; d < n; d++)
      *row++ = (c == d ? 0.5 : 1.0) * share * (count * b[c] * b[d] + (b[c] * linear[d] + b[d] * linear[c]) + of_c[d]);
  }
}

size_t lml_mean_row_room(const lml_descriptors *descriptors) {
  return descriptors->model.nelements * room_of_element((size_t)descriptors->model.plan.ncomponents);
}

/** All atoms, or one of each kind. */
static void add_all(lml_descriptors *descriptors, const lml_neighbours *neighbours, const signed char *elements,
                    const size_t *counts, deviation_sums *sums) {
  const lml_atom_batch *batch = &descriptors->evaluation.batch;
  const size_t n = (size_t)descriptors->model.plan.ncomponents, lanes = (size_t)descriptors->model.kernel->lanes;
  for (size_t first = 0; first < neighbours->natoms; first += batch->natoms) {
    lml_descriptors_batch_among(descriptors, neighbours, elements, first);
    for (size_t lane = 0; lane < batch->natoms; lane++)
      add_atoms(&sums[batch->element[lane]], counts == NULL ? 1 : counts[first + lane], descriptors->components + lane,
                lanes, n);
  }
}

lml_status lml_mean_row(lml_descriptors *descriptors, const lml_structure *structure, lml_alike *alike, double *scratch,
                        double *row, lml_error *error) {
  const lml_linear_model *model = &descriptors->model;
  const lml_linear_evaluation *evaluation = &descriptors->evaluation;
  const size_t n = (size_t)model->plan.ncomponents, width = model->potential->snap.ncoefficients;
  deviation_sums sums[LML_ELEMENTS_LIMIT];
  const lml_status status = lml_descriptors_begin(descriptors, structure, error);
  if (status != LML_OK) return status;
  for (size_t e = 0; e < model->nelements; e++) sums[e] = begin_sums(scratch + e * room_of_element(n), n);
  if (lml_alike_find(alike, &evaluation->neighbours, evaluation->elements))
    add_all(descriptors, &alike->mean, alike->elements, alike->counts, sums);
  else
    add_all(descriptors, &evaluation->neighbours, evaluation->elements, NULL, sums);
  memset(row, 0, model->nelements * width * sizeof *row);
  for (size_t e = 0; e < model->nelements; e++, row += width) {
    if (sums[e].count == 0) continue;
    add_waiting(&sums[e], n);
    put_sums(&sums[e], n, model->potential->snap.parameters.quadraticflag, 1.0 / (double)structure->natoms, row);
  }
  return LML_OK;
}
