/* ACE potentials: any call to the operating system may fail, and components are known again after they were written
 * with other coefficients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lmlink/calculator.h"
#include "potential/potential.h"
#include "potential/potential_variant.h"
#include "support/fault.h"
#include "support/folder.h"
#include "support/near.h"

#define SEEDS LMLINK_TEST_DATA "/../fuzz/corpus/ace/"

static const char *const files[] = {SEEDS "linear_core.yace", SEEDS "two_densities.yace", SEEDS "zeros.yace"};
enum { FILES = sizeof files / sizeof *files, ATOMS = 3, MOST = 64 /**< coefficients of these files */ };

static double positions[] = {0.0, 0.0, 0.0, 2.4, 0.3, 0.1, 0.2, 2.6, -0.4};

/** Everything that a potential is asked for. */
static lml_status use(const lml_potential *potential, lml_error *error) {
  static double descriptors[ATOMS * MOST], gradients[ATOMS * 3 * MOST];
  int numbers[ATOMS];
  const lml_structure structure = {.natoms = ATOMS, .numbers = numbers, .positions = positions};
  lml_calculator *calculator = NULL;
  lml_results results = {0};
  for (size_t i = 0; i < ATOMS; i++)
    numbers[i] = lml_potential_element(potential, i % lml_potential_nelements(potential));
  lml_status status = lml_linear_calculator_create(potential, &calculator, error);
  if (status == LML_OK) status = lml_calculator_evaluate(calculator, &structure, NULL, &results, error);
  if (status == LML_OK && lml_potential_need_components(potential, NULL) == LML_OK) {
    assert_true(lml_potential_ncoefficients(potential) <= MOST);
    status = lml_potential_descriptors(potential, &structure, descriptors, error);
    if (status == LML_OK) status = lml_potential_gradients(potential, &structure, gradients, error);
  }
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
  return status;
}

static lml_status read_use_write(const char *path, lml_error *error) {
  lml_potential *potential;
  lml_status status = lml_potential_read(path, NULL, LML_FIXED_TERMS_UNSTATED, &potential, error);
  if (status == LML_OK) status = use(potential, error);
  if (status == LML_OK) status = lml_potential_write(potential, in_folder("new.yace"), NULL, "new", error);
  lml_potential_destroy(potential);
  return status;
}

static void any_call_may_fail(void **state) {
  (void)state;
  for (size_t k = 0; k < FILES; k++) {
    bool failed = true;
    for (size_t n = 1; failed; n++) {
      lml_error error = {0};
      fault_begin(FAULT_HARD, n);
      const lml_status status = read_use_write(files[k], &error);
      failed = fault_end();
      assert_int_equal(status, error.status);
      assert_true((status == LML_OK) == (error.message[0] == '\0'));
      if (!failed) assert_int_equal(status, LML_OK);
    }
    empty_folder();
  }
}

static void components_are_known_again(void **state) {
  (void)state;
  for (size_t k = 0; k < FILES; k++) {
    lml_potential *first, *other, *again;
    char before[LML_SHA256_TEXT], after[LML_SHA256_TEXT];
    double theta[2 * MOST];
    assert_int_equal(lml_potential_read(files[k], NULL, LML_FIXED_TERMS_UNSTATED, &first, NULL), LML_OK);
    const size_t count = lml_potential_nelements(first) * lml_potential_ncoefficients(first);
    assert_true(count <= sizeof theta / sizeof *theta);
    for (size_t c = 0; c < count; c++) theta[c] = lml_potential_coefficients(first)[c] * ((double)c / 7.0 - 1.3);
    assert_int_equal(lml_potential_with_coefficients(first, theta, &other, NULL), LML_OK);
    assert_int_equal(lml_potential_write(other, in_folder("new.yace"), NULL, NULL, NULL), LML_OK);
    assert_int_equal(lml_potential_read(in_folder("new.yace"), NULL, LML_FIXED_TERMS_UNSTATED, &again, NULL), LML_OK);
    for (size_t c = 0; c < count; c++) assert_near(lml_potential_coefficients(again)[c], theta[c], 1e-12);
    lml_potential_hash_descriptor(first, before);
    lml_potential_hash_descriptor(again, after);
    assert_string_equal(before, after);
    lml_potential_hash_terms(first, before);
    lml_potential_hash_terms(again, after);
    assert_string_equal(before, after);
    lml_potential_destroy(first);
    lml_potential_destroy(other);
    lml_potential_destroy(again);
  }
}

/** As in the plugin for LAMMPS, which reads files on one process and hands the text to the others. */
static void text_gives_what_its_file_gives(void **state) {
  (void)state;
  static char text[1 << 20];
  FILE *file = fopen(files[0], "r");
  assert_non_null(file);
  const lml_potential_text handed = {
      .name = "elsewhere.yace", .text = text, .length = fread(text, 1, sizeof text, file)};
  fclose(file);
  lml_potential *from_file, *from_text;
  lml_error error = {0};
  assert_int_equal(lml_potential_read(files[0], NULL, LML_FIXED_TERMS_UNSTATED, &from_file, NULL), LML_OK);
  if (lml_potential_read_text(&handed, NULL, &from_text, &error) != LML_OK) fail_msg("%s", error.message);
  const size_t count = lml_potential_nelements(from_file) * lml_potential_ncoefficients(from_file);
  assert_memory_equal(lml_potential_coefficients(from_text), lml_potential_coefficients(from_file),
                      count * sizeof(double));
  lml_potential_destroy(from_text);
  lml_potential_destroy(from_file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_call_may_fail),
      cmocka_unit_test(text_gives_what_its_file_gives),
      cmocka_unit_test(components_are_known_again),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
