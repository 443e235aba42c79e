#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lmlink/structure.h"

static void symbols_and_numbers_agree(void **state) {
  (void)state;
  assert_int_equal(lml_element_number("H"), 1);
  assert_int_equal(lml_element_number("W"), 74);
  assert_int_equal(lml_element_number("Og"), 118);
  assert_int_equal(lml_element_number("w"), 0);
  assert_int_equal(lml_element_number("X"), 0);
  assert_int_equal(lml_element_number(""), 0);
  assert_int_equal(lml_element_number("Tungsten"), 0);
  for (int number = 1; number <= 118; number++)
    assert_int_equal(lml_element_number(lml_element_symbol(number)), number);
  assert_string_equal(lml_element_symbol(0), "X");
  assert_string_equal(lml_element_symbol(119), "X");
  assert_string_equal(lml_element_symbol(-5), "X");
}

static void resize_keeps_what_was_there(void **state) {
  (void)state;
  lml_structure s = {0};
  assert_int_equal(lml_structure_resize(&s, 2, NULL), LML_OK);
  s.numbers[1] = 74;
  s.positions[5] = 3.5;
  assert_int_equal(lml_structure_resize(&s, 4, NULL), LML_OK);
  assert_int_equal(s.natoms, 4);
  assert_int_equal(s.numbers[1], 74);
  assert_int_equal(s.numbers[3], 0);
  assert_true(s.positions[5] == 3.5 && s.positions[11] == 0);
  assert_int_equal(lml_structure_resize(&s, 2, NULL), LML_OK);
  assert_true(s.positions[5] == 3.5);
  lml_structure_free(&s);
  assert_null(s.positions);
  assert_int_equal(s.natoms, 0);
}

static void resize_reports_a_size_that_no_memory_holds(void **state) {
  (void)state;
  lml_structure s = {0};
  lml_error error = {0};
  assert_int_equal(lml_structure_resize(&s, SIZE_MAX / 2, &error), LML_ERR_MEMORY);
  assert_non_null(strstr(error.message, "out of memory"));
  assert_int_equal(s.natoms, 0);
  lml_structure_free(&s);
}

static void copy_is_independent(void **state) {
  (void)state;
  lml_structure s = {.cell = {1, 2, 3, 4, 5, 6, 7, 8, 10}, .pbc = {true, false, true}}, t = {0};
  assert_int_equal(lml_structure_resize(&s, 3, NULL), LML_OK);
  s.numbers[2] = 29;
  s.positions[8] = -1.25;
  assert_int_equal(lml_structure_copy(&t, &s, NULL), LML_OK);
  const double *kept = t.positions;
  s.positions[8] = 7;
  assert_true(t.positions[8] == -1.25 && t.numbers[2] == 29);
  assert_memory_equal(t.cell, s.cell, sizeof s.cell);
  assert_memory_equal(t.pbc, s.pbc, sizeof s.pbc);
  assert_int_equal(lml_structure_copy(&t, &s, NULL), LML_OK);
  assert_ptr_equal(t.positions, kept);
  assert_true(t.positions[8] == 7);
  lml_structure_free(&s);
  lml_structure_free(&t);
}

static void assert_rejected(const lml_structure *s, const char *part) {
  lml_error error = {0};
  assert_int_equal(lml_structure_check(s, &error), LML_ERR_INPUT);
  if (strstr(error.message, part) == NULL) fail_msg("\"%s\" does not name \"%s\"", error.message, part);
}

static void check_names_what_is_wrong(void **state) {
  (void)state;
  lml_structure s = {.cell = {3, 0, 0, 0, 3, 0, 0, 0, 3}, .pbc = {true, true, true}};
  assert_rejected(&s, "no atoms");
  assert_int_equal(lml_structure_resize(&s, 3, NULL), LML_OK);
  assert_int_equal(lml_structure_check(&s, NULL), LML_OK);
  s.positions[4] = NAN;
  assert_rejected(&s, "atom 1 ");
  s.positions[4] = 0;
  s.cell[8] = INFINITY;
  assert_rejected(&s, "cell vector c");
  s.cell[8] = 0;
  assert_rejected(&s, "cell vector c (0, 0, 0) is zero");
  s.pbc[2] = false;
  assert_int_equal(lml_structure_check(&s, NULL), LML_OK);
  s.cell[3] = 1e12;
  assert_rejected(&s, "cell vector b (1e+12, 3, 0) depends linearly");
  memset(s.cell, 0, sizeof s.cell);
  memset(s.pbc, 0, sizeof s.pbc);
  assert_int_equal(lml_structure_check(&s, NULL), LML_OK);
  lml_structure_free(&s);
}

static void complete_cell_fills_the_missing_vectors(void **state) {
  (void)state;
  double cell[9];
  const lml_structure molecule = {0};
  assert_int_equal(lml_structure_complete_cell(&molecule, cell, NULL), LML_OK);
  const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  assert_memory_equal(cell, identity, sizeof cell);

  const lml_structure slab = {.cell = {3, 1, 0, 0, 0, 0, 0, 2, 4}, .pbc = {true, false, true}};
  assert_int_equal(lml_structure_complete_cell(&slab, cell, NULL), LML_OK);
  const double *a = cell, *b = cell + 3, *c = cell + 6;
  assert_true(fabs(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) < 1e-15);
  assert_true(fabs(c[0] * b[0] + c[1] * b[1] + c[2] * b[2]) < 1e-15);
  assert_true(fabs(b[0] * b[0] + b[1] * b[1] + b[2] * b[2] - 1) < 1e-15);
  assert_memory_equal(a, slab.cell, 3 * sizeof *a);
  assert_memory_equal(c, slab.cell + 6, 3 * sizeof *c);

  const lml_structure parallel = {.cell = {3, 0, 0, 1, 0, 0, 0, 0, 4}, .pbc = {true, false, false}};
  assert_int_equal(lml_structure_complete_cell(&parallel, cell, NULL), LML_OK);
  assert_true(fabs(fabs(cell[4]) - 1) < 1e-15 && cell[8] == 4);

  const lml_structure degenerate = {.cell = {3, 0, 0, 1, 0, 0, 0, 0, 4}, .pbc = {true, true, true}};
  lml_error error = {0};
  assert_int_equal(lml_structure_complete_cell(&degenerate, cell, &error), LML_ERR_INPUT);
  assert_non_null(strstr(error.message, "cell vector b"));
}

static void volume_is_positive_or_zero(void **state) {
  (void)state;
  const lml_structure left_handed = {.cell = {0, 2, 0, 3, 0, 0, 1, 1, 4}};
  assert_true(fabs(lml_structure_volume(&left_handed) - 24) < 1e-14);
  const lml_structure slab = {.cell = {3, 0, 0, 0, 3, 0, 0, 0, 0}, .pbc = {true, true, false}};
  assert_true(lml_structure_volume(&slab) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(symbols_and_numbers_agree),
      cmocka_unit_test(resize_keeps_what_was_there),
      cmocka_unit_test(resize_reports_a_size_that_no_memory_holds),
      cmocka_unit_test(copy_is_independent),
      cmocka_unit_test(check_names_what_is_wrong),
      cmocka_unit_test(complete_cell_fills_the_missing_vectors),
      cmocka_unit_test(volume_is_positive_or_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
