#include "retrain/accumulate/subspace.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

const double lml_subspace_tolerance = 1e-7;

/** Ranks that are thought about, and how often rows are weighed again. */
enum { MOST_RANK = 112, RANK_STEP = 16, PASSES = 4 };

/** By the rest that this many vectors leave, it is judged which rows the space is for: few beside the rows that are
 *  fitted, or else all of these fit. */
enum { JUDGING_RANK = 24 };

static const char what[] = "the space that rows lie in";

void lml_subspace_free(lml_subspace *subspace) {
  lml_free(subspace->inverse);
  lml_free(subspace->signed_inverse);
  lml_free(subspace->basis);
  lml_free(subspace->sketches);
  *subspace = (lml_subspace){0};
}

/* ---- sketches ---- */

/** Elements k, k + LML_SUBSPACE_SKETCH, … of a row, in units of the root mean squares and with their signs, make up the
 *  k-th number of its sketch. */
static void make_sketches(const lml_subspace *subspace, const double *rows, size_t count, double *sketches) {
  const size_t n = subspace->width;
  for (size_t row = 0; row < count; row++) {
    const double *x = rows + row * n;
    double *restrict sketch = sketches + row * LML_SUBSPACE_SKETCH;
    memset(sketch, 0, LML_SUBSPACE_SKETCH * sizeof *sketch);
    for (size_t first = 0; first < n; first += LML_SUBSPACE_SKETCH) {
      const size_t size = n - first < LML_SUBSPACE_SKETCH ? n - first : LML_SUBSPACE_SKETCH;
      const double *factors = subspace->signed_inverse + first;
      for (size_t k = 0; k < size; k++) sketch[k] += factors[k] * x[first + k];
    }
  }
}

/* ---- finding it ---- */

/** What finding it needs. */
typedef struct search {
  lml_subspace *subspace;
  double *sample; /**< count × width, in units of the columns' root mean squares */
  double *shares; /**< count */
  size_t count,
      fitted;      /**< rows; how many of them, the first ones, the space is fitted to; others are to judge it by */
  size_t most;     /**< vectors in the basis */
  double *basis;   /**< most × width, vector after vector */
  double *inner;   /**< fitted²: inner products of rows */
  double *weights; /**< fitted: of rows, not of their squares */
  double *vectors; /**< fitted²: eigenvectors of the inner products with weights, largest eigenvalue last */
  double *values, *work; /**< fitted; 64 × fitted */
  double *along;         /**< most × rows that are judged */
  double *squares;       /**< of these rows */
} search;

/** Column i's root mean square, so small where there is nothing that any row with something there is outside. */
static lml_status measure_columns(search *s, lml_error *error) {
  const size_t n = s->subspace->width;
  const lml_status status = lml_alloc(&s->subspace->inverse, n, sizeof(double), what, error);
  if (status != LML_OK) return status;
  double *inverse = s->subspace->inverse;
  for (size_t k = 0; k < s->count; k++)
    for (size_t i = 0; i < n; i++) inverse[i] += s->sample[k * n + i] * s->sample[k * n + i];
  for (size_t i = 0; i < n; i++) inverse[i] = inverse[i] > 0.0 ? sqrt((double)s->count / inverse[i]) : 1e150;
  for (size_t k = 0; k < s->count; k++)
    for (size_t i = 0; i < n; i++) s->sample[k * n + i] *= inverse[i];
  return LML_OK;
}

/** Let the first rows be those that are fitted, every second one, at equal lengths: small ones are to fit as well. */
static void begin_fit(search *s) {
  const size_t n = s->subspace->width;
  for (size_t k = 1; k < s->fitted; k++) {
    cblas_dswap((int)n, s->sample + k * n, 1, s->sample + 2 * k * n, 1);
    cblas_dswap(1, s->shares + k, 1, s->shares + 2 * k, 1);
  }
  cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, (int)s->fitted, (int)n, 1.0, s->sample, (int)n, 0.0, s->inner,
              (int)s->fitted);
  for (size_t k = 0; k < s->fitted; k++) {
    const double square = s->inner[k * (s->fitted + 1)];
    s->weights[k] = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
  }
}

static lml_status find_vectors(search *s, lml_error *error) {
  const int f = (int)s->fitted;
  for (size_t i = 0; i < s->fitted; i++)
    for (size_t j = i; j < s->fitted; j++)
      s->vectors[i * s->fitted + j] = s->inner[i * s->fitted + j] * s->weights[i] * s->weights[j];
  const lapack_int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', f, s->vectors, f, s->values, s->work, 64 * f);
  return info == 0 ? LML_OK : lml_fail(error, LML_ERR_INTERNAL, "%s was not found (dsyev: %d)", what, (int)info);
}

/** Rows that will not fit anyhow, as those of the defect's core, must not bend the space away from those that do: each
 *  counts by one over the square of the rest that it has. */
static void renew_weights(search *s) {
  const double limit = lml_subspace_tolerance * (double)s->subspace->width;
  for (size_t k = 0; k < s->fitted; k++) {
    double square = 0.0;
    for (size_t v = s->fitted - JUDGING_RANK; v < s->fitted; v++) {
      const double part = s->vectors[v * s->fitted + k];
      square += s->values[v] * part * part;
    }
    if (!(s->weights[k] > 0.0)) continue;
    const double rest = s->inner[k * (s->fitted + 1)] - square / (s->weights[k] * s->weights[k]);
    s->weights[k] = 1.0 / sqrt(fmax(rest, 0.0) + limit);
  }
}

/** The largest singular vectors of the fitted rows with their weights, the largest first. */
static lml_status put_basis(search *s, lml_error *error) {
  const int n = (int)s->subspace->width, m = (int)s->most, f = (int)s->fitted, nwork = 64 * f;
  for (size_t v = 0; v < s->most; v++) {
    const double *vector = s->vectors + (s->fitted - 1 - v) * s->fitted;
    for (size_t k = 0; k < s->fitted; k++) s->inner[v * s->fitted + k] = vector[k] * s->weights[k];
  }
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, m, f, 1.0, s->sample, n, s->inner, f, 0.0, s->basis, n);
  lapack_int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, n, m, s->basis, n, s->values, s->work, nwork);
  if (info == 0) info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, n, m, m, s->basis, n, s->values, s->work, nwork);
  return info == 0 ? LML_OK : lml_fail(error, LML_ERR_INTERNAL, "%s was not found (dgeqrf: %d)", what, (int)info);
}

/** Fit the basis to the first rows. */
static lml_status fit(search *s, lml_error *error) {
  begin_fit(s);
  lml_status status = find_vectors(s, error);
  for (int pass = 1; pass < PASSES && status == LML_OK; pass++) {
    renew_weights(s);
    status = find_vectors(s, error);
  }
  return status == LML_OK ? put_basis(s, error) : status;
}

/** Where a row lies that has the rest @p first with the first few vectors, and @p all with all of them: what is left
 *  out of the sums is the product of the two, or the square of the second. */
static lml_row_place classify(const lml_subspace *subspace, double first, double all) {
  const double limit = lml_subspace_tolerance * (double)subspace->width;
  if (first * all <= limit * limit) return LML_ROW_LEADING;
  return all <= limit ? LML_ROW_INSIDE : LML_ROW_OUTSIDE;
}

/** Parts of the rows that were not fitted, by their shares, that lie where @p nleading and @p rank vectors are used. */
static void measure_parts(const search *s, size_t nleading, size_t rank, double parts[3]) {
  double all = 0.0;
  for (int k = 0; k < 3; k++) parts[k] = 0.0;
  for (size_t k = s->fitted; k < s->count; k++) {
    const double *c = s->along + (k - s->fitted) * s->most, square = s->squares[k - s->fitted];
    const double first = square - cblas_ddot((int)nleading, c, 1, c, 1),
                 rest = square - cblas_ddot((int)rank, c, 1, c, 1);
    parts[classify(s->subspace, fmax(first, 0.0), fmax(rest, 0.0))] += s->shares[k];
    all += s->shares[k];
  }
  for (int k = 0; k < 3 && all > 0.0; k++) parts[k] /= all;
}

/** Work for a row, in units of that for the whole product: its sketch, and thin or whole products. */
static double cost(double width, double nleading, double rank, const double parts[3]) {
  const double sketch = 2.0 * rank * LML_SUBSPACE_SKETCH / (width * width);
  return sketch + 2.0 * nleading / width + 2.0 * rank / width * parts[LML_ROW_INSIDE] + parts[LML_ROW_OUTSIDE];
}

/** The ranks that are best for these rows, of which the larger is returned; 0 where the gain is small. */
static size_t choose_ranks(const search *s, size_t *nleading) {
  const int n = (int)s->subspace->width, m = (int)s->most, screened = (int)(s->count - s->fitted);
  const double *rows = s->sample + s->fitted * s->subspace->width;
  double best = 0.8;
  size_t rank = 0;
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, m, screened, n, 1.0, s->basis, n, rows, n, 0.0, s->along, m);
  for (int k = 0; k < screened; k++) s->squares[k] = cblas_ddot(n, rows + k * n, 1, rows + k * n, 1);
  for (size_t r = RANK_STEP; r <= s->most; r += RANK_STEP)
    for (size_t first = RANK_STEP; first <= r; first += RANK_STEP) {
      double parts[3];
      measure_parts(s, first, r, parts);
      const double work = cost((double)n, (double)first, (double)r, parts);
      if (work >= best) continue;
      best = work;
      rank = r;
      *nleading = first;
    }
  return rank;
}

/** Signs that look random and are the same each time (xorshift). */
static void draw_signs(lml_subspace *subspace) {
  uint64_t state = UINT64_C(88172645463325252);
  for (size_t i = 0; i < subspace->width; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    subspace->signed_inverse[i] = state >> 63 ? -subspace->inverse[i] : subspace->inverse[i];
  }
}

/** The signs; and vectors of the same space whose sketches are orthonormal. */
static lml_status prepare_sketches(search *s, lml_error *error) {
  lml_subspace *subspace = s->subspace;
  const int n = (int)subspace->width, rows = LML_SUBSPACE_SKETCH, rank = (int)subspace->rank;
  const int nwork = 64 * (int)s->fitted;
  double *sketches = subspace->sketches;
  draw_signs(subspace);
  make_sketches(subspace, subspace->basis, subspace->rank, sketches);
  lapack_int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, rank, sketches, rows, s->values, s->work, nwork);
  if (info == 0) {
    cblas_dtrsm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, n, rank, 1.0, sketches, rows,
                subspace->basis, n);
    info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, rows, rank, rank, sketches, rows, s->values, s->work, nwork);
  }
  return info == 0 ? LML_OK : lml_fail(error, LML_ERR_INTERNAL, "%s was not found (dgeqrf: %d)", what, (int)info);
}

static lml_status keep(search *s, size_t rank, lml_error *error) {
  lml_subspace *subspace = s->subspace;
  const size_t n = subspace->width;
  lml_status status = lml_alloc(&subspace->basis, rank * n, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&subspace->signed_inverse, n, sizeof(double), what, error);
  if (status == LML_OK)
    status = lml_alloc(&subspace->sketches, rank * LML_SUBSPACE_SKETCH, sizeof(double), what, error);
  if (status != LML_OK) return status;
  subspace->rank = rank;
  for (size_t k = 0; k < rank * n; k++) subspace->basis[k] = s->basis[k] / subspace->inverse[k % n];
  return prepare_sketches(s, error);
}

static lml_status make_room(search *s, lml_error *error) {
  const size_t n = s->subspace->width, f = s->fitted;
  lml_status status = lml_alloc(&s->basis, s->most * n, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->inner, f * f, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->weights, f, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->vectors, f * f, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->values, f, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->work, 64 * f, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->squares, s->count - f, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&s->along, (s->count - f) * s->most, sizeof(double), what, error) : status;
}

static void free_room(search *s) {
  lml_free(s->basis);
  lml_free(s->inner);
  lml_free(s->weights);
  lml_free(s->vectors);
  lml_free(s->values);
  lml_free(s->work);
  lml_free(s->along);
  lml_free(s->squares);
}

lml_status lml_subspace_find(lml_subspace *subspace, double *sample, double *shares, size_t count, size_t width,
                             lml_error *error) {
  search s = {.subspace = subspace, .sample = sample, .shares = shares, .count = count, .fitted = count / 2};
  s.most = s.fitted < MOST_RANK ? s.fitted : MOST_RANK;
  lml_subspace_free(subspace);
  subspace->width = width;
  if (s.fitted <= JUDGING_RANK || width < LML_SUBSPACE_LEAST_WIDTH) return LML_OK;
  lml_status status = make_room(&s, error);
  if (status == LML_OK) status = measure_columns(&s, error);
  if (status == LML_OK) status = fit(&s, error);
  const size_t rank = status == LML_OK ? choose_ranks(&s, &subspace->nleading) : 0;
  if (rank > 0) status = keep(&s, rank, error);
  free_room(&s);
  return status;
}

/* ---- using it ---- */

/** |e|² of a row of which @p rank vectors are used, from its sketch. Of that of e, a part lies along those of the
 *  vectors: it is missing from the rest, and adds as much to e. */
static double measure_rest(double square, const double *along, size_t rank) {
  const double part = (double)rank / LML_SUBSPACE_SKETCH;
  return (1.0 + part) / (1.0 - part) * (square - cblas_ddot((int)rank, along, 1, along, 1));
}

/** Where a row lies, and |e|² with all vectors. Outside, what lies along them is set to zero. */
static lml_row_place place_row(const lml_subspace *subspace, const double *sketch, double *along, double *rest) {
  const double square = cblas_ddot(LML_SUBSPACE_SKETCH, sketch, 1, sketch, 1);
  const double first = fmax(measure_rest(square, along, subspace->nleading), 0.0);
  *rest = fmax(measure_rest(square, along, subspace->rank), 0.0);
  const lml_row_place place = isfinite(square) ? classify(subspace, first, *rest) : LML_ROW_OUTSIDE;
  if (place == LML_ROW_OUTSIDE) {
    memset(along, 0, subspace->rank * sizeof *along);
    *rest = 0.0;
  }
  return place;
}

void lml_subspace_project(const lml_subspace *subspace, const double *rows, size_t count, double *c,
                          lml_row_place *places, double *neglected, double *sketches) {
  const int rank = (int)subspace->rank, size = LML_SUBSPACE_SKETCH;
  make_sketches(subspace, rows, count, sketches);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rank, (int)count, size, 1.0, subspace->sketches, size, sketches,
              size, 0.0, c, rank);
  for (size_t k = 0; k < count; k++) {
    double rest;
    places[k] = place_row(subspace, sketches + k * LML_SUBSPACE_SKETCH, c + k * subspace->rank, &rest);
    *neglected += rest;
  }
}

void lml_subspace_expand(const lml_subspace *subspace, const double *products, const double *inner, double *gram,
                         double *scratch) {
  const int n = (int)subspace->width, r = (int)subspace->rank;
  memcpy(scratch, products, subspace->rank * subspace->width * sizeof *scratch);
  /* With Y = K − ½ V M: V Kᵀ + K Vᵀ − V M Vᵀ = V Yᵀ + Y Vᵀ. */
  cblas_dsymm(CblasColMajor, CblasRight, CblasLower, n, r, -0.5, inner, r, subspace->basis, n, 1.0, scratch, n);
  cblas_dsyr2k(CblasColMajor, CblasLower, CblasNoTrans, n, r, 1.0, subspace->basis, n, scratch, n, 1.0, gram, n);
}
