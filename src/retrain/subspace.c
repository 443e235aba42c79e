#include "retrain/subspace.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

const double lml_subspace_tolerance = 1e-8;

/** Ranks that are thought about, vectors beyond them that make those exact, and how often the sample is applied. */
enum { MOST_RANK = 96, RANK_STEP = 16, SPARE = 16, PASSES = 4 };

/** By the rest that this many vectors leave, it is judged which rows the space is for. */
enum { JUDGING_RANK = 48 };

static const char what[] = "the space that rows lie in";

void lml_subspace_free(lml_subspace *subspace) {
  lml_free(subspace->inverse);
  lml_free(subspace->project);
  lml_free(subspace->lift);
  *subspace = (lml_subspace){0};
}

/* ---- finding it ---- */

/** What finding it needs. */
typedef struct search {
  lml_subspace *subspace;
  double *sample; /**< count × width, in units of the columns' root mean squares; the first ones times `weights` */
  size_t count, fitted;  /**< rows; how many of them the space is fitted to, the others are what it is judged by */
  size_t most;           /**< vectors in the basis */
  double *basis;         /**< most × width, vector behind vector */
  double *sorted;        /**< room for another */
  double *small;         /**< count × most, what of the rows lies along the vectors; and most² */
  double *along;         /**< fitted × most: the same, before the vectors are sorted */
  double *weights;       /**< count */
  double *values, *work; /**< most; 64 × most */
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

static void weigh(search *s, size_t k, double weight) {
  cblas_dscal((int)s->subspace->width, weight / s->weights[k], s->sample + k * s->subspace->width, 1);
  cblas_dscal((int)s->most, weight / s->weights[k], s->small + k * s->most, 1);
  s->weights[k] = weight;
}

/** Let the first rows be those that are fitted, every second one, at equal lengths: small ones are to fit as well. */
static void begin_weights(search *s) {
  const size_t n = s->subspace->width;
  s->fitted = s->count / 2;
  for (size_t k = 0; k < s->fitted; k++) {
    double *row = s->sample + k * n;
    if (k > 0) cblas_dswap((int)n, row, 1, s->sample + 2 * k * n, 1);
    const double length = cblas_dnrm2((int)n, row, 1);
    s->weights[k] = 1.0;
    if (length > 0.0) weigh(s, k, 1.0 / length);
  }
}

/** Numbers that look random and are the same each time (xorshift). */
static void fill_randomly(double *values, size_t count) {
  uint64_t state = UINT64_C(88172645463325252);
  for (size_t i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    values[i] = (double)(state >> 11) * 0x1p-53 - 0.5;
  }
}

static lml_status orthonormalise(search *s, lml_error *error) {
  const int n = (int)s->subspace->width, m = (int)s->most, nwork = 64 * m;
  lapack_int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, n, m, s->basis, n, s->values, s->work, nwork);
  if (info == 0) info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, n, m, m, s->basis, n, s->values, s->work, nwork);
  return info == 0 ? LML_OK : lml_fail(error, LML_ERR_INTERNAL, "%s was not found (dgeqrf: %d)", what, (int)info);
}

/** What of rows lies along each vector: most numbers for each. */
static void put_along(const search *s, const double *rows, size_t count, double *along) {
  const int n = (int)s->subspace->width, m = (int)s->most;
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, m, (int)count, n, 1.0, s->basis, n, rows, n, 0.0, along, m);
}

/** Rotate the basis so that its vectors come in the order of how much of the fitted rows lies along them, and what lies
 *  along them, which comes to be in `small`, with it. */
static lml_status sort_basis(search *s, lml_error *error) {
  const int n = (int)s->subspace->width, m = (int)s->most, rows = (int)s->fitted;
  double *inner = s->small + s->count * s->most, *unsorted = s->basis;
  put_along(s, s->sample, s->fitted, s->along);
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, m, rows, -1.0, s->along, m, 0.0, inner, m);
  const lapack_int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', m, inner, m, s->values, s->work, 64 * m);
  if (info != 0) return lml_fail(error, LML_ERR_INTERNAL, "%s was not found (dsyev: %d)", what, (int)info);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, m, m, 1.0, unsorted, n, inner, m, 0.0, s->sorted, n);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, m, rows, m, 1.0, inner, m, s->along, m, 0.0, s->small, m);
  s->basis = s->sorted;
  s->sorted = unsorted;
  return LML_OK;
}

/** Rows that will not fit anyhow, as those of the defect's core, must not bend the space away from those that do: each
 *  counts by one over the square of the rest that it has. */
static void renew_weights(search *s) {
  const size_t n = s->subspace->width;
  const double limit = lml_subspace_tolerance * (double)n;
  for (size_t k = 0; k < s->fitted; k++) {
    const double *row = s->sample + k * n, *c = s->small + k * s->most, weight = s->weights[k];
    const double rest = cblas_ddot((int)n, row, 1, row, 1) - cblas_ddot(JUDGING_RANK, c, 1, c, 1);
    if (weight > 0.0) weigh(s, k, 1.0 / sqrt(fmax(rest, 0.0) / (weight * weight) + limit));
  }
}

/** The space of the fitted rows' largest singular vectors, by subspace iteration from random vectors. */
static lml_status iterate(search *s, lml_error *error) {
  const int n = (int)s->subspace->width, m = (int)s->most, rows = (int)s->fitted;
  fill_randomly(s->basis, s->most * s->subspace->width);
  put_along(s, s->sample, s->fitted, s->small);
  lml_status status = LML_OK;
  for (int pass = 0; pass < PASSES && status == LML_OK; pass++) {
    if (pass > 0) renew_weights(s);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, m, rows, 1.0, s->sample, n, s->small, m, 0.0, s->basis, n);
    status = orthonormalise(s, error);
    if (status == LML_OK) status = sort_basis(s, error);
  }
  return status;
}

/** Work for a row, in units of that for the whole product, where a part @p inside of all rows lies in the space: one
 *  thin product to know it, one more for those that do. */
static double cost(double rank, double width, double inside) {
  return 2.0 * rank * (1.0 + inside) / width + (1.0 - inside);
}

/** The rank that is best for the rows that the space was not fitted to; 0 where the gain is small. */
static size_t choose_rank(const search *s) {
  const size_t n = s->subspace->width, judged = s->count - s->fitted;
  const double limit = lml_subspace_tolerance * (double)n;
  double *along = s->small, best = 0.8;
  size_t rank = 0;
  const double *rows = s->sample + s->fitted * n;
  put_along(s, rows, judged, along);
  for (size_t r = RANK_STEP; r + SPARE <= s->most; r += RANK_STEP) {
    size_t inside = 0;
    for (size_t k = 0; k < judged; k++) {
      const double length = cblas_ddot((int)n, rows + k * n, 1, rows + k * n, 1);
      const double *c = along + k * s->most;
      if (length - cblas_ddot((int)r, c, 1, c, 1) <= limit) inside++;
    }
    const double work = cost((double)r, (double)n, (double)inside / (double)judged);
    if (work < best) {
      best = work;
      rank = r;
    }
  }
  return rank;
}

static lml_status keep(search *s, size_t rank, lml_error *error) {
  lml_subspace *subspace = s->subspace;
  const size_t n = subspace->width;
  lml_status status = lml_alloc(&subspace->project, rank * n, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&subspace->lift, rank * n, sizeof(double), what, error);
  if (status != LML_OK) return status;
  subspace->rank = rank;
  for (size_t k = 0; k < rank * n; k++) {
    subspace->project[k] = s->basis[k] * subspace->inverse[k % n];
    subspace->lift[k] = s->basis[k] / subspace->inverse[k % n];
  }
  return LML_OK;
}

static lml_status make_room(search *s, lml_error *error) {
  const size_t n = s->subspace->width;
  lml_status status = lml_alloc(&s->basis, s->most * n, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->sorted, s->most * n, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->small, (s->count + s->most) * s->most, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->along, s->count / 2 * s->most, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->weights, s->count, sizeof(double), what, error);
  if (status == LML_OK) status = lml_alloc(&s->values, s->most, sizeof(double), what, error);
  return status == LML_OK ? lml_alloc(&s->work, 64 * s->most, sizeof(double), what, error) : status;
}

lml_status lml_subspace_find(lml_subspace *subspace, double *sample, size_t count, size_t width, lml_error *error) {
  search s = {.subspace = subspace, .sample = sample, .count = count, .most = MOST_RANK + SPARE};
  lml_subspace_free(subspace);
  subspace->width = width;
  if (4 * s.most > count || width < LML_SUBSPACE_LEAST_WIDTH) return LML_OK;
  lml_status status = make_room(&s, error);
  if (status == LML_OK) status = measure_columns(&s, error);
  if (status == LML_OK) {
    begin_weights(&s);
    status = iterate(&s, error);
  }
  const size_t rank = status == LML_OK ? choose_rank(&s) : 0;
  if (rank > 0) status = keep(&s, rank, error);
  lml_free(s.basis);
  lml_free(s.sorted);
  lml_free(s.small);
  lml_free(s.along);
  lml_free(s.weights);
  lml_free(s.values);
  lml_free(s.work);
  return status;
}

/* ---- using it ---- */

/** Σ (xᵢ yᵢ)², in as many partial sums as keep the processor busy. */
static double scaled_square(const double *x, const double *y, size_t n) {
  enum { PARTS = 8 };
  double parts[PARTS] = {0.0}, sum = 0.0;
  size_t i = 0;
  for (; i + PARTS <= n; i += PARTS)
    for (size_t k = 0; k < PARTS; k++) {
      const double scaled = x[i + k] * y[i + k];
      parts[k] += scaled * scaled;
    }
  for (; i < n; i++) sum += x[i] * y[i] * (x[i] * y[i]);
  for (size_t k = 0; k < PARTS; k++) sum += parts[k];
  return sum;
}

void lml_subspace_project(const lml_subspace *subspace, const double *rows, size_t count, double *c,
                          unsigned char *inside, double *left_out) {
  const size_t n = subspace->width, rank = subspace->rank;
  const double limit = lml_subspace_tolerance * (double)n;
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)rank, (int)count, (int)n, 1.0, subspace->project, (int)n,
              rows, (int)n, 0.0, c, (int)rank);
  for (size_t k = 0; k < count; k++) {
    const double length = scaled_square(rows + k * n, subspace->inverse, n);
    const double rest = length - cblas_ddot((int)rank, c + k * rank, 1, c + k * rank, 1);
    inside[k] = rest <= limit; /* false where it is no number */
    if (inside[k])
      *left_out += rest > 0.0 ? rest : 0.0;
    else
      memset(c + k * rank, 0, rank * sizeof *c);
  }
}

void lml_subspace_expand(const lml_subspace *subspace, const double *products, double *gram, double *scratch) {
  const int n = (int)subspace->width, r = (int)subspace->rank;
  double *half = scratch, *inner = scratch + subspace->rank * subspace->width;
  /* With S = Σ w c cᵀ = K projected, and Y = K − ½ S lift: Σ = liftᵀ Y + Yᵀ lift. */
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, r, r, n, 1.0, subspace->project, n, products, n, 0.0, inner, r);
  memcpy(half, products, subspace->rank * subspace->width * sizeof *half);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, r, r, -0.5, subspace->lift, n, inner, r, 1.0, half, n);
  cblas_dsyr2k(CblasColMajor, CblasLower, CblasNoTrans, n, r, 1.0, subspace->lift, n, half, n, 1.0, gram, n);
}
