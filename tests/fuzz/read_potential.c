#include "read_potential.h"

#include "lmlink/calculator.h"
#include "memory_files.h"

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

void read_potential(const char *path, void (*write_and_read)(const lml_potential *potential)) {
  lml_potential *potential = NULL;
  lml_error error = {0};
  const lml_status status = lml_potential_read(path, NULL, LML_FIXED_TERMS_UNSTATED, &potential, &error);
  REQUIRE(status == LML_OK || (potential == NULL && error.message[0] != '\0'));
  if (status != LML_OK) return;
  if (lml_potential_ncoefficients(potential) <= SMALL) evaluate(potential);
  write_and_read(potential);
  lml_potential_destroy(potential);
}
