/* Threads that share tasks: all are done, reduced in order, and the first failure counts, whatever their number. */
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
#include "base/thread_pool.h"

enum { MOST_TASKS = 60, MOST_THREADS = 5, MOST_SLOTS = MOST_THREADS + 1, NONE = MOST_TASKS };

typedef struct record {
  atomic_int done[MOST_TASKS];
  atomic_int in_slot[MOST_SLOTS];     /* task + 1 that is there, until it is reduced */
  size_t order[MOST_TASKS], nreduced; /* guarded by the pool alone: reduce is for one at a time */
  atomic_int inside;
  size_t failing, failing_later; /* tasks whose work fails; NONE: none does */
  size_t refusing;               /* the task that is not taken */
  size_t every;                  /* so manieth task is not reduced; 0: all are */
} record;

static bool is_independent(void *context, size_t task) {
  const record *r = context;
  return r->every > 0 && task % r->every == 0;
}

static lml_status work(void *context, lml_pool_place place, size_t task, lml_error *error) {
  record *r = context;
  assert_true(place.thread < MOST_THREADS && place.slot < MOST_SLOTS);
  assert_int_equal(atomic_exchange(&r->in_slot[place.slot], (int)task + 1), 0); /* what was there is reduced */
  for (size_t k = 0; k < (task * 7919) % 13; k++) sched_yield();                /* some take longer than others */
  atomic_fetch_add(&r->done[task], 1);
  if (is_independent(r, task)) atomic_store(&r->in_slot[place.slot], 0);
  if (task == r->failing || task == r->failing_later)
    return lml_fail(error, LML_ERR_INPUT, "task %zu can't be done", task);
  return LML_OK;
}

static lml_status reduce(void *context, size_t slot, size_t task, lml_error *error) {
  record *r = context;
  assert_int_equal(atomic_exchange(&r->in_slot[slot], 0), (int)task + 1);
  assert_int_equal(atomic_fetch_add(&r->inside, 1), 0);
  sched_yield();
  r->order[r->nreduced++] = task;
  atomic_fetch_sub(&r->inside, 1);
  return task == r->refusing ? lml_fail(error, LML_ERR_IO, "task %zu is not taken", task) : LML_OK;
}

static lml_status run(record *r, size_t nthreads, size_t count, lml_error *error) {
  const lml_pool_tasks tasks = {
      .count = count, .work = work, .reduce = reduce, .independent = is_independent, .context = r};
  return lml_pool_run(nthreads, &tasks, error);
}

static void expect_in_order(const record *r, size_t count) {
  assert_int_equal(r->nreduced, count);
  for (size_t k = 0; k < count; k++) assert_int_equal(r->order[k], k);
}

static void all_tasks_are_done_once_and_reduced_in_order(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 2, 3, 50, MOST_TASKS};
  for (size_t nthreads = 0; nthreads <= MOST_THREADS; nthreads++)
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
      record r = {.failing = NONE, .failing_later = NONE, .refusing = NONE};
      assert_int_equal(run(&r, nthreads, counts[c], NULL), LML_OK);
      for (size_t k = 0; k < MOST_TASKS; k++) assert_int_equal(r.done[k], k < counts[c] ? 1 : 0);
      expect_in_order(&r, counts[c]);
    }
}

static void nothing_waits_for_tasks_that_are_alone(void **state) {
  (void)state;
  for (size_t nthreads = 1; nthreads <= MOST_THREADS; nthreads++) {
    record r = {.failing = NONE, .failing_later = NONE, .refusing = NONE, .every = 3};
    assert_int_equal(run(&r, nthreads, MOST_TASKS, NULL), LML_OK);
    assert_int_equal(r.nreduced, 2 * MOST_TASKS / 3);
    for (size_t k = 0; k < r.nreduced; k++) assert_int_equal(r.order[k], 1 + 3 * (k / 2) + k % 2);
    for (size_t k = 0; k < MOST_TASKS; k++) assert_int_equal(r.done[k], 1);
  }
}

static void the_first_failure_counts(void **state) {
  (void)state;
  for (size_t nthreads = 1; nthreads <= MOST_THREADS; nthreads++)
    for (size_t first = 0; first < 20; first++) {
      lml_error error = {0};
      char message[64];
      record r = {.failing = first, .failing_later = first + 1, .refusing = NONE};
      snprintf(message, sizeof message, "task %zu can't be done", first);
      assert_int_equal(run(&r, nthreads, 40, &error), LML_ERR_INPUT);
      assert_int_equal(error.status, LML_ERR_INPUT);
      assert_string_equal(error.message, message);
      expect_in_order(&r, first);
      for (size_t k = first + 2 * MOST_THREADS; k < MOST_TASKS; k++) assert_int_equal(r.done[k], 0);
    }
}

static void nothing_is_reduced_after_what_was_not_taken(void **state) {
  (void)state;
  for (size_t nthreads = 1; nthreads <= MOST_THREADS; nthreads++) {
    lml_error error = {0};
    record r = {.failing = 17, .failing_later = NONE, .refusing = 9};
    assert_int_equal(run(&r, nthreads, 40, &error), LML_ERR_IO);
    assert_string_equal(error.message, "task 9 is not taken");
    expect_in_order(&r, 10);
  }
}

static const lml_pool_tasks all = {.count = MOST_TASKS, .work = work, .reduce = reduce, .independent = is_independent};

static void a_pool_serves_list_after_list(void **state) {
  (void)state;
  for (size_t nthreads = 1; nthreads <= MOST_THREADS; nthreads++) {
    lml_pool *pool;
    assert_int_equal(lml_pool_create(nthreads, &pool, NULL), LML_OK);
    for (size_t count = 0; count <= MOST_TASKS; count += 5) {
      record r = {.failing = count % 2 == 1 ? 3 : NONE, .failing_later = NONE, .refusing = NONE};
      lml_pool_tasks tasks = all;
      tasks.count = count;
      tasks.context = &r;
      lml_pool_begin(pool, &tasks);
      assert_int_equal(lml_pool_end(pool, NULL), count % 2 == 1 ? LML_ERR_INPUT : LML_OK);
      expect_in_order(&r, count % 2 == 1 ? 3 : count);
    }
    lml_pool_destroy(pool);
  }
}

/** Of a list that is given up, what was begun is done and reduced, and no more; also where the pool is destroyed. */
static void a_list_can_be_given_up(void **state) {
  (void)state;
  for (size_t nthreads = 1; nthreads <= MOST_THREADS; nthreads++) {
    lml_pool *pool;
    record given_up = {.failing = NONE, .failing_later = NONE, .refusing = NONE}, next = given_up, last = given_up;
    lml_pool_tasks tasks = all;
    assert_int_equal(lml_pool_create(nthreads, &pool, NULL), LML_OK);
    tasks.context = &given_up;
    lml_pool_begin(pool, &tasks);
    assert_true(lml_pool_step(pool) || nthreads > 1);
    lml_pool_give_up(pool);
    expect_in_order(&given_up, given_up.nreduced);
    assert_true(given_up.nreduced >= 1);
    if (nthreads == 1) assert_int_equal(given_up.nreduced, 1);
    for (size_t k = 0; k < MOST_TASKS; k++) assert_int_equal(given_up.done[k], k < given_up.nreduced ? 1 : 0);
    tasks.context = &next;
    lml_pool_begin(pool, &tasks);
    assert_int_equal(lml_pool_end(pool, NULL), LML_OK);
    expect_in_order(&next, MOST_TASKS);
    tasks.context = &last;
    lml_pool_begin(pool, &tasks);
    lml_pool_destroy(pool);
    expect_in_order(&last, last.nreduced);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_tasks_are_done_once_and_reduced_in_order),
                                     cmocka_unit_test(nothing_waits_for_tasks_that_are_alone),
                                     cmocka_unit_test(the_first_failure_counts),
                                     cmocka_unit_test(nothing_is_reduced_after_what_was_not_taken),
                                     cmocka_unit_test(a_pool_serves_list_after_list),
                                     cmocka_unit_test(a_list_can_be_given_up)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
