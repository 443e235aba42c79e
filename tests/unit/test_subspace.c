/* The sums over rows that lie nearly in a space of few dimensions, and the change of descriptors to a centre, against
 * the same sums made row by row. */
#include <cblas.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "retrain/accumulate/subspace.h"
#include "retrain/rows/descriptor_shift.h"
#include "support/near.h"

enum { WIDTH = 900, ROWS = 4000, INNER = 20 };

static uint64_t state = 42;

static double noise(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) * 0x1p-52 - 1.0;
}

static double *numbers(size_t count) {
  double *array;
  assert_int_equal(lml_alloc(&array, count, sizeof *array, "test numbers", NULL), LML_OK);
  return array;
}

/** Rows of very different lengths, with columns of very different sizes, that lie in a space of INNER dimensions but
 * for
 *  @p rest of their length; every @p wild-th row is anywhere. */
static double *make_rows(double rest, size_t wild) {
  double *rows = numbers(ROWS * WIDTH), *space = numbers(INNER * WIDTH);
  for (size_t k = 0; k < INNER * WIDTH; k++) space[k] = noise();
  for (size_t row = 0; row < ROWS; row++) {
    double *to = rows + row * WIDTH;
    const double length = pow(10.0, 2.0 * noise() - 2.0);
    for (size_t v = 0; v < INNER; v++) cblas_daxpy(WIDTH, length * noise(), space + v * WIDTH, 1, to, 1);
    for (size_t i = 0; i < WIDTH; i++) to[i] += length * rest * noise();
    for (size_t i = 0; i < WIDTH && row % wild == 0; i++) to[i] = noise();
    for (size_t i = 0; i < WIDTH; i++) to[i] *= i == 7 ? 0.0 : pow(10.0, (double)(i % 9) - 4.0);
  }
  lml_free(space);
  return rows;
}

static void find(lml_subspace *subspace, const double *rows) {
  double *sample = numbers(LML_SUBSPACE_SAMPLE * WIDTH), shares[LML_SUBSPACE_SAMPLE];
  for (size_t k = 0; k < LML_SUBSPACE_SAMPLE; k++) shares[k] = 1.0;
  memcpy(sample, rows, LML_SUBSPACE_SAMPLE * WIDTH * sizeof *sample);
  assert_int_equal(lml_subspace_find(subspace, sample, shares, LML_SUBSPACE_SAMPLE, WIDTH, NULL), LML_OK);
  lml_free(sample);
}

/** Sum with the space, and without; compare in units of the diagonal, with @p part of the tolerance. Returns how many
 *  rows lay in it. */
static size_t compare(const lml_subspace *subspace, const double *rows, double part) {
  const size_t r = subspace->rank;
  double *gram = numbers(WIDTH * WIDTH), *exact = numbers(WIDTH * WIDTH), *products = numbers(r * WIDTH);
  double *c = numbers(ROWS * r), *scratch = numbers(r * WIDTH), neglected = 0.0, missing = 0.0;
  double *sketches = numbers(ROWS * LML_SUBSPACE_SKETCH), *inner = numbers(r * r);
  lml_row_place places[ROWS];
  size_t count = 0;
  lml_subspace_project(subspace, rows, ROWS, c, places, &neglected, sketches);
  for (size_t k = 0; k < ROWS; k++) {
    count += places[k] != LML_ROW_OUTSIDE;
    const size_t used = places[k] == LML_ROW_LEADING ? subspace->nleading : r;
    for (size_t i = 0; i < r; i++)
      for (size_t j = 0; j <= i; j++) {
        const double sign = i < used ? 1.0 : j < used ? 0.0 : -1.0;
        inner[j * r + i] += 2.0 * sign * c[k * r + i] * c[k * r + j];
      }
    if (places[k] != LML_ROW_OUTSIDE)
      cblas_dger(CblasColMajor, WIDTH, (int)used, 2.0, rows + k * WIDTH, 1, c + k * r, 1, products, WIDTH);
    else
      cblas_dsyr(CblasColMajor, CblasLower, WIDTH, 2.0, rows + k * WIDTH, 1, gram, WIDTH);
  }
  lml_subspace_expand(subspace, products, inner, gram, scratch);
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, WIDTH, ROWS, 2.0, rows, WIDTH, 0.0, exact, WIDTH);
  for (size_t i = 0; i < WIDTH; i++)
    for (size_t j = i; j < WIDTH; j++) {
      if (subspace->inverse[i] > 1e100 || subspace->inverse[j] > 1e100) continue; /* of the column that is empty */
      const double scale = sqrt(exact[i * (WIDTH + 1)] * exact[j * (WIDTH + 1)]);
      if (scale == 0.0) continue;
      const double difference = (exact[i * WIDTH + j] - gram[i * WIDTH + j]) / scale;
      if (fabs(difference) > part * lml_subspace_tolerance) fail_msg("(%zu, %zu) is off by %g", i, j, difference);
      if (i == j) missing += 0.5 * (exact[i * WIDTH + j] - gram[i * WIDTH + j]) * pow(subspace->inverse[i], 2);
    }
  /* What is missing on the diagonal is about what was said to be left out; products of different parts cancel. */
  assert_near(missing, neglected, 5e-2 * neglected + 1e-2 * lml_subspace_tolerance * WIDTH * ROWS);
  lml_free(gram);
  lml_free(exact);
  lml_free(products);
  lml_free(c);
  lml_free(scratch);
  lml_free(sketches);
  lml_free(inner);
  return count;
}

static void nearly_flat_rows_are_summed_cheaply_and_well(void **unused) {
  (void)unused;
  double *rows = make_rows(1e-7, 10);
  lml_subspace subspace = {0};
  find(&subspace, rows);
  assert_in_range(subspace.rank, INNER, 64);
  const size_t inside = compare(&subspace, rows, 0.1);
  assert_in_range(inside, ROWS * 85 / 100, ROWS * 90 / 100);
  lml_subspace_free(&subspace);
  lml_free(rows);
}

static void what_is_left_out_stays_below_the_tolerance(void **unused) {
  (void)unused;
  double *rows = make_rows(1e-4, ROWS);
  lml_subspace subspace = {0};
  find(&subspace, rows);
  assert_true(subspace.rank > 0);
  assert_true(compare(&subspace, rows, 2.0) > 0);
  lml_subspace_free(&subspace);
  lml_free(rows);
}

static void rows_that_are_anywhere_have_no_space(void **unused) {
  (void)unused;
  double *rows = make_rows(1.0, 1);
  lml_subspace subspace = {0};
  find(&subspace, rows);
  assert_int_equal(subspace.rank, 0);
  lml_subspace_free(&subspace);
  lml_free(rows);
}

/** A column that was empty in the sample: a row that has something there is summed as it is. */
static void what_the_sample_has_not_seen_is_outside(void **unused) {
  (void)unused;
  double *rows = make_rows(1e-7, ROWS);
  lml_subspace subspace = {0};
  find(&subspace, rows);
  for (size_t k = 0; k < ROWS; k += 3) rows[k * WIDTH + 7] = 1e-30;
  assert_in_range(compare(&subspace, rows, 0.1), ROWS / 2, ROWS * 2 / 3);
  lml_subspace_free(&subspace);
  lml_free(rows);
}

/* ---- the centre ---- */

enum { N = 6, ELEMENTS = 2, ALL = ELEMENTS * (N + 1) * (N + 2) / 2 };

/** The descriptors of an atom of one element; returns what comes behind them. */
static double *put_element(const double b[N], double *to) {
  *to++ = 1.0;
  for (size_t i = 0; i < N; i++) *to++ = b[i];
  for (size_t i = 0; i < N; i++)
    for (size_t j = i; j < N; j++) *to++ = (i == j ? 0.5 : 1.0) * b[i] * b[j];
  return to;
}

/** The descriptors of one atom of each element, with components @p b. */
static void put_descriptors(const double b[ELEMENTS][N], double row[ALL]) {
  double *to = row;
  for (size_t e = 0; e < ELEMENTS; e++) to = put_element(b[e], to);
}
static void counting_from_a_centre_changes_no_result(void **unused) {
  (void)unused;
  lml_shift shift;
  double theta[ALL], centred[ALL], gram[ALL * ALL] = {0}, exact[ALL * ALL] = {0}, rhs[ALL] = {0}, sum[ALL] = {0};
  assert_int_equal(lml_shift_make(&shift, ELEMENTS, N, NULL), LML_OK);
  for (size_t k = 0; k < ELEMENTS * N; k++) shift.values[k] = 3.0 * noise();
  for (size_t k = 0; k < ALL; k++) centred[k] = theta[k] = noise();
  lml_shift_coefficients(&shift, centred);
  for (size_t k = 0; k < 200; k++) {
    double b[ELEMENTS][N], deviation[ELEMENTS][N], row[ALL], expected[ALL], changed[ALL];
    for (size_t i = 0; i < ELEMENTS * N; i++) {
      b[i / N][i % N] = 3.0 * noise();
      deviation[i / N][i % N] = b[i / N][i % N] - shift.values[i];
    }
    put_descriptors(b, row);
    put_descriptors(deviation, expected);
    memcpy(changed, row, sizeof row);
    lml_shift_row(&shift, changed);
    for (size_t i = 0; i < ALL; i++) assert_near(changed[i], expected[i], 1e-13);
    assert_near(cblas_ddot(ALL, changed, 1, centred, 1), cblas_ddot(ALL, row, 1, theta, 1), 1e-12);
    cblas_dsyr(CblasColMajor, CblasLower, ALL, 1.0, changed, 1, gram, ALL);
    cblas_dsyr(CblasColMajor, CblasLower, ALL, 1.0, row, 1, exact, ALL);
    cblas_daxpy(ALL, theta[k % ALL], changed, 1, rhs, 1);
    cblas_daxpy(ALL, theta[k % ALL], row, 1, sum, 1);
  }
  lml_shift_restore(&shift, rhs);
  lml_shift_restore_matrix(&shift, gram);
  for (size_t i = 0; i < ALL; i++) {
    assert_near(rhs[i], sum[i], 1e-10);
    for (size_t j = i; j < ALL; j++) assert_near(gram[i * ALL + j], exact[i * ALL + j], 1e-9);
  }
  lml_shift_free(&shift);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nearly_flat_rows_are_summed_cheaply_and_well),
                                     cmocka_unit_test(what_is_left_out_stays_below_the_tolerance),
                                     cmocka_unit_test(rows_that_are_anywhere_have_no_space),
                                     cmocka_unit_test(what_the_sample_has_not_seen_is_outside),
                                     cmocka_unit_test(counting_from_a_centre_changes_no_result)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
