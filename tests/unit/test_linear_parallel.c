/* The linear calculator on several ranks; run alone and, by ctest, under mpirun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/comm.h"
#include "potential/linear_calculator.h"
#include "support/energies.h"
#include "support/made_up.h"
#include "support/near.h"

static lml_comm *comm;
static lml_potential *potential;

static int make(void **state) {
  (void)state;
  const lml_snap_parameters parameters = {
      .rcutfac = 4.7, .twojmax = 6, .rfac0 = 0.99363, .switchflag = true, .bzeroflag = true, .quadraticflag = true};
  potential = made_up_potential(&parameters, 2, 4.0);
  return 0;
}

static int unmake(void **state) {
  (void)state;
  lml_potential_destroy(potential);
  return 0;
}

/** A calculator of all ranks, with so many threads in each; ranks other than 0 work for it until it is destroyed and
 * get NULL. */
static lml_calculator *hybrid_calculator(size_t nthreads) {
  lml_calculator *calculator;
  assert_int_equal(lml_linear_calculator_create_parallel(potential, comm, &calculator, NULL), LML_OK);
  assert_int_equal(lml_linear_calculator_set_threads(calculator, nthreads, NULL), LML_OK);
  if (lml_comm_rank(comm) == 0) return calculator;
  assert_int_equal(lml_linear_calculator_work(calculator, NULL), LML_OK);
  lml_calculator_destroy(calculator);
  return NULL;
}

static lml_calculator *parallel_calculator(void) { return hybrid_calculator(1); }

static void ranks_give_what_one_process_gives(void **state) {
  (void)state;
  lml_calculator *calculator = parallel_calculator(), *alone;
  if (calculator == NULL) return;
  lml_structure structure = made_up_structure(2);
  lml_results results = {0}, expected = {0};
  assert_int_equal(lml_linear_calculator_create(potential, &alone, NULL), LML_OK);
  for (int repetition = 0; repetition < 3; repetition++) {
    structure.positions[4] += 0.05;
    assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &results, NULL), LML_OK);
    assert_int_equal(lml_calculator_evaluate(alone, &structure, &energies_too, &expected, NULL), LML_OK);
    assert_near(*results.energy, *expected.energy, 1e-11);
    for (size_t i = 0; i < 3 * structure.natoms; i++) assert_near(results.forces[i], expected.forces[i], 1e-11);
    for (size_t i = 0; i < structure.natoms; i++)
      assert_near(energies_of(&results)[i], energies_of(&expected)[i], 1e-11);
    for (size_t i = 0; i < 9; i++) assert_near(results.virial[i], expected.virial[i], 1e-10);
  }
  lml_calculator_destroy(alone);
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
  lml_results_free(&expected);
  lml_structure_free(&structure);
}

static void a_failed_or_cancelled_evaluation_leaves_the_ranks_at_work(void **state) {
  (void)state;
  lml_calculator *calculator = parallel_calculator();
  if (calculator == NULL) return;
  lml_structure structure = made_up_structure(2);
  lml_results results = {0};
  lml_error error = {0};
  structure.numbers[2] = 2;
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, 0, &results, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "atom 2 (counted from 0) is He"));
  structure.numbers[2] = 74;
  assert_int_equal(lml_calculator_start(calculator, &structure, 0, NULL), LML_OK);
  lml_calculator_cancel(calculator);
  assert_int_equal(lml_calculator_evaluate(calculator, &structure, 0, &results, &error), LML_OK);
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
  lml_structure_free(&structure);
}

/** The made-up structure, repeated along one direction, so that most atoms of other ranks are out of reach. */
static lml_structure elongated(void) {
  enum { REPEATS = 12 };
  lml_structure one = made_up_structure(2), all = {0};
  assert_int_equal(lml_structure_resize(&all, REPEATS * one.natoms, NULL), LML_OK);
  memcpy(all.cell, one.cell, sizeof all.cell);
  memcpy(all.pbc, one.pbc, sizeof all.pbc);
  for (size_t x = 0; x < 3; x++) all.cell[x] *= REPEATS;
  for (size_t i = 0; i < all.natoms; i++) {
    const size_t repeat = i / one.natoms, from = i % one.natoms;
    all.numbers[i] = one.numbers[from];
    for (size_t x = 0; x < 3; x++)
      all.positions[3 * i + x] = one.positions[3 * from + x] + (double)repeat * one.cell[x];
  }
  lml_structure_free(&one);
  return all;
}

/** What hybrid_calculator has for the structure as one atom after the other moves on: little at first, so that lists
 * are kept, then so far that all ranks make new ones. */
static void follow_atoms(lml_calculator *calculator, size_t count, lml_results *results) {
  lml_structure structure = elongated();
  for (size_t step = 0; step < count; step++) {
    const double distance = step % 3 == 2 ? 0.45 : 0.1; /* Å */
    structure.positions[(7 + 31 * step) % (3 * structure.natoms)] += distance;
    assert_int_equal(lml_calculator_evaluate(calculator, &structure, &energies_too, &results[step], NULL), LML_OK);
  }
  lml_structure_free(&structure);
}

/** On ranks, each of which has lists of the atoms near its own part alone. Not a bit depends on the threads of each. */
static void ranks_follow_atoms_as_one_process_does(void **state) {
  (void)state;
  enum { STEPS = 9 };
  lml_results results[2][STEPS] = {0}, expected[STEPS] = {0};
  for (size_t several = 0; several < 2; several++) {
    lml_calculator *calculator = hybrid_calculator(several == 0 ? 1 : 3);
    if (calculator == NULL) continue;
    follow_atoms(calculator, STEPS, results[several]);
    lml_calculator_destroy(calculator);
  }
  if (lml_comm_rank(comm) != 0) return;
  lml_calculator *alone;
  assert_int_equal(lml_linear_calculator_create(potential, &alone, NULL), LML_OK);
  follow_atoms(alone, STEPS, expected);
  lml_calculator_destroy(alone);
  for (size_t step = 0; step < STEPS; step++) {
    const lml_results *one = &results[0][step], *three = &results[1][step];
    const size_t natoms = one->natoms;
    assert_near(*one->energy, *expected[step].energy, 1e-10);
    for (size_t i = 0; i < 3 * natoms; i++) assert_near(one->forces[i], expected[step].forces[i], 1e-11);
    for (size_t i = 0; i < 9; i++) assert_near(one->virial[i], expected[step].virial[i], 1e-9);
    assert_memory_equal(one->energy, three->energy, sizeof(double));
    assert_memory_equal(one->forces, three->forces, 3 * natoms * sizeof(double));
    assert_memory_equal(one->virial, three->virial, 9 * sizeof(double));
    assert_memory_equal(energies_of(one), energies_of(three), natoms * sizeof(double));
    lml_results_free(&results[0][step]);
    lml_results_free(&results[1][step]);
    lml_results_free(&expected[step]);
  }
}

/** Two atoms meet, which the rank alone notices whose atoms they are; all ranks must begin anew together. */
static void what_one_rank_refuses_is_forgotten_by_all(void **state) {
  (void)state;
  lml_calculator *calculator = parallel_calculator(), *alone;
  if (calculator == NULL) return;
  lml_structure good = elongated(), bad = {0};
  lml_results results = {0}, expected = {0};
  assert_int_equal(lml_linear_calculator_create(potential, &alone, NULL), LML_OK);
  assert_int_equal(lml_calculator_evaluate(alone, &good, 0, &expected, NULL), LML_OK);
  for (size_t i = 0; i < good.natoms; i++) {
    lml_error error = {0};
    assert_int_equal(lml_structure_copy(&bad, &good, NULL), LML_OK);
    const size_t other = i == 0 ? 1 : i - 1;
    memcpy(bad.positions + 3 * i, good.positions + 3 * other, 3 * sizeof(double));
    assert_int_equal(lml_calculator_evaluate(calculator, &bad, 0, &results, &error), LML_ERR_INPUT);
    assert_non_null(strstr(error.message, "at the same place"));
    for (int repetition = 0; repetition < 2; repetition++) {
      assert_int_equal(lml_calculator_evaluate(calculator, &good, 0, &results, NULL), LML_OK);
      for (size_t k = 0; k < 3 * good.natoms; k++) assert_near(results.forces[k], expected.forces[k], 1e-11);
    }
  }
  lml_calculator_destroy(alone);
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
  lml_results_free(&expected);
  lml_structure_free(&good);
  lml_structure_free(&bad);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_give_what_one_process_gives),
      cmocka_unit_test(a_failed_or_cancelled_evaluation_leaves_the_ranks_at_work),
      cmocka_unit_test(ranks_follow_atoms_as_one_process_does),
      cmocka_unit_test(what_one_rank_refuses_is_forgotten_by_all),
  };
  if (lml_comm_world(&comm, NULL) != LML_OK) return 1;
  const int failures = cmocka_run_group_tests(tests, make, unmake);
  lml_comm_finalise(comm);
  return failures;
}
