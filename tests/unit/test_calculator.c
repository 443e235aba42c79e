/* Results as a list of named arrays, and calculators that know their own kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calculator/result_frame.h"
#include "calculator/result_names.h"
#include "lmlink/calculator.h"
#include "mixing/mixing_calculator.h"
#include "potential/linear_calculator.h"
#include "support/spring_calculator.h"

static void origins_have_names(void **state) {
  (void)state;
  assert_string_equal(lml_origin_name(LML_ORIGIN_ABSENT), "absent");
  assert_string_equal(lml_origin_name(LML_ORIGIN_ML_PART), "ml_part");
}

/* ---- the list ---- */

enum { ATOMS = 5 };

static lml_result *add(lml_results *results, const char *name, lml_result_type type, size_t width) {
  const char *unit = results->list[LML_RESULTS_FORCES].unit; /* which moves with the list */
  const lml_result_form form = {.name = name, .unit = unit, .scope = LML_PER_ATOM, .type = type, .width = width};
  lml_result *result;
  assert_int_equal(lml_results_add(results, &form, LML_ORIGIN_EXACT, &result, NULL), LML_OK);
  assert_string_equal(result->unit, "eV/Å");
  return result;
}

static void the_standard_results_are_in_the_list(void **state) {
  (void)state;
  lml_results results = {0};
  for (size_t natoms = ATOMS; natoms <= 3 * ATOMS; natoms += ATOMS) {
    assert_int_equal(lml_results_reset(&results, natoms, NULL), LML_OK);
    assert_int_equal(results.count, LML_RESULTS_STANDARD);
    assert_ptr_equal(lml_results_find(&results, "energy")->reals, results.energy);
    assert_ptr_equal(lml_results_find(&results, "virial")->reals, results.virial);
    const lml_result *forces = lml_results_find(&results, "forces");
    assert_ptr_equal(forces->reals, results.forces);
    assert_int_equal(forces->rows * forces->width, 3 * natoms);
    assert_true(forces->origin == LML_ORIGIN_ABSENT && results.forces[3 * natoms - 1] == 0.0);
    results.forces[3 * natoms - 1] = *results.energy = 1.0;
  }
  lml_results_free(&results);
}

static void results_of_any_number_and_size(void **state) {
  (void)state;
  lml_results results = {0};
  const char *long_text = "a text that is longer than any that a result had room for before: 64 characters and more";
  for (int round = 0; round < 2; round++) { /* the second time in other places: nothing is left of the first */
    assert_int_equal(lml_results_reset(&results, ATOMS, NULL), LML_OK);
    if (round == 1) assert_int_equal(add(&results, "first", LML_RESULT_INTEGER, 2)->integers[2 * ATOMS - 1], 0);
    for (char name[] = "a"; name[0] <= 'z'; name[0]++) {
      double *tensors = add(&results, name, LML_RESULT_REAL, 9)->reals;
      for (size_t i = 0; i < 9 * ATOMS; i++) assert_true(tensors[i] == 0.0);
      tensors[9 * ATOMS - 1] = name[0];
    }
    assert_int_equal(lml_results_add_text(&results, "text", long_text, NULL), LML_OK);
    assert_int_equal(results.count, LML_RESULTS_STANDARD + round + 26 + 1);
    assert_true(lml_results_find(&results, "q")->reals[9 * ATOMS - 1] == 'q');
    assert_string_equal(lml_results_find(&results, "text")->text, long_text);
    assert_ptr_equal(lml_results_find(&results, "forces")->reals, results.forces);
    assert_null(lml_results_find(&results, "aa"));
  }
  lml_results_free(&results);
}

static void names_are_words_and_given_once(void **state) {
  (void)state;
  lml_results results = {0};
  lml_error error = {0};
  assert_int_equal(lml_results_reset(&results, ATOMS, NULL), LML_OK);
  assert_int_equal(lml_results_add_number(&results, "energy", "eV", 1.0, &error), LML_ERR_INTERNAL);
  assert_string_equal(error.message, "there are two results of the name 'energy'");
  assert_int_equal(lml_results_add_number(&results, "two words", "eV", 1.0, &error), LML_ERR_INTERNAL);
  assert_int_equal(results.count, LML_RESULTS_STANDARD);
  assert_true(lml_result_is_name("qm_difference_max2") && !lml_result_is_name("") && !lml_result_is_name("a:b"));
  assert_false(lml_result_is_name("a_name_that_is_as_long_as_no_result_has_one_____"));
  lml_results_free(&results);
}

static void results_stand_in_frames(void **state) {
  (void)state;
  const size_t kept[] = {4, 1};
  lml_results results = {0};
  lml_frame frame = {0};
  assert_int_equal(lml_results_reset(&results, ATOMS, NULL), LML_OK);
  assert_int_equal(lml_structure_resize(&frame.structure, 2, NULL), LML_OK);
  int64_t *pairs = add(&results, "pairs", LML_RESULT_INTEGER, 2)->integers;
  for (int i = 0; i < 2 * ATOMS; i++) pairs[i] = i;
  assert_int_equal(lml_results_add_number(&results, "number", "eV", 2.5, NULL), LML_OK);
  assert_int_equal(lml_results_add_text(&results, "text", "two words", NULL), LML_OK);
  add(&results, "pos", LML_RESULT_REAL, 3);
  for (size_t k = 0; k < 3; k++)
    assert_int_equal(lml_result_put(&results.list[LML_RESULTS_STANDARD + k], kept, &frame, NULL), LML_OK);
  const lml_values *column = lml_frame_column(&frame, "pairs");
  assert_true(column->type == LML_INTEGER && column->count == 2 && column->width == 2);
  assert_true(column->integers[0] == 8 && column->integers[1] == 9 && column->integers[2] == 2);
  assert_true(lml_frame_info(&frame, "number")->scalar && lml_frame_info(&frame, "number")->reals[0] == 2.5);
  assert_string_equal(lml_frame_info(&frame, "text")->texts[0], "two words");
  assert_int_equal(lml_result_put(lml_results_find(&results, "pos"), kept, &frame, NULL), LML_ERR_USAGE);
  lml_frame_free(&frame);
  lml_results_free(&results);
}

/* ---- kinds of calculators ---- */

static void a_calculator_of_another_kind_is_refused(void **state) {
  (void)state;
  const double coefficients[1] = {0.0};
  spring_script springs = {0};
  lml_calculator *calculator = spring_calculator(&springs);
  lml_error error = {0};
  assert_null(lml_mixture_of(calculator));
  assert_int_equal(lml_linear_calculator_update(calculator, coefficients, &error), LML_ERR_USAGE);
  assert_string_equal(error.message, "a linear calculator is needed, and this is a spring one");
  assert_int_equal(lml_linear_calculator_set_coordination_radius(calculator, 3.0, NULL), LML_ERR_USAGE);
  assert_int_equal(lml_linear_calculator_work(calculator, NULL), LML_ERR_USAGE);
  lml_calculator_destroy(calculator);
}

/* ---- names that are asked for ---- */

static void names_have_commas_between(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "",          "energies,",
      ",energies", "energies, sigma_forces",
      "a-b",       "a_name_that_is_longer_than_any_result_has_and_then_some_more_letters_of_it"};
  lml_text_list names = {0};
  lml_error error = {0};
  assert_int_equal(lml_result_names_split("energies,sigma_forces", &names, &error), LML_OK);
  assert_int_equal(names.count, 2);
  const lml_request request = lml_result_names_request(&names);
  assert_string_equal(request.names[1], "sigma_forces");
  lml_text_list_free(&names);
  for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
    assert_int_equal(lml_result_names_split(wrong[k], &names, &error), LML_ERR_USAGE);
    assert_non_null(strstr(error.message, "is no name of a result"));
    lml_text_list_free(&names);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(origins_have_names),
      cmocka_unit_test(the_standard_results_are_in_the_list),
      cmocka_unit_test(results_of_any_number_and_size),
      cmocka_unit_test(names_are_words_and_given_once),
      cmocka_unit_test(results_stand_in_frames),
      cmocka_unit_test(a_calculator_of_another_kind_is_refused),
      cmocka_unit_test(names_have_commas_between),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
