#include "retrain/choose/soft_sample.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "structure/lattice.h"
#include "structure/vec3.h"

static const char what[] = "a sample of soft constraints";

enum { MOST_ROWS = LML_SOFT_ROWS * LML_SOFT_CLUSTER_SIZE /**< of a cluster */ };

void lml_soft_sample_free(lml_soft_sample *sample) {
  lml_free(sample->clusters);
  lml_free(sample->first);
  lml_free(sample->places);
  lml_free(sample->rows);
  lml_free(sample->weights);
  *sample = (lml_soft_sample){0};
}

/* ---- which rows ---- */

static size_t rows_of_member(const lml_dataset *set) { return lml_dataset_has_structures(set) ? LML_SOFT_ROWS : 1; }

static bool is_sampled(const lml_dataset *set) {
  return set->role == LML_ROLE_SOFT && set->quantity == LML_QUANTITY_FORCES;
}

/** Clusters being chosen. */
typedef struct {
  lml_soft_sample *sample;
  const lml_dataset *sets;
  size_t nsets, total;
  lml_dataset_walk walk; /**< to the frame that was looked at last */
} choosing;

/** The frame that row number @p row of the set is in. */
static size_t frame_of(const lml_dataset *set, size_t row) {
  size_t low = 0, high = set->nframes;
  while (low + 1 < high) {
    const size_t middle = (low + high) / 2;
    if (set->frames[middle].first <= row)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/** A selected atom of a frame, and how far it is. */
typedef struct {
  double square;
  size_t number;
} neighbour;

static int by_distance(const void *a, const void *b) {
  const neighbour *x = a, *y = b;
  if (x->square != y->square) return x->square < y->square ? -1 : 1;
  return x->number < y->number ? -1 : x->number > y->number;
}

/** The selected atoms of the frame that are nearest to its selected atom number @p middle, itself first. */
static lml_status find_nearest(choosing *c, size_t middle, lml_soft_cluster *cluster, lml_error *error) {
  const lml_dataset_walk *walk = &c->walk;
  const double *positions = walk->frame.structure.positions;
  lml_lattice lattice;
  neighbour *all;
  lml_status status = lml_lattice_make(&lattice, &walk->frame.structure, error);
  if (status == LML_OK) status = lml_alloc(&all, walk->natoms, sizeof *all, what, error);
  if (status != LML_OK) return status;
  for (size_t k = 0; k < walk->natoms; k++) {
    double d[3];
    lml_lattice_difference(&lattice, positions + 3 * walk->atoms[middle], positions + 3 * walk->atoms[k], d);
    all[k] = (neighbour){k == middle ? -1.0 : lml_dot(d, d), k};
  }
  qsort(all, walk->natoms, sizeof *all, by_distance);
  for (size_t k = 0; k < cluster->count; k++) cluster->members[k] = all[k].number;
  lml_free(all);
  return LML_OK;
}

/** Of a matrix: rows around number @p middle of the frame's, itself first. */
static void take_around(size_t middle, size_t nrows, lml_soft_cluster *cluster) {
  const size_t half = cluster->count / 2, last = nrows - cluster->count;
  const size_t begin = middle < half ? 0 : middle - half < last ? middle - half : last;
  cluster->members[0] = middle;
  for (size_t row = begin, k = 1; k < cluster->count; row++)
    if (row != middle) cluster->members[k++] = row;
}

/** The cluster around number @p place of all. Its members are such numbers as well. */
static lml_status choose_cluster(choosing *c, size_t place, lml_soft_cluster *cluster, lml_error *error) {
  size_t s = 0;
  while (!is_sampled(&c->sets[s]) || place >= c->sample->first[s + 1]) s++;
  const lml_dataset *set = &c->sets[s];
  const size_t per = rows_of_member(set), first = c->sample->first[s], position = frame_of(set, (place - first) * per);
  const lml_dataset_frame *frame = &set->frames[position];
  const size_t begin = first + frame->first / per, here = frame->nrows / per;
  *cluster = (lml_soft_cluster){.nrows = per, .weight = frame->row_weight};
  cluster->count = here < LML_SOFT_CLUSTER_SIZE ? here : LML_SOFT_CLUSTER_SIZE;
  lml_status status = LML_OK;
  if (!lml_dataset_has_structures(set)) {
    take_around(place - begin, here, cluster);
  } else {
    if (c->walk.set != set) {
      lml_dataset_walk_end(&c->walk);
      status = lml_dataset_walk_begin(&c->walk, set, error);
    }
    if (status == LML_OK) status = lml_dataset_walk_to(&c->walk, position, error);
    if (status == LML_OK) status = find_nearest(c, place - begin, cluster, error);
  }
  for (size_t k = 0; k < cluster->count; k++) cluster->members[k] += begin;
  return status;
}

static int by_number(const void *a, const void *b) {
  const size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return x < y ? -1 : x > y;
}

/** List the members of all clusters, and let these point into the list. */
static lml_status list_members(lml_soft_sample *sample, lml_error *error) {
  const lml_status status =
      lml_alloc(&sample->places, sample->nclusters * LML_SOFT_CLUSTER_SIZE, sizeof *sample->places, what, error);
  size_t count = 0;
  if (status != LML_OK) return status;
  for (size_t c = 0; c < sample->nclusters; c++)
    for (size_t k = 0; k < sample->clusters[c].count; k++) sample->places[count++] = sample->clusters[c].members[k];
  qsort(sample->places, count, sizeof *sample->places, by_number);
  for (size_t k = 0; k < count; k++)
    if (k == 0 || sample->places[k] != sample->places[sample->count - 1])
      sample->places[sample->count++] = sample->places[k];
  for (size_t c = 0; c < sample->nclusters; c++)
    for (size_t k = 0; k < sample->clusters[c].count; k++) {
      size_t *member = &sample->clusters[c].members[k];
      const size_t *found = bsearch(member, sample->places, sample->count, sizeof *found, by_number);
      *member = (size_t)(found - sample->places); /* it is there */
    }
  return LML_OK;
}

static lml_status choose_clusters(choosing *c, lml_error *error) {
  lml_soft_sample *sample = c->sample;
  sample->nclusters = c->total < LML_SOFT_CLUSTERS ? c->total : LML_SOFT_CLUSTERS;
  lml_status status = lml_alloc(&sample->clusters, sample->nclusters, sizeof *sample->clusters, what, error);
  for (size_t k = 0; k < sample->nclusters && status == LML_OK; k++)
    status = choose_cluster(c, (2 * k + 1) * c->total / (2 * sample->nclusters), &sample->clusters[k], error);
  lml_dataset_walk_end(&c->walk);
  return status == LML_OK ? list_members(sample, error) : status;
}

lml_status lml_soft_sample_make(lml_soft_sample *sample, const lml_dataset *sets, size_t nsets, size_t width,
                                lml_error *error) {
  choosing c = {.sample = sample, .sets = sets, .nsets = nsets};
  *sample = (lml_soft_sample){.width = width};
  lml_status status = lml_alloc(&sample->first, nsets + 1, sizeof *sample->first, what, error);
  if (status != LML_OK) return status;
  for (size_t s = 0; s < nsets; s++) {
    sample->first[s] = c.total;
    if (is_sampled(&sets[s])) c.total += sets[s].nrows / rows_of_member(&sets[s]);
  }
  sample->first[nsets] = c.total;
  status = choose_clusters(&c, error);
  const size_t count = LML_SOFT_ROWS * sample->count;
  if (status == LML_OK) status = lml_alloc(&sample->rows, count * width, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&sample->weights, count, sizeof(double), what, error) : status;
}

void lml_soft_sample_record(lml_soft_sample *sample, size_t index, const lml_dataset *set, const lml_row_block *block) {
  const size_t per = rows_of_member(set), n = sample->width;
  if (sample->count == 0 || !is_sampled(set)) return;
  for (size_t i = 0; i < block->count; i++) {
    const size_t row = block->first + i, place = sample->first[index] + row / per;
    const size_t *found = bsearch(&place, sample->places, sample->count, sizeof place, by_number);
    if (found == NULL) continue;
    const size_t to = LML_SOFT_ROWS * (size_t)(found - sample->places) + row % per;
    memcpy(sample->rows + to * n, block->rows + i * n, n * sizeof *block->rows);
    sample->weights[to] = set->weight * block->weight;
  }
}

lml_status lml_soft_sample_finish(lml_soft_sample *sample, const lml_shift *shift, lml_comm *comm, lml_error *error) {
  const size_t count = LML_SOFT_ROWS * sample->count;
  lml_status status = lml_comm_sum(comm, sample->rows, count * sample->width, error);
  if (status == LML_OK) status = lml_comm_sum(comm, sample->weights, count, error);
  for (size_t k = 0; k < count && status == LML_OK && shift != NULL; k++)
    lml_shift_restore(shift, sample->rows + k * sample->width);
  return status;
}

/* ---- the change ---- */

/** What a problem's solution makes of the sample. */
typedef struct {
  double *rows; /**< as the factor sees them: L⁻¹ S Q A, so that A C⁻¹ Aᵀ is their products with each other */
  double *changes; /**< A δ */
} reduced;

/** Squared change of the atom in the middle without the cluster's rows; infinite where these determine themselves. */
static double leave_out(const lml_soft_sample *sample, const lml_soft_cluster *cluster, const reduced *r,
                        double lambda) {
  const int n = (int)sample->width, count = (int)(cluster->count * cluster->nrows);
  double matrix[MOST_ROWS * MOST_ROWS], change[MOST_ROWS];
  const double *rows[MOST_ROWS];
  for (size_t k = 0; k < (size_t)count; k++) {
    const size_t row = LML_SOFT_ROWS * cluster->members[k / cluster->nrows] + k % cluster->nrows;
    rows[k] = r->rows + row * sample->width;
    change[k] = r->changes[row];
  }
  const double weight = lambda * sample->weights[LML_SOFT_ROWS * cluster->members[0]];
  for (int i = 0; i < count; i++)
    for (int k = 0; k <= i; k++) matrix[k * count + i] = (i == k) - weight * cblas_ddot(n, rows[i], 1, rows[k], 1);
  if (LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'L', count, 1, matrix, count, change, count) != 0) return INFINITY;
  return cblas_ddot((int)cluster->nrows, change, 1, change, 1);
}

static void reduce(const lml_soft_sample *sample, const lml_solver *solver, const lml_problem *problem,
                   const double *delta, reduced *r, double *scratch) {
  const size_t n = sample->width, count = LML_SOFT_ROWS * sample->count;
  memcpy(r->rows, sample->rows, count * n * sizeof *r->rows);
  lml_constraints_project_rows(problem->constraints, r->rows, count, scratch);
  for (size_t k = 0; k < count; k++)
    for (size_t i = 0; i < n; i++) r->rows[k * n + i] *= solver->scale[i];
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, (int)count, 1.0, solver->matrix,
              (int)n, r->rows, (int)n);
  cblas_dgemv(CblasColMajor, CblasTrans, (int)n, (int)count, 1.0, sample->rows, (int)n, delta, 1, 0.0, r->changes, 1);
}

lml_status lml_soft_sample_change(const lml_soft_sample *sample, const lml_solver *solver, const lml_problem *problem,
                                  const double *delta, double *change, lml_error *error) {
  const size_t n = sample->width, count = LML_SOFT_ROWS * sample->count;
  reduced r = {0};
  double *scratch = NULL, square = 0.0, weights = 0.0;
  lml_status status = lml_alloc_untouched(&r.rows, count * n, sizeof *r.rows, what, error);
  if (status == LML_OK) status = lml_alloc(&r.changes, count, sizeof *r.changes, what, error);
  if (status == LML_OK) status = lml_alloc(&scratch, problem->constraints->rank * count, sizeof *scratch, what, error);
  if (status == LML_OK) reduce(sample, solver, problem, delta, &r, scratch);
  for (size_t c = 0; c < sample->nclusters && status == LML_OK; c++) {
    square += leave_out(sample, &sample->clusters[c], &r, problem->lambda_soft);
    weights += (double)sample->clusters[c].nrows * sample->clusters[c].weight;
  }
  *change = weights > 0.0 ? sqrt(square / weights) : 0.0;
  lml_free(r.rows);
  lml_free(r.changes);
  lml_free(scratch);
  return status;
}
