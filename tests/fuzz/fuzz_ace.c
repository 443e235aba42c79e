/* Fuzz target: a .yace file. What is read is evaluated where it is small, and must be the same after it was written. */
#include <math.h>

#include "lmlink/calculator.h"
#include "lmlink/potential.h"
#include "memory_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SMALL = 200 /**< coefficients of an element: what is evaluated in little time */ };

static void evaluate(const lml_potential *potential) {
  double positions[] = {0.0, 0.0, 0.0, 1.9, 0.3, 0.1, 0.2, 2.1, -0.4};
  int numbers[3];
  const lml_structure structure = {.natoms = 3, .numbers = numbers, .positions = positions};
  lml_calculator *calculator = NULL;
  lml_results results = {0};
  for (size_t i = 0; i < 3; i++) numbers[i] = lml_potential_element(potential, i % lml_potential_nelements(potential));
  if (lml_linear_calculator_create(potential, &calculator, NULL) == LML_OK)
    lml_calculator_evaluate(calculator, &structure, NULL, &results, NULL);
  lml_calculator_destroy(calculator);
  lml_results_free(&results);
}

/** A coefficient is the norm of the numbers that are written, so that its last digits may be others. */
static void write_and_read(const lml_potential *potential) {
  lml_potential *again = NULL;
  lml_error error = {0};
  const size_t count = lml_potential_nelements(potential) * lml_potential_ncoefficients(potential);
  const double *theta = lml_potential_coefficients(potential);
  for (size_t k = 0; k < count; k++)
    if (!(fabs(theta[k]) < 1e100) || (theta[k] != 0.0 && fabs(theta[k]) < 1e-100)) return;
  REQUIRE(lml_potential_write(potential, "again.yace", NULL, "a comment", &error) == LML_OK);
  if (lml_potential_read("again.yace", NULL, LML_FIXED_TERMS_UNSTATED, &again, &error) != LML_OK)
    memory_files_failed(error.message, "again.yace", 0);
  REQUIRE(lml_potential_nelements(again) * lml_potential_ncoefficients(again) == count);
  REQUIRE(lml_potential_cutoff(again) == lml_potential_cutoff(potential));
  for (size_t k = 0; k < count; k++)
    REQUIRE(fabs(lml_potential_coefficients(again)[k] - theta[k]) <= 1e-12 * fabs(theta[k]));
  lml_potential_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lml_potential *potential = NULL;
  lml_error error = {0};
  memory_files_begin();
  memory_files_put("p.yace", data, size);
  const lml_status status = lml_potential_read("p.yace", NULL, LML_FIXED_TERMS_UNSTATED, &potential, &error);
  REQUIRE(status == LML_OK || (potential == NULL && error.message[0] != '\0'));
  if (status == LML_OK) {
    if (lml_potential_ncoefficients(potential) <= SMALL) evaluate(potential);
    write_and_read(potential);
  }
  lml_potential_destroy(potential);
  memory_files_end();
  return 0;
}
