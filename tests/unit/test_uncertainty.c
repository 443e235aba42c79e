/* The files of an uncertainty: what is written is read, and what does not belong to the potential is refused. What a
 * calculator makes of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "potential/linear_calculator.h"
#include "potential/uncertainty.h"
#include "support/fault.h"
#include "support/folder.h"

/** Made-up coefficients of two elements with 2J = 0 (one component). */
static const char snapparam[] = "rcutfac 4.5\ntwojmax 0\nquadraticflag 0\n";
static const char snapcoeff[] = "2 2\nW 0.5 1.0\n0.1\n0.02\nBe 0.4 0.7\n-0.3\n0.04\n";

enum { WIDTH = 4, RANK = 2 };
static const double factor[WIDTH * RANK] = {1.5, -2, 0.25, 1e-9, 0, 3, 4, 1.0 / 3};

static lml_potential *potential;

static lml_potential *read_potential(const char *name, const char *coefficients) {
  char parameters[64];
  lml_potential *read;
  lml_error error = {0};
  snprintf(parameters, sizeof parameters, "%sparam", name);
  write_text(name, coefficients);
  if (lml_potential_read(in_folder(name), write_text(parameters, snapparam), LML_FIXED_TERMS_NONE, &read, &error) !=
      LML_OK)
    fail_msg("%s", error.message);
  return read;
}

static int set_up(void **state) {
  if (make_folder(state) != 0) return -1;
  potential = read_potential("w.snapcoeff", snapcoeff);
  return 0;
}

static int tear_down(void **state) {
  lml_potential_destroy(potential);
  return remove_folder(state);
}

/** Distances of the first element; of the second there was one atom. */
static void make(lml_uncertainty *u) {
  *u = (lml_uncertainty){.kind = LML_UNCERTAINTY_POPS,
                         .width = WIDTH,
                         .rank = RANK,
                         .share = 0.75,
                         .calibration = {1.25, 1.0, 0.01, 3, 30},
                         .nrows = 90};
  assert_int_equal(lml_alloc(&u->factor, WIDTH * RANK, sizeof(double), "a factor", NULL), LML_OK);
  memcpy(u->factor, factor, sizeof factor);
  assert_int_equal(lml_uncertainty_make_distances(u, 2, 1, NULL), LML_OK);
  u->distances[0].natoms = 7;
  u->distances[0].mean[0] = 0.5;
  u->distances[0].factor[0] = 2.0;
  u->distances[0].epsilon = 1e-8;
  for (size_t k = 0; k < LML_DISTANCE_QUANTILES; k++) u->distances[0].quantiles[k] = (double)k + 0.5;
  u->distances[1].natoms = 1;
}

static void write_files(void) {
  lml_uncertainty u;
  lml_uncertainty_files files;
  make(&u);
  assert_int_equal(lml_uncertainty_write(&u, potential, in_folder("w.snapcoeff"), &files, NULL), LML_OK);
  assert_int_equal(lml_uncertainty_commit(&files, NULL), LML_OK);
  lml_uncertainty_free(&u);
}

static lml_status read_files(const lml_potential *of, lml_uncertainty *u, lml_error *error) {
  return lml_uncertainty_read(in_folder("w.uncertainty.json"), of, u, error);
}

static void what_was_written_is_read(void **state) {
  (void)state;
  lml_uncertainty u;
  write_files();
  assert_int_equal(read_files(potential, &u, NULL), LML_OK);
  assert_int_equal(u.kind, LML_UNCERTAINTY_POPS);
  assert_int_equal(u.rank, RANK);
  assert_memory_equal(u.factor, factor, sizeof factor);
  assert_true(u.share == 0.75 && u.nrows == 90);
  assert_true(u.calibration.alpha == 1.25 && u.calibration.alpha_noise == 1.0 && u.calibration.noise == 0.01);
  assert_true(u.calibration.nfolds == 3 && u.calibration.nrows == 30);
  assert_true(u.distances[0].natoms == 7 && u.distances[0].mean[0] == 0.5 && u.distances[0].factor[0] == 2.0);
  assert_true(u.distances[0].epsilon == 1e-8 && u.distances[0].quantiles[4] == 4.5);
  assert_int_equal(u.distances[1].natoms, 1);
  lml_uncertainty_free(&u);
}

static void a_distance_is_that_of_the_factor(void **state) {
  (void)state;
  double mean[2] = {1, 2}, triangle[4] = {2, 1, 0, 3};
  const lml_atom_distance distance = {.natoms = 2, .mean = mean, .factor = triangle};
  const double components[4] = {2, -1, 4, -1}; /* B − μ = (1, 2): Rᵀ times it is (2, 7) */
  assert_true(lml_atom_distance_square(&distance, 2, components, 2) == 53.0);
}

/** Reading fails with a message that has both words. */
static void assert_refused(const lml_potential *of, const char *file, const char *word) {
  lml_uncertainty u;
  lml_error error = {0};
  assert_int_equal(read_files(of, &u, &error), LML_ERR_INPUT);
  if (strstr(error.message, file) == NULL || strstr(error.message, word) == NULL) fail_msg("%s", error.message);
  assert_null(u.factor);
  assert_null(u.distances);
}

static void other_potentials_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *coefficients, *word;
  } others[] = {{"2 2\nW 0.5 1.0\n0.1\n0.0200001\nBe 0.4 0.7\n-0.3\n0.04\n", "potential.coefficients_sha256"},
                {"2 2\nW 0.5 1.0\n0.1\n0.02\nBe 0.41 0.7\n-0.3\n0.04\n", "potential.descriptors_sha256"},
                {"2 2\nBe 0.5 1.0\n0.1\n0.02\nW 0.4 0.7\n-0.3\n0.04\n", "potential.elements"},
                {"1 2\nW 0.5 1.0\n0.1\n0.02\n", "potential.elements"}};
  write_files();
  for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
    lml_potential *other = read_potential("o.snapcoeff", others[k].coefficients);
    assert_refused(other, "w.uncertainty.json", others[k].word);
    lml_potential_destroy(other);
  }
}

/** The JSON file with @p from replaced by @p to. */
static void change(const char *from, const char *to) {
  char *text, changed[4096];
  size_t length;
  write_files();
  assert_int_equal(lml_file_read(in_folder("w.uncertainty.json"), &text, &length, NULL), LML_OK);
  char *at = strstr(text, from);
  if (at == NULL) fail_msg("%s is not in the file", from);
  snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  write_text("w.uncertainty.json", changed);
  lml_free(text);
}

static void damaged_files_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *from, *to, *word;
  } changes[] = {{"\"version\": 1", "\"version\": 2", "version 2 is not known"},
                 {"\"lmlink-uncertainty\"", "\"lmlink-report\"", "format"},
                 {"\"rank\": 2", "\"rank\": 3", "4 coefficients by rank 3"},
                 {"\"rank\": 2", "\"rank\": 0", "factor.rank"},
                 {"\"sha256\": \"", "\"sha256\": \"0", "their order"},
                 {"\"kind\": \"pops\"", "\"kind\": \"bayes\"", "factor.kind"},
                 {"\"folds\": 3", "\"folds\": 1", "factor.calibration.folds"},
                 {"\"noise\": 0.01", "\"noise\": -1", "factor.calibration.noise"},
                 {"\"components\": 1", "\"components\": 2", "distance.components"},
                 {"\"mean\": [0.5]", "\"mean\": [0.5, 1]", "must be 1 numbers, not 2"},
                 {"\"factor\": [", "\"factor\": [1, ", "must be 1 numbers, not 2"},
                 {"\"Be\":", "\"B\":", "distance.elements"},
                 {"\"epsilon\"", "\"eps\"", "eps"}};
  for (size_t k = 0; k < sizeof changes / sizeof changes[0]; k++) {
    change(changes[k].from, changes[k].to);
    assert_refused(potential, "w.uncertainty", changes[k].word);
  }
}

static void write_factor(const double *values, const size_t shape[2]) {
  lml_npy_writer *writer;
  assert_int_equal(lml_npy_create(in_folder("w.uncertainty.npy"), shape, 2, &writer, NULL), LML_OK);
  assert_int_equal(lml_npy_write(writer, values, shape[0] * shape[1], NULL), LML_OK);
  assert_int_equal(lml_npy_commit(writer, NULL), LML_OK);
}

static void other_factors_are_refused(void **state) {
  (void)state;
  double swapped[WIDTH * RANK]; /* rows in another order */
  memcpy(swapped, factor + RANK, (WIDTH - 1) * RANK * sizeof(double));
  memcpy(swapped + (WIDTH - 1) * RANK, factor, RANK * sizeof(double));
  write_files();
  write_factor(swapped, (const size_t[]){WIDTH, RANK});
  assert_refused(potential, "w.uncertainty.npy", "their order");
  write_factor(factor, (const size_t[]){RANK, WIDTH});
  assert_refused(potential, "w.uncertainty.npy", "4 coefficients by rank 2");
  write_files();
  assert_int_equal(truncate(in_folder("w.uncertainty.npy"), 128 + 8 * 5), 0);
  assert_refused(potential, "w.uncertainty.npy", "");
  write_files();
  assert_int_equal(truncate(in_folder("w.uncertainty.json"), 300), 0);
  assert_refused(potential, "w.uncertainty.json", "");
}

static void a_missing_factor_is_an_error(void **state) {
  (void)state;
  lml_uncertainty u;
  lml_error error = {0};
  write_files();
  unlink(in_folder("w.uncertainty.npy"));
  assert_int_equal(read_files(potential, &u, &error), LML_ERR_IO);
  assert_non_null(strstr(error.message, "w.uncertainty.npy"));
}

/* ---- evaluated ---- */

static const char *const names[] = {"distance", "sigma_energies", "sigma_forces", "energy_deviations"};
static const lml_request request = {names, 4};

/** A tungsten atom with tungsten neighbours alone, and two that have a beryllium one. */
static lml_structure make_structure(void) {
  static const double positions[4][3] = {{0, 0, 0}, {2.5, 0.3, 0}, {5.5, 0, 0.2}, {9, 0.1, 0}};
  static const int numbers[4] = {74, 74, 74, 4};
  lml_structure structure = {0};
  assert_int_equal(lml_structure_resize(&structure, 4, NULL), LML_OK);
  memcpy(structure.positions, positions, sizeof positions);
  memcpy(structure.numbers, numbers, sizeof numbers);
  return structure;
}

/** All results, before and after the same coefficients are taken over once more. */
static lml_status evaluate(const lml_structure *structure, lml_results *results, lml_error *error) {
  lml_calculator *calculator;
  lml_status status = lml_linear_calculator_create(potential, &calculator, error);
  if (status == LML_OK) status = lml_calculator_check(calculator, &request, error);
  if (status == LML_OK) status = lml_calculator_evaluate(calculator, structure, &request, results, error);
  if (status == LML_OK) status = lml_linear_calculator_update(calculator, lml_potential_coefficients(potential), error);
  if (status == LML_OK) status = lml_calculator_evaluate(calculator, structure, &request, results, error);
  lml_calculator_destroy(calculator);
  return status;
}

/** Of two columns, by the definition: with one component B of each atom. */
static void results_are_those_of_the_rows(void **state) {
  (void)state;
  lml_structure structure = make_structure();
  lml_results results = {0};
  double d[4][2], sums[RANK] = {0};
  write_files();
  assert_int_equal(lml_potential_descriptors(potential, &structure, d[0], NULL), LML_OK);
  assert_int_equal(evaluate(&structure, &results, NULL), LML_OK);
  const double *sigmas = lml_results_find(&results, "sigma_energies")->reals;
  for (size_t i = 0; i < 4; i++) {
    const double *rows = factor + (structure.numbers[i] == 74 ? 0 : 2 * RANK);
    double square = 0.0;
    for (size_t k = 0; k < RANK; k++) {
      const double deviation = d[i][0] * rows[k] + d[i][1] * rows[RANK + k];
      square += deviation * deviation;
      sums[k] += deviation;
    }
    assert_true(fabs(sigmas[i] - sqrt(square)) < 1e-12 * sigmas[i]);
  }
  const lml_result *whole = lml_results_find(&results, "energy_deviations");
  assert_true(whole->rows == 1 && whole->width == RANK && whole->scope == LML_PER_STRUCTURE);
  for (size_t k = 0; k < RANK; k++) assert_true(fabs(whole->reals[k] - sums[k]) < 1e-12 * fabs(sums[k]));
  const double *distances = lml_results_find(&results, "distance")->reals;
  const double first = 2.0 * (d[0][1] - 0.5), second = 2.0 * (d[1][1] - 0.5);
  assert_true(fabs(distances[0] - sqrt(0.5 * (first * first + second * second))) < 1e-12 * distances[0]);
  assert_true(isfinite(distances[1]) && isnan(distances[2]) && isnan(distances[3]));
  lml_results_free(&results);
  lml_structure_free(&structure);
}

/** While results are from the uncertainty, other coefficients are taken over with theirs alone; else without. */
static void new_coefficients_come_with_theirs(void **state) {
  (void)state;
  static const double others[WIDTH] = {0.1, 0.03, -0.3, 0.05};
  lml_structure structure = make_structure();
  lml_calculator *calculator;
  lml_results results = {0};
  lml_error error = {0};
  write_files();
  assert_int_equal(lml_linear_calculator_create(potential, &calculator, NULL), LML_OK);
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, &request, &results, NULL), LML_OK);
  const double energy = *results.energy, sigma = lml_results_find(&results, "sigma_forces")->reals[0];
  assert_int_equal(lml_linear_calculator_update(calculator, others, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "coefficients_sha256"));
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, &request, &results, NULL), LML_OK);
  assert_true(*results.energy == energy && lml_results_find(&results, "sigma_forces")->reals[0] == sigma);
  assert_non_null(lml_linear_calculator_uncertain(calculator));

  assert_int_equal(lml_calculator_evaluate(calculator, &structure, NULL, &results, NULL), LML_OK);
  assert_null(lml_linear_calculator_uncertain(calculator));
  assert_int_equal(lml_linear_calculator_update(calculator, others, &error), LML_OK);
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, NULL, &results, NULL), LML_OK);
  assert_true(*results.energy != energy);
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, &request, &results, &error), LML_ERR_INPUT);
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
  lml_structure_free(&structure);
}

static void every_call_may_fail(void **state) {
  (void)state;
  lml_structure structure = make_structure();
  write_files();
  size_t n = 0;
  for (bool failed = true; failed;) {
    lml_results results = {0};
    lml_error error = {0};
    fault_begin(FAULT_HARD, ++n);
    const lml_status status = evaluate(&structure, &results, &error);
    lml_results_free(&results);
    failed = fault_end();
    assert_true(failed == (status != LML_OK));
    assert_true(!failed || error.message[0] != '\0');
  }
  assert_true(n > 60);
  lml_structure_free(&structure);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_written_is_read),          cmocka_unit_test(a_distance_is_that_of_the_factor),
      cmocka_unit_test(other_potentials_are_refused),      cmocka_unit_test(damaged_files_are_refused),
      cmocka_unit_test(other_factors_are_refused),         cmocka_unit_test(a_missing_factor_is_an_error),
      cmocka_unit_test(results_are_those_of_the_rows),     cmocka_unit_test(every_call_may_fail),
      cmocka_unit_test(new_coefficients_come_with_theirs),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
