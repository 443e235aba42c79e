/* Run alone and, by ctest, under mpirun with two and three ranks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/comm.h"
#include "base/fail.h"

static lml_comm *comm;

static void has_the_launchers_size(void **state) {
  (void)state;
  const char *expected = getenv("LMLINK_TEST_RANKS");
  assert_int_equal(lml_comm_size(comm), expected != NULL ? atoi(expected) : 1);
  assert_in_range(lml_comm_rank(comm), 0, lml_comm_size(comm) - 1);
  assert_int_equal(lml_comm_neighbours(comm), lml_comm_size(comm)); /* mpirun started all of them here */
}

static void broadcast_reaches_all(void **state) {
  (void)state;
  enum { COUNT = 100000 };
  static double data[COUNT];
  for (int i = 0; i < COUNT; i++) data[i] = lml_comm_rank(comm) == 0 ? 1.5 * i : -1.0;
  assert_int_equal(lml_comm_broadcast(comm, data, sizeof data, NULL), LML_OK);
  for (int i = 0; i < COUNT; i++) assert_true(data[i] == 1.5 * i);
}

static void sum_arrives_at_rank_0_alone(void **state) {
  (void)state;
  const int rank = lml_comm_rank(comm), size = lml_comm_size(comm);
  double data[3] = {rank + 1.0, 10.0, rank == size - 1 ? 0.25 : 0.0};
  assert_int_equal(lml_comm_sum(comm, data, 3, NULL), LML_OK);
  if (rank == 0) {
    assert_true(data[0] == size * (size + 1) / 2.0);
    assert_true(data[1] == 10.0 * size);
    assert_true(data[2] == 0.25);
  } else {
    assert_true(data[0] == rank + 1.0 && data[1] == 10.0);
  }
}

static void agreement_on_success(void **state) {
  (void)state;
  lml_error error = {0};
  assert_int_equal(lml_comm_agree(comm, LML_OK, &error), LML_OK);
  assert_string_equal(error.message, "");
}

static void failure_of_rank_0_is_everyones(void **state) {
  (void)state;
  lml_error error = {0};
  lml_status status = LML_OK;
  if (lml_comm_rank(comm) == 0) status = lml_fail(&error, LML_ERR_INPUT, "W.snapcoeff: no such file");
  assert_int_equal(lml_comm_agree(comm, status, &error), LML_ERR_INPUT);
  assert_int_equal(error.status, LML_ERR_INPUT);
  assert_string_equal(error.message, "W.snapcoeff: no such file");
}

static void lowest_failing_rank_is_named(void **state) {
  (void)state;
  const int rank = lml_comm_rank(comm), size = lml_comm_size(comm);
  if (size == 1) return;
  lml_error error = {0};
  lml_status status = LML_OK;
  if (rank >= 1) status = lml_fail(&error, rank == 1 ? LML_ERR_MEMORY : LML_ERR_IO, "message of %d", rank);
  assert_int_equal(lml_comm_agree(comm, status, &error), LML_ERR_MEMORY);
  assert_string_equal(error.message, "rank 1: message of 1");
}

static void status_alone_is_enough(void **state) {
  (void)state;
  const int last = lml_comm_size(comm) - 1;
  const lml_status mine = lml_comm_rank(comm) == last ? LML_ERR_TIMEOUT : LML_OK;
  assert_int_equal(lml_comm_agree(comm, mine, NULL), LML_ERR_TIMEOUT);
}

static void setting_is_checked(void **state) {
  (void)state;
  lml_comm *other;
  lml_error error = {0};
  assert_int_equal(setenv("LMLINK_MPI", "no", 1), 0);
  assert_int_equal(lml_comm_world(&other, &error), LML_ERR_USAGE);
  assert_non_null(strstr(error.message, "LMLINK_MPI=no"));
  assert_int_equal(setenv("LMLINK_MPI", "off", 1), 0);
  assert_int_equal(lml_comm_world(&other, &error), LML_OK);
  assert_ptr_equal(other, lml_comm_serial());
  unsetenv("LMLINK_MPI");
}

static void several_tasks_without_mpi_are_refused(void **state) {
  (void)state;
  lml_comm *other;
  lml_error error = {0};
  if (lml_comm_size(comm) > 1) skip(); /* their launcher's variables are there */
  assert_int_equal(setenv("SLURM_STEP_NUM_TASKS", "2", 1), 0);
  assert_int_equal(lml_comm_world(&other, &error), LML_ERR_USAGE);
  assert_non_null(strstr(error.message, "SLURM_STEP_NUM_TASKS=2"));
  assert_non_null(strstr(error.message, "--mpi=pmix"));
  assert_int_equal(setenv("LMLINK_MPI", "off", 1), 0);
  assert_int_equal(lml_comm_world(&other, &error), LML_OK);
  unsetenv("LMLINK_MPI");
  assert_int_equal(setenv("SLURM_STEP_NUM_TASKS", "1", 1), 0);
  assert_int_equal(lml_comm_world(&other, &error), LML_OK);
  unsetenv("SLURM_STEP_NUM_TASKS");
}

#ifndef LMLINK_MPI
static void several_ranks_need_mpi(void **state) {
  (void)state;
  lml_comm *other;
  lml_error error = {0};
  assert_int_equal(setenv("OMPI_COMM_WORLD_SIZE", "2", 1), 0);
  assert_int_equal(lml_comm_world(&other, &error), LML_ERR_USAGE);
  assert_non_null(strstr(error.message, "OMPI_COMM_WORLD_SIZE=2"));
  assert_int_equal(setenv("OMPI_COMM_WORLD_SIZE", "1", 1), 0);
  assert_int_equal(lml_comm_world(&other, &error), LML_OK);
  assert_int_equal(lml_comm_size(other), 1);
  unsetenv("OMPI_COMM_WORLD_SIZE");
  assert_int_equal(setenv("LMLINK_MPI", "on", 1), 0);
  assert_int_equal(lml_comm_world(&other, &error), LML_ERR_USAGE);
  assert_non_null(strstr(error.message, "built without MPI"));
  unsetenv("LMLINK_MPI");
}
#endif

int main(void) {
  lml_error error;
  if (lml_comm_world(&comm, &error) != LML_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(has_the_launchers_size),
      cmocka_unit_test(broadcast_reaches_all),
      cmocka_unit_test(sum_arrives_at_rank_0_alone),
      cmocka_unit_test(agreement_on_success),
      cmocka_unit_test(failure_of_rank_0_is_everyones),
      cmocka_unit_test(lowest_failing_rank_is_named),
      cmocka_unit_test(status_alone_is_enough),
      cmocka_unit_test(setting_is_checked),
      cmocka_unit_test(several_tasks_without_mpi_are_refused),
#ifndef LMLINK_MPI
      cmocka_unit_test(several_ranks_need_mpi),
#endif
  };
  const int failures = cmocka_run_group_tests(tests, NULL, NULL);
  lml_comm_finalise(comm);
  return failures;
}
