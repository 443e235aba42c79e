#include "retrain/solve/constraints.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

static const double default_set_tolerance = 1e-10, default_set_deviation = 1e-6;

static void free_kind(lml_constraint_rows *kind) {
  lml_free(kind->rows);
  lml_free(kind->changes);
  lml_free(kind->deviations);
  lml_free(kind->singular);
}

void lml_constraints_free(lml_constraints *constraints) {
  free_kind(&constraints->kinds[LML_HARD_KEEP]);
  free_kind(&constraints->kinds[LML_HARD_SET]);
  lml_free(constraints->vectors);
  lml_free(constraints->shift);
  *constraints = (lml_constraints){0};
}

/* ---- rows ---- */

lml_status lml_constraints_make(lml_constraints *constraints, const lml_dataset *sets, size_t nsets, size_t width,
                                lml_error *error) {
  *constraints = (lml_constraints){.width = width};
  for (size_t s = 0; s < nsets; s++)
    if (sets[s].role == LML_ROLE_HARD) constraints->kinds[sets[s].mode].count += sets[s].nrows;
  lml_status status = LML_OK;
  for (int k = 0; k < 2 && status == LML_OK; k++) {
    lml_constraint_rows *kind = &constraints->kinds[k];
    status = lml_alloc(&kind->rows, kind->count * width, sizeof(double), "hard constraints", error);
    if (status == LML_OK) status = lml_alloc(&kind->changes, kind->count, sizeof(double), "hard constraints", error);
    if (status == LML_OK) status = lml_alloc(&kind->deviations, kind->count, sizeof(double), "hard constraints", error);
  }
  return status;
}

/** Where the rows of a set are put. */
typedef struct {
  lml_constraint_rows *kind;
  size_t first; /**< of the set's rows */
  size_t width;
} row_place;

static lml_status accumulate(void *context, const lml_row_block *block, lml_error *error) {
  (void)error;
  const row_place *place = context;
  const size_t row = place->first + block->first, n = place->width;
  memcpy(place->kind->rows + row * n, block->rows, block->count * n * sizeof(double));
  for (size_t k = 0; k < block->count; k++) place->kind->deviations[row + k] = block->targets[k] - block->predicted[k];
  return LML_OK;
}

/** Add up what the ranks have found. */
static lml_status collect(lml_constraints *constraints, lml_comm *comm, lml_error *error) {
  lml_status status = LML_OK;
  for (int k = 0; k < 2 && status == LML_OK; k++) {
    lml_constraint_rows *kind = &constraints->kinds[k];
    status = lml_comm_sum(comm, kind->rows, kind->count * constraints->width, error);
    if (status == LML_OK) status = lml_comm_sum(comm, kind->deviations, kind->count, error);
    if (k == LML_HARD_SET) memcpy(kind->changes, kind->deviations, kind->count * sizeof(double));
  }
  return status;
}

/** The rows of all sets, at their places: @p places and @p jobs have room for nsets. */
static lml_status make_rows(lml_constraints *constraints, const lml_workers *workers, const lml_dataset *sets,
                            size_t nsets, double *const *baseline, const lml_frame_job *beside, row_place *places,
                            lml_row_job *jobs, lml_error *error) {
  size_t first[2] = {0, 0}, njobs = 0;
  for (size_t s = 0; s < nsets; s++) {
    if (sets[s].role != LML_ROLE_HARD) continue;
    row_place *place = &places[njobs];
    *place = (row_place){&constraints->kinds[sets[s].mode], first[sets[s].mode], constraints->width};
    jobs[njobs++] =
        (lml_row_job){.set = &sets[s], .sink = {.accumulate = accumulate, .context = place}, .baseline = baseline[s]};
    first[sets[s].mode] += sets[s].nrows;
  }
  return lml_workers_make_rows(workers, jobs, njobs, beside, error);
}

lml_status lml_constraints_fill(lml_constraints *constraints, const lml_workers *workers, const lml_dataset *sets,
                                size_t nsets, double *const *baseline, const lml_frame_job *beside, lml_error *error) {
  row_place *places;
  lml_row_job *jobs;
  lml_status status = lml_alloc(&places, nsets, sizeof *places, "hard constraints", error);
  if (status != LML_OK) return status;
  status = lml_alloc(&jobs, nsets, sizeof *jobs, "hard constraints", error);
  if (status == LML_OK) status = make_rows(constraints, workers, sets, nsets, baseline, beside, places, jobs, error);
  lml_free(places);
  lml_free(jobs);
  status = lml_comm_agree(workers->comm, status, error);
  for (size_t s = 0; s < nsets && status == LML_OK; s++)
    if (sets[s].role == LML_ROLE_HARD) status = lml_comm_sum(workers->comm, baseline[s], sets[s].nrows, error);
  return status == LML_OK ? collect(constraints, workers->comm, error) : status;
}

/* ---- decomposition ---- */

/** The parts of A = L·diag(s)·R that are needed: R in @p right (k × n, k = min(m, n)) and, unless NULL, L in @p left
 *  (m × k), all row-major. @p rows is overwritten. */
static lml_status decompose(double *rows, size_t m, size_t n, double *singular, double *right, double *left,
                            lml_error *error) {
  const size_t k = m < n ? m : n;
  double wanted, *work = NULL;
  lapack_int *integers = NULL;
  /* Rows one after the other are the columns of Aᵀ = Rᵀ·diag(s)·Lᵀ. */
  lapack_int info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', (int)n, (int)m, rows, (int)n, singular, right, (int)n,
                                        left, (int)k, &wanted, -1, NULL);
  const size_t nwork = info == 0 ? (size_t)wanted : 0;
  lml_status status = lml_alloc(&work, nwork, sizeof *work, "a singular value decomposition", error);
  if (status == LML_OK) status = lml_alloc(&integers, 8 * k, sizeof *integers, "a singular value decomposition", error);
  if (status == LML_OK && info == 0)
    info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', (int)n, (int)m, rows, (int)n, singular, right, (int)n, left,
                               (int)k, work, (int)nwork, integers);
  lml_free(work);
  lml_free(integers);
  if (status == LML_OK && info != 0)
    return lml_fail(error, LML_ERR_INTERNAL,
                    "the singular value decomposition of the %zu hard constraints failed (dgesdd: %d)", m, (int)info);
  return status;
}

/** Room for one decomposition. */
typedef struct {
  double *copy, *right, *left;
} room;

static void free_room(room *r) {
  lml_free(r->copy);
  lml_free(r->right);
  lml_free(r->left);
}

static lml_status make_room(room *r, lml_constraint_rows *kind, size_t n, lml_error *error) {
  const size_t m = kind->count, k = m < n ? m : n;
  kind->nsingular = k;
  lml_free(kind->singular); /* of an earlier decomposition */
  lml_status status = lml_alloc(&kind->singular, k, sizeof(double), "singular values", error);
  if (status == LML_OK) status = lml_alloc(&r->copy, m * n, sizeof(double), "hard constraints", error);
  if (status == LML_OK) status = lml_alloc(&r->right, k * n, sizeof(double), "singular vectors", error);
  if (status == LML_OK) status = lml_alloc(&r->left, m * k, sizeof(double), "singular vectors", error);
  return status;
}

/** Relative to the largest singular value; values to set also to the longest row (@p longest), of which projection
 *  may have left nothing but rounding. */
static void find_rank(lml_constraint_rows *kind, double relative, double longest) {
  kind->tolerance = relative * fmax(kind->singular[0], longest);
  kind->rank = 0;
  while (kind->rank < kind->nsingular && kind->singular[kind->rank] > kind->tolerance) kind->rank++;
}

/** Append the first rank vectors to V. */
static lml_status append_vectors(lml_constraints *constraints, const lml_constraint_rows *kind, const double *right,
                                 lml_error *error) {
  const size_t n = constraints->width;
  size_t capacity = constraints->rank * n;
  const lml_status status = lml_grow(&constraints->vectors, &capacity, (constraints->rank + kind->rank) * n,
                                     sizeof(double), "singular vectors", error);
  if (status != LML_OK) return status;
  memcpy(constraints->vectors + constraints->rank * n, right, kind->rank * n * sizeof(double));
  constraints->rank += kind->rank;
  return LML_OK;
}

/** The shift Σ vₖ (uₖ·change)/sₖ, and what remains of the changes. */
static lml_status find_shift(lml_constraints *constraints, const lml_constraint_rows *kind, const room *r,
                             lml_error *error) {
  const size_t n = constraints->width, k = kind->nsingular;
  const lml_status status = lml_alloc(&constraints->shift, n, sizeof(double), "a change of the coefficients", error);
  if (status != LML_OK) return status;
  for (size_t v = 0; v < kind->rank; v++) {
    /* left is k × m by columns: L transposed. */
    const double part = cblas_ddot((int)kind->count, r->left + v, (int)k, kind->changes, 1);
    cblas_daxpy((int)n, part / kind->singular[v], r->right + v * n, 1, constraints->shift, 1);
  }
  constraints->contradiction = lml_constraints_deviation(kind, n, constraints->shift);
  return LML_OK;
}

static lml_status decompose_kind(lml_constraints *constraints, lml_hard_mode mode, double relative, lml_error *error) {
  lml_constraint_rows *kind = &constraints->kinds[mode];
  const size_t n = constraints->width;
  double longest = 0.0;
  room r = {NULL, NULL, NULL};
  if (kind->count == 0) return LML_OK;
  lml_status status = make_room(&r, kind, n, error);
  if (status == LML_OK) {
    memcpy(r.copy, kind->rows, kind->count * n * sizeof(double));
    for (size_t i = 0; i < kind->count; i++) {
      if (mode == LML_HARD_SET) longest = fmax(longest, cblas_dnrm2((int)n, r.copy + i * n, 1));
      lml_constraints_project(constraints, r.copy + i * n);
    }
    status = decompose(r.copy, kind->count, n, kind->singular, r.right, r.left, error);
  }
  if (status == LML_OK) {
    find_rank(kind, relative, longest);
    status = append_vectors(constraints, kind, r.right, error);
  }
  if (status == LML_OK && mode == LML_HARD_SET) status = find_shift(constraints, kind, &r, error);
  free_room(&r);
  return status;
}

/** What an earlier decomposition has found. */
static void forget(lml_constraints *constraints) {
  lml_free(constraints->vectors);
  lml_free(constraints->shift);
  constraints->vectors = constraints->shift = NULL;
  constraints->rank = 0;
}

lml_status lml_constraints_decompose(lml_constraints *constraints, const lml_constraint_options *options,
                                     lml_error *error) {
  const size_t n = constraints->width, m = constraints->kinds[LML_HARD_KEEP].count;
  forget(constraints);
  const double keep = options->keep_tolerance > 0.0 ? options->keep_tolerance : (double)(m > n ? m : n) * DBL_EPSILON;
  const double set = options->set_tolerance > 0.0 ? options->set_tolerance : default_set_tolerance;
  const double most = options->set_deviation > 0.0 ? options->set_deviation : default_set_deviation;
  lml_status status = decompose_kind(constraints, LML_HARD_KEEP, keep, error);
  if (status == LML_OK) status = decompose_kind(constraints, LML_HARD_SET, set, error);
  if (status != LML_OK) return status;
  if (constraints->rank >= n)
    return lml_fail(error, LML_ERR_INPUT,
                    "the hard constraints leave no freedom: their rank is %zu, and there are %zu coefficients: give "
                    "fewer of them, or make them soft",
                    constraints->rank, n);
  if (constraints->contradiction <= most) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT,
                  "the hard constraints to set contradict each other or those to keep: no coefficients come nearer to "
                  "all of the values than %.3g eV (allowed: %.3g): remove some, or allow more with set_deviation",
                  constraints->contradiction, most);
}

/** How far @p change, which has no part along directions that are kept, moves the rows; 0 where that is rounding. */
static double largest_move(const lml_constraint_rows *kind, const double *change, size_t n) {
  double largest = 0.0;
  for (size_t i = 0; i < kind->count; i++) {
    const double *row = kind->rows + i * n;
    double size = 0.0;
    for (size_t k = 0; k < n; k++) size += fabs(row[k] * change[k]);
    const double move = fabs(cblas_ddot((int)n, row, 1, change, 1));
    if (move > 2.0 * DBL_EPSILON * size) largest = fmax(largest, move);
  }
  return largest;
}

/** Of all directions, how many, from the largest singular value on, are to be kept so that @p change moves no row by
 * more than @p most; @p least at least. */
static size_t count_needed(const lml_constraints *constraints, size_t least, double *change, double most) {
  const lml_constraint_rows *kind = &constraints->kinds[LML_HARD_KEEP];
  const size_t n = constraints->width;
  size_t count = 0;
  while (count < least || (count < kind->rank && count + 1 < n && largest_move(kind, change, n) > most)) {
    const double *direction = constraints->vectors + count * n;
    cblas_daxpy((int)n, -cblas_ddot((int)n, direction, 1, change, 1), direction, 1, change, 1);
    count++;
  }
  return count;
}

/** A relative tolerance by which @p count directions are kept: between the last singular value that counts and the
 *  next. */
static double tolerance_for(const lml_constraint_rows *kind, size_t count) {
  const double last = kind->singular[count - 1], next = count < kind->nsingular ? kind->singular[count] : 0.0;
  return sqrt(last * fmax(next, 0.25 * last)) / kind->singular[0];
}

lml_status lml_constraints_tighten(lml_constraints *constraints, const lml_constraint_options *options,
                                   const double *delta, double most, bool *tightened, lml_error *error) {
  lml_constraint_rows *kind = &constraints->kinds[LML_HARD_KEEP];
  const size_t n = constraints->width, rank = kind->rank;
  *tightened = false;
  if (options->keep_tolerance > 0.0 || lml_constraints_deviation(kind, n, delta) <= most) return LML_OK;
  lml_constraint_options as_before = *options, tighter = *options;
  as_before.keep_tolerance = kind->tolerance / kind->singular[0];
  double *change;
  lml_status status = lml_alloc(&change, n, sizeof *change, "a change of the coefficients", error);
  if (status != LML_OK) return status;
  memcpy(change, delta, n * sizeof *change);
  forget(constraints);
  status = decompose_kind(constraints, LML_HARD_KEEP, DBL_EPSILON, error); /* all that are no rounding */
  const size_t count = status == LML_OK ? count_needed(constraints, rank, change, most) : rank;
  lml_free(change);
  if (status != LML_OK) return status;
  if (count > rank) {
    tighter.keep_tolerance = tolerance_for(kind, count);
    status = lml_constraints_decompose(constraints, &tighter, error);
    *tightened = status == LML_OK;
    if (status != LML_ERR_INPUT) return status;
  }
  return lml_constraints_decompose(constraints, &as_before, error);
}

lml_status lml_constraints_share(lml_constraints *constraints, lml_comm *comm, lml_error *error) {
  const size_t n = constraints->width;
  if (lml_comm_rank(comm) != 0) forget(constraints);
  size_t sizes[2] = {constraints->rank, constraints->shift != NULL};
  lml_status status = lml_comm_broadcast(comm, sizes, sizeof sizes, error);
  if (status == LML_OK && lml_comm_rank(comm) != 0) {
    status = lml_alloc(&constraints->vectors, sizes[0] * n, sizeof(double), "singular vectors", error);
    if (status == LML_OK && sizes[1] > 0)
      status = lml_alloc(&constraints->shift, n, sizeof(double), "a change of the coefficients", error);
    constraints->rank = sizes[0];
  }
  status = lml_comm_agree(comm, status, error);
  if (status == LML_OK) status = lml_comm_broadcast(comm, constraints->vectors, sizes[0] * n * sizeof(double), error);
  if (status == LML_OK && sizes[1] > 0)
    status = lml_comm_broadcast(comm, constraints->shift, n * sizeof(double), error);
  return status;
}

/* ---- use ---- */

void lml_constraints_project(const lml_constraints *constraints, double *vector) {
  const int n = (int)constraints->width;
  for (size_t v = 0; v < constraints->rank; v++) {
    const double *direction = constraints->vectors + v * constraints->width;
    cblas_daxpy(n, -cblas_ddot(n, direction, 1, vector, 1), direction, 1, vector, 1);
  }
}

void lml_constraints_project_rows(const lml_constraints *constraints, double *rows, size_t count, double *scratch) {
  const int n = (int)constraints->width, r = (int)constraints->rank, m = (int)count;
  if (r == 0) return;
  const double *v = constraints->vectors; /* n × r by columns, as rows is n × m */
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, r, m, n, 1.0, v, n, rows, n, 0.0, scratch, r);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, m, r, -1.0, v, n, scratch, r, 1.0, rows, n);
}

void lml_constraints_project_matrix(const lml_constraints *constraints, double *matrix, double *scratch) {
  const int n = (int)constraints->width, r = (int)constraints->rank;
  if (r == 0) return;
  const double *v = constraints->vectors; /* n × r by columns */
  double *y = scratch, *inner = scratch + constraints->rank * constraints->width;
  /* With Y = M V − ½ V (Vᵀ M V): Q M Q = M − V Yᵀ − Y Vᵀ. */
  cblas_dsymm(CblasColMajor, CblasLeft, CblasLower, n, r, 1.0, matrix, n, v, n, 0.0, y, n);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, r, r, n, 1.0, v, n, y, n, 0.0, inner, r);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, r, r, -0.5, v, n, inner, r, 1.0, y, n);
  cblas_dsyr2k(CblasColMajor, CblasLower, CblasNoTrans, n, r, -1.0, v, n, y, n, 1.0, matrix, n);
}

double lml_constraints_deviation(const lml_constraint_rows *rows, size_t width, const double *delta) {
  double largest = 0.0;
  for (size_t i = 0; i < rows->count; i++) {
    const double change = cblas_ddot((int)width, rows->rows + i * width, 1, delta, 1);
    largest = fmax(largest, fabs(change - rows->changes[i]));
  }
  return largest;
}
