/* The linear calculator with several threads: not a bit of its results depends on how many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "potential/linear_calculator.h"
#include "support/energies.h"
#include "support/made_up.h"

#define PARAMETERS(twojmax_, ...) \
  { .rcutfac = 4.7, .twojmax = twojmax_, .rfac0 = 0.99363, .switchflag = true, .bzeroflag = true, __VA_ARGS__ }

static const struct {
  const char *name;
  lml_snap_parameters parameters;
  size_t nelements;
  double zbl_outer;
} variants[] = {
    {"linear", PARAMETERS(6, 0), 1, 0.0},
    {"ZBL", PARAMETERS(4, 0), 1, 4.8},
    {"quadratic", PARAMETERS(4, .quadraticflag = true), 1, 0.0},
    {"two elements", PARAMETERS(4, 0), 2, 0.0},
    {"two elements, quadratic, ZBL", PARAMETERS(4, .quadraticflag = true), 2, 4.8},
    {"two elements, chemflag", PARAMETERS(4, .chemflag = true), 2, 0.0},
};
static const size_t numbers_of_threads[] = {2, 3, 8};
enum {
  VARIANTS = sizeof variants / sizeof variants[0],
  NUMBERS = sizeof numbers_of_threads / sizeof numbers_of_threads[0]
};

/** The made-up structure, repeated: several units of atoms, the last of them not full. */
static lml_structure repeated(size_t nelements) {
  enum { REPEATS = 5 };
  lml_structure one = made_up_structure(nelements), all = {0};
  assert_int_equal(lml_structure_resize(&all, REPEATS * REPEATS * REPEATS * one.natoms, NULL), LML_OK);
  for (size_t k = 0; k < 9; k++) all.cell[k] = REPEATS * one.cell[k];
  memcpy(all.pbc, one.pbc, sizeof all.pbc);
  unsigned state = 5;
  for (size_t i = 0; i < all.natoms; i++) {
    const size_t from = i % one.natoms, image = i / one.natoms;
    const size_t at[3] = {image % REPEATS, image / REPEATS % REPEATS, image / REPEATS / REPEATS};
    all.numbers[i] = one.numbers[from];
    for (size_t x = 0; x < 3; x++) {
      double *to = &all.positions[3 * i + x];
      *to = one.positions[3 * from + x] + 0.05 * made_up_number(&state);
      for (size_t k = 0; k < 3; k++) *to += (double)at[k] * one.cell[3 * k + x];
    }
  }
  lml_structure_free(&one);
  return all;
}

static lml_calculator *calculator_of(const lml_potential *potential, size_t nthreads) {
  lml_calculator *calculator;
  assert_int_equal(lml_linear_calculator_create(potential, &calculator, NULL), LML_OK);
  assert_int_equal(lml_linear_calculator_set_threads(calculator, nthreads, NULL), LML_OK);
  return calculator;
}

static void expect_same_bytes(const lml_results *one, const lml_results *other) {
  assert_int_equal(one->natoms, other->natoms);
  assert_memory_equal(one->energy, other->energy, sizeof(double));
  assert_memory_equal(one->forces, other->forces, 3 * one->natoms * sizeof(double));
  assert_memory_equal(one->virial, other->virial, 9 * sizeof(double));
  assert_memory_equal(energies_of(one), energies_of(other), one->natoms * sizeof(double));
}

/** A structure, twice the same a little later, and a smaller one: new lists, kept ones, and less room than there is. */
static void evaluate_steps(lml_calculator *calculator, size_t nelements, lml_results results[4]) {
  lml_structure structure = repeated(nelements), small = made_up_structure(nelements);
  for (size_t step = 0; step < 3; step++) {
    assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &results[step], NULL), LML_OK);
    for (size_t i = 0; i < 3 * structure.natoms; i++) structure.positions[i] += i % 2 == 0 ? 0.01 : -0.01;
  }
  assert_int_equal(lml_calculator_evaluate(calculator, &small, &energies_too, &results[3], NULL), LML_OK);
  lml_structure_free(&structure);
  lml_structure_free(&small);
}

static void results_are_the_same_for_any_number_of_threads(void **state) {
  (void)state;
  for (size_t v = 0; v < VARIANTS; v++) {
    print_message("%s\n", variants[v].name);
    lml_potential *potential = made_up_potential(&variants[v].parameters, variants[v].nelements, variants[v].zbl_outer);
    lml_results expected[4] = {0}, results[4] = {0};
    lml_calculator *alone = calculator_of(potential, 1);
    evaluate_steps(alone, variants[v].nelements, expected);
    for (size_t k = 0; k < NUMBERS; k++) {
      lml_calculator *calculator = calculator_of(potential, numbers_of_threads[k]);
      evaluate_steps(calculator, variants[v].nelements, results);
      for (size_t step = 0; step < 4; step++) expect_same_bytes(&results[step], &expected[step]);
      lml_calculator_destroy(calculator);
    }
    for (size_t step = 0; step < 4; step++) {
      lml_results_free(&results[step]);
      lml_results_free(&expected[step]);
    }
    lml_calculator_destroy(alone);
    lml_potential_destroy(potential);
  }
}

/** Forces on some atoms alone, whose centres are not consecutive, are those of the whole up to rounding, and do not
 *  depend on the threads. */
static void forces_on_some_atoms_are_the_same(void **state) {
  (void)state;
  static const size_t atoms[] = {3, 200, 201, 860};
  enum { COUNT = sizeof atoms / sizeof atoms[0] };
  lml_potential *potential = made_up_potential(&variants[4].parameters, 2, 4.8);
  lml_structure structure = repeated(2);
  lml_results whole = {0}, expected = {0}, results = {0};
  lml_calculator *calculator = calculator_of(potential, 1);
  assert_int_equal(lml_linear_calculator_evaluate_atoms(calculator, &structure, NULL, 0, NULL, &whole, NULL), LML_OK);
  assert_int_equal(lml_linear_calculator_evaluate_atoms(calculator, &structure, atoms, COUNT, NULL, &expected, NULL),
                   LML_OK);
  for (size_t k = 0; k < NUMBERS; k++) {
    assert_int_equal(lml_linear_calculator_set_threads(calculator, numbers_of_threads[k], NULL), LML_OK);
    assert_int_equal(lml_linear_calculator_evaluate_atoms(calculator, &structure, atoms, COUNT, NULL, &results, NULL),
                     LML_OK);
    for (size_t i = 0; i < COUNT; i++)
      for (size_t x = 0; x < 3; x++) {
        const size_t at = 3 * atoms[i] + x;
        assert_memory_equal(&results.forces[at], &expected.forces[at], sizeof(double));
        assert_float_equal(results.forces[at], whole.forces[at], 1e-9);
      }
  }
  lml_calculator_destroy(calculator);
  lml_results_free(&whole);
  lml_results_free(&expected);
  lml_results_free(&results);
  lml_structure_free(&structure);
  lml_potential_destroy(potential);
}

/** An evaluation that is given up, wherever it is, leaves nothing behind in the next one. */
static void what_was_given_up_leaves_nothing(void **state) {
  (void)state;
  lml_potential *potential = made_up_potential(&variants[0].parameters, 1, 0.0);
  lml_structure structure = repeated(1);
  lml_results expected = {0}, results = {0};
  lml_calculator *alone = calculator_of(potential, 1);
  assert_int_equal(lml_calculator_evaluate(alone, &structure, &energies_too, &expected, NULL), LML_OK);
  for (size_t k = 0; k < NUMBERS; k++)
    for (size_t nslices = 0; nslices < 3; nslices++) {
      lml_calculator *calculator = calculator_of(potential, numbers_of_threads[k]);
      bool done;
      assert_int_equal(lml_calculator_start(calculator, &structure, &energies_too, NULL), LML_OK);
      for (size_t slice = 0; slice < nslices; slice++)
        assert_int_equal(lml_calculator_progress(calculator, &done, NULL), LML_OK);
      lml_calculator_cancel(calculator);
      assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &results, NULL), LML_OK);
      expect_same_bytes(&results, &expected);
      assert_int_equal(lml_calculator_start(calculator, &structure, &energies_too, NULL), LML_OK);
      lml_calculator_destroy(calculator); /* while threads are at work */
    }
  lml_calculator_destroy(alone);
  lml_results_free(&expected);
  lml_results_free(&results);
  lml_structure_free(&structure);
  lml_potential_destroy(potential);
}

static void new_coefficients_are_those_of_all_threads(void **state) {
  (void)state;
  lml_potential *potential = made_up_potential(&variants[2].parameters, 1, 0.0);
  lml_structure structure = repeated(1);
  lml_results expected = {0}, results = {0};
  double theta[512];
  const size_t count = lml_potential_ncoefficients(potential);
  assert_true(count <= sizeof theta / sizeof theta[0]);
  for (size_t c = 0; c < count; c++) theta[c] = 1.5 * lml_potential_coefficients(potential)[c];
  lml_calculator *alone = calculator_of(potential, 1), *calculator = calculator_of(potential, 3);
  assert_int_equal(lml_linear_calculator_update(alone, theta, NULL), LML_OK);
  assert_int_equal(lml_calculator_evaluate(alone, &structure, &energies_too, &expected, NULL), LML_OK);
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &results, NULL), LML_OK);
  assert_true(results.forces[0] != expected.forces[0]);
  assert_int_equal(lml_linear_calculator_update(calculator, theta, NULL), LML_OK);
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &results, NULL), LML_OK);
  lml_calculator_destroy(calculator);
  calculator = calculator_of(potential, 1); /* what is kept of the lists is the same on both sides */
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &expected, NULL), LML_OK);
  assert_int_equal(lml_linear_calculator_update(calculator, theta, NULL), LML_OK);
  assert_int_equal(lml_linear_calculator_set_threads(calculator, 2, NULL), LML_OK);
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &expected, NULL), LML_OK);
  expect_same_bytes(&results, &expected);
  lml_calculator_destroy(calculator);
  lml_calculator_destroy(alone);
  lml_results_free(&expected);
  lml_results_free(&results);
  lml_structure_free(&structure);
  lml_potential_destroy(potential);
}

static void numbers_out_of_range_are_refused(void **state) {
  (void)state;
  lml_potential *potential = made_up_potential(&variants[0].parameters, 1, 0.0);
  lml_calculator *calculator = calculator_of(potential, 2);
  lml_error error = {0};
  assert_int_equal(lml_linear_calculator_set_threads(calculator, 0, &error), LML_ERR_USAGE);
  assert_string_equal(error.message, "the number of threads is 0: it must be 1 to 1024");
  assert_int_equal(lml_linear_calculator_set_threads(calculator, LML_THREADS_LIMIT + 1, &error), LML_ERR_USAGE);
  lml_calculator_destroy(calculator);
  lml_potential_destroy(potential);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(results_are_the_same_for_any_number_of_threads),
      cmocka_unit_test(forces_on_some_atoms_are_the_same), cmocka_unit_test(what_was_given_up_leaves_nothing),
      cmocka_unit_test(new_coefficients_are_those_of_all_threads), cmocka_unit_test(numbers_out_of_range_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
