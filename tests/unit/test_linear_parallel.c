/* The linear calculator on several ranks; run alone and, by ctest, under mpirun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/comm.h"
#include "potential/linear_calculator.h"
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

/** A calculator of all ranks; ranks other than 0 work for it until it is destroyed and get NULL. */
static lml_calculator *parallel_calculator(void) {
  lml_calculator *calculator;
  assert_int_equal(lml_linear_calculator_create_parallel(potential, comm, &calculator, NULL), LML_OK);
  if (lml_comm_rank(comm) == 0) return calculator;
  assert_int_equal(lml_linear_calculator_work(calculator, NULL), LML_OK);
  lml_calculator_destroy(calculator);
  return NULL;
}

static void ranks_give_what_one_process_gives(void **state) {
  (void)state;
  lml_calculator *calculator = parallel_calculator(), *alone;
  if (calculator == NULL) return;
  lml_structure structure = made_up_structure(2);
  lml_results results = {0}, expected = {0};
  assert_int_equal(lml_linear_calculator_create(potential, &alone, NULL), LML_OK);
  for (int repetition = 0; repetition < 3; repetition++) {
    structure.positions[4] += 0.05;
    assert_int_equal(lml_calculator_evaluate(calculator, &structure, LML_WANT_ENERGIES, &results, NULL), LML_OK);
    assert_int_equal(lml_calculator_evaluate(alone, &structure, LML_WANT_ENERGIES, &expected, NULL), LML_OK);
    assert_near(results.energy, expected.energy, 1e-11);
    for (size_t i = 0; i < 3 * structure.natoms; i++) assert_near(results.forces[i], expected.forces[i], 1e-11);
    for (size_t i = 0; i < structure.natoms; i++) assert_near(results.energies[i], expected.energies[i], 1e-11);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_give_what_one_process_gives),
      cmocka_unit_test(a_failed_or_cancelled_evaluation_leaves_the_ranks_at_work),
  };
  if (lml_comm_world(&comm, NULL) != LML_OK) return 1;
  const int failures = cmocka_run_group_tests(tests, make, unmake);
  lml_comm_finalise(comm);
  return failures;
}
