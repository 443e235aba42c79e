#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sys.h"
#include "structure/neighbours.h"
#include "support/listed_crystal.h"

static struct { size_t calls, bytes, peak, fail_at; /* the call of this number fails, counted from 1 */ } heap;

static void *counting_alloc(size_t alignment, size_t bytes) {
  if (++heap.calls == heap.fail_at) return NULL;
  char *memory = lml_sys_posix.aligned_alloc(alignment, bytes + 64);
  if (memory == NULL) return NULL;
  memcpy(memory, &bytes, sizeof bytes);
  heap.bytes += bytes;
  if (heap.bytes > heap.peak) heap.peak = heap.bytes;
  return memory + 64;
}

static void counting_free(void *memory) {
  if (memory == NULL) return;
  char *start = (char *)memory - 64;
  size_t bytes;
  memcpy(&bytes, start, sizeof bytes);
  heap.bytes -= bytes;
  lml_sys_posix.free(start);
}

static lml_status build(lml_neighbours *n, const lml_structure *s, double cutoff, lml_error *error) {
  const lml_status status = lml_neighbours_sort(n, s, cutoff, error);
  return status == LML_OK ? lml_neighbours_list(n, s, 0, s->natoms, error) : status;
}

static lml_sys_table counting_table(void) {
  lml_sys_table table = lml_sys_posix;
  table.aligned_alloc = counting_alloc;
  table.free = counting_free;
  memset(&heap, 0, sizeof heap);
  return table;
}

static void memory_is_lean_and_reused(void **state) {
  (void)state;
  lml_structure s = bcc_crystal(37, 0.1);
  const lml_sys_table table = counting_table();
  lml_neighbours n = {0};
  lml_sys = &table;
  assert_int_equal(build(&n, &s, 5.0, NULL), LML_OK);
  const size_t calls = heap.calls, peak = heap.peak;
  assert_int_equal(build(&n, &s, 5.0, NULL), LML_OK);
  const size_t calls_again = heap.calls;
  const int64_t count = count_listed(&n);
  lml_neighbours_free(&n);
  lml_sys = &lml_sys_posix;
  assert_int_equal(heap.bytes, 0);
  assert_int_equal(calls_again, calls);
  assert_in_range(count, 26 * s.natoms, 27 * s.natoms);
  if (peak > 300 * s.natoms) fail_msg("%zu bytes an atom", peak / s.natoms);
  lml_structure_free(&s);
}

static void out_of_memory_is_reported_and_survived(void **state) {
  (void)state;
  lml_structure small = bcc_crystal(3, 0.1), large = bcc_crystal(6, 0.1);
  const lml_sys_table table = counting_table();
  size_t failures = 0;
  for (size_t fail_at = 1; fail_at < 100; fail_at++) {
    lml_neighbours n = {0};
    lml_error error = {0};
    lml_sys = &table;
    heap.calls = 0;
    heap.fail_at = fail_at;
    lml_status status = build(&n, &small, 5.0, &error);
    if (status == LML_OK) status = build(&n, &large, 5.0, &error);
    const lml_status again = build(&n, &large, 5.0, NULL);
    const int64_t count = again == LML_OK ? count_listed(&n) : 0;
    lml_neighbours_free(&n);
    lml_sys = &lml_sys_posix;
    assert_int_equal(heap.bytes, 0);
    assert_int_equal(again, LML_OK);
    assert_true(count >= 26 * (int64_t)large.natoms);
    if (status == LML_OK) break;
    failures++;
    assert_int_equal(status, LML_ERR_MEMORY);
    assert_non_null(strstr(error.message, "out of memory"));
  }
  assert_in_range(failures, 12, 60);
  lml_structure_free(&small);
  lml_structure_free(&large);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_lean_and_reused),
      cmocka_unit_test(out_of_memory_is_reported_and_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
