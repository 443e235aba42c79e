/* Fuzz target: a .yace file. What is read is evaluated where it is small, and must be the same after it was written. */
#include <math.h>

#include "memory_files.h"
#include "read_potential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
  memory_files_begin();
  memory_files_put("p.yace", data, size);
  read_potential("p.yace", write_and_read);
  memory_files_end();
  return 0;
}
