/* Threads that share tasks: all are done, handed in in order, and the first failure counts, whatever their number. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fail.h"
#include "base/team.h"

enum { MOST_TASKS = 60, MOST_WORKERS = 5, NONE = MOST_TASKS };

typedef struct record {
  atomic_int done[MOST_TASKS];
  size_t order[MOST_TASKS], nhanded_in; /* guarded by the team alone: hand_in is for one at a time */
  atomic_int inside;
  size_t failing, failing_later; /* tasks whose work fails; NONE: none does */
  size_t refusing;               /* the task that is not taken */
} record;

static lml_status work(void *context, size_t worker, size_t task, lml_error *error) {
  record *r = context;
  assert_true(worker < MOST_WORKERS);
  for (size_t k = 0; k < (task * 7919) % 13; k++) sched_yield(); /* some take longer than others */
  atomic_fetch_add(&r->done[task], 1);
  if (task == r->failing || task == r->failing_later)
    return lml_fail(error, LML_ERR_INPUT, "task %zu can't be done", task);
  return LML_OK;
}

static lml_status hand_in(void *context, size_t worker, size_t task, lml_error *error) {
  record *r = context;
  (void)worker;
  assert_int_equal(atomic_fetch_add(&r->inside, 1), 0);
  sched_yield();
  r->order[r->nhanded_in++] = task;
  atomic_fetch_sub(&r->inside, 1);
  return task == r->refusing ? lml_fail(error, LML_ERR_IO, "task %zu is not taken", task) : LML_OK;
}

static lml_status run(record *r, size_t nworkers, size_t count, lml_error *error) {
  const lml_team_tasks tasks = {.count = count, .work = work, .hand_in = hand_in, .context = r};
  return lml_team_run(nworkers, &tasks, error);
}

static void expect_in_order(const record *r, size_t count) {
  assert_int_equal(r->nhanded_in, count);
  for (size_t k = 0; k < count; k++) assert_int_equal(r->order[k], k);
}

static void all_tasks_are_done_once_and_handed_in_in_order(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 2, 3, 50, MOST_TASKS};
  for (size_t nworkers = 0; nworkers <= MOST_WORKERS; nworkers++)
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
      record r = {.failing = NONE, .failing_later = NONE, .refusing = NONE};
      assert_int_equal(run(&r, nworkers, counts[c], NULL), LML_OK);
      for (size_t k = 0; k < MOST_TASKS; k++) assert_int_equal(r.done[k], k < counts[c] ? 1 : 0);
      expect_in_order(&r, counts[c]);
    }
}

static void the_first_failure_counts(void **state) {
  (void)state;
  for (size_t nworkers = 1; nworkers <= MOST_WORKERS; nworkers++)
    for (size_t first = 0; first < 20; first++) {
      lml_error error = {0};
      char message[64];
      record r = {.failing = first, .failing_later = first + 1, .refusing = NONE};
      snprintf(message, sizeof message, "task %zu can't be done", first);
      assert_int_equal(run(&r, nworkers, 40, &error), LML_ERR_INPUT);
      assert_int_equal(error.status, LML_ERR_INPUT);
      assert_string_equal(error.message, message);
      expect_in_order(&r, first);
      for (size_t k = first + 2 * MOST_WORKERS; k < MOST_TASKS; k++) assert_int_equal(r.done[k], 0);
    }
}

static void nothing_is_handed_in_behind_what_was_not_taken(void **state) {
  (void)state;
  for (size_t nworkers = 1; nworkers <= MOST_WORKERS; nworkers++) {
    lml_error error = {0};
    record r = {.failing = 17, .failing_later = NONE, .refusing = 9};
    assert_int_equal(run(&r, nworkers, 40, &error), LML_ERR_IO);
    assert_string_equal(error.message, "task 9 is not taken");
    expect_in_order(&r, 10);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_tasks_are_done_once_and_handed_in_in_order),
                                     cmocka_unit_test(the_first_failure_counts),
                                     cmocka_unit_test(nothing_is_handed_in_behind_what_was_not_taken)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
