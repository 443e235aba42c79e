/* Fuzz target: the files of potentials, cut out of the input at lines "%%": coefficients and parameters of SNAP, a
 * .snap file, a .mliap file with its model and descriptor, a file of MiLaDy, and one of UF3. What is read is evaluated
 * where it is small, and must be the same after it was written. */
#include <string.h>

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

static void write_and_read(const lml_potential *potential) {
  lml_potential *again = NULL;
  lml_error error = {0};
  const size_t count = lml_potential_nelements(potential) * lml_potential_ncoefficients(potential);
  REQUIRE(lml_potential_write(potential, "again.snapcoeff", "again.snapparam", "a comment", &error) == LML_OK);
  if (lml_potential_read("again.snapcoeff", NULL, LML_FIXED_TERMS_NONE, &again, &error) != LML_OK)
    memory_files_failed(error.message, "again.snapcoeff", 0);
  REQUIRE(lml_potential_nelements(again) * lml_potential_ncoefficients(again) == count);
  REQUIRE(lml_potential_cutoff(again) <= lml_potential_cutoff(potential));
  REQUIRE(memcmp(lml_potential_coefficients(again), lml_potential_coefficients(potential), count * sizeof(double)) ==
          0);
  lml_potential_destroy(again);
}

static void read(const char *path) {
  lml_potential *potential = NULL;
  lml_error error = {0};
  const lml_status status = lml_potential_read(path, NULL, LML_FIXED_TERMS_UNSTATED, &potential, &error);
  REQUIRE(status == LML_OK || (potential == NULL && error.message[0] != '\0'));
  if (status != LML_OK) return;
  if (lml_potential_ncoefficients(potential) <= SMALL) evaluate(potential);
  write_and_read(potential);
  lml_potential_destroy(potential);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const names[] = {"p.snapcoeff",        "p.snapparam", "p.snap", "p.mliap", "p.mliap.model",
                                      "p.mliap.descriptor", "p.pot",       "p.uf3",  NULL};
  static const char *const potentials[] = {"p.snapcoeff", "p.snap", "p.mliap", "p.pot", "p.uf3"};
  memory_files_begin();
  memory_files_split(names, data, size);
  for (size_t k = 0; k < sizeof potentials / sizeof potentials[0]; k++) read(potentials[k]);
  memory_files_end();
  return 0;
}
