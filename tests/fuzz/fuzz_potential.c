/* Fuzz target: the files of potentials, cut out of the input at lines "%%": coefficients and parameters of SNAP, a
 * .snap file, a .mliap file with its model and descriptor, a file of MiLaDy, one of UF3, one of tables, and
 * one of ACE for a .snap file to name. What is read is evaluated where it is small, and must be the same after it was
 * written. */
#include <string.h>

#include "memory_files.h"
#include "read_potential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const lml_potential *potential) {
  lml_potential *again = NULL;
  lml_error error = {0};
  REQUIRE(lml_potential_write(potential, "again.snapcoeff", "again.snapparam", "a comment", &error) == LML_OK);
  if (lml_potential_read("again.snapcoeff", NULL, LML_FIXED_TERMS_NONE, &again, &error) != LML_OK)
    memory_files_failed(error.message, "again.snapcoeff", 0);
  const size_t count = lml_potential_nelements(again) * lml_potential_ncoefficients(again);
  REQUIRE(lml_potential_ncoefficients(again) == lml_potential_ncoefficients(potential));
  REQUIRE(lml_potential_nelements(again) <= lml_potential_nelements(potential)); /* those without SNAP are not there */
  REQUIRE(lml_potential_cutoff(again) <= lml_potential_cutoff(potential));
  REQUIRE(memcmp(lml_potential_coefficients(again), lml_potential_coefficients(potential), count * sizeof(double)) ==
          0);
  lml_potential_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const names[] = {
      "p.snapcoeff", "p.snapparam", "p.snap", "p.mliap", "p.mliap.model", "p.mliap.descriptor", "p.pot",
      "p.uf3",       "p.table",     "p.yace", NULL};
  static const char *const potentials[] = {"p.snapcoeff", "p.snap", "p.mliap", "p.pot", "p.uf3", "p.table"};
  memory_files_begin();
  memory_files_split(names, data, size);
  for (size_t k = 0; k < sizeof potentials / sizeof potentials[0]; k++) read_potential(potentials[k], write_and_read);
  memory_files_end();
  return 0;
}
