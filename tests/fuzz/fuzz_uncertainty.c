/* Fuzz target: the files of an uncertainty, for a potential of two elements: NAME.uncertainty.json up to a line "%%",
 * then the factor, whose checksum is made right. What is read must be the same after it was written. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "memory_files.h"
#include "potential/uncertainty.h"
#include "potential/uncertainty_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char snapparam[] = "rcutfac 4.5\ntwojmax 0\nquadraticflag 1\n";
static const char snapcoeff[] =
    "2 3\nW 0.5 1.0\n0.1\n0.01999999999999998\n3.4544997474388695e-19\n"
    "Be 0.4 0.7\n-0.3\n0.03999999999999999\n3.1370036582746804e-19\n";

/** Let the checksum of the factor that stands in the text be the right one, where there is a factor. */
static void mend_checksum(void) {
  static const char key[] = "\"sha256\": \"";
  lml_npy_array factor = {0};
  char sum[LML_SHA256_TEXT], *text = NULL;
  size_t length;
  if (lml_npy_read("n.uncertainty.npy", &factor, NULL) != LML_OK) return;
  lml_uncertainty_checksum(factor.values, factor.count, sum);
  lml_npy_free(&factor);
  if (lml_file_read("n.uncertainty.json", &text, &length, NULL) != LML_OK) return;
  for (size_t at = 0; at + strlen(key) + LML_SHA256_TEXT <= length; at++)
    if (memcmp(text + at, key, strlen(key)) == 0) memcpy(text + at + strlen(key), sum, LML_SHA256_TEXT - 1);
  memory_files_put("n.uncertainty.json", (const uint8_t *)text, length);
  lml_free(text);
}

static void write_and_read(const lml_uncertainty *read, const lml_potential *potential) {
  lml_uncertainty_files files;
  lml_uncertainty again = {0};
  lml_error error = {0};
  REQUIRE(lml_uncertainty_write(read, potential, "again.snapcoeff", &files, &error) == LML_OK);
  REQUIRE(lml_uncertainty_commit(&files, &error) == LML_OK);
  if (lml_uncertainty_read("again.uncertainty.json", potential, &again, &error) != LML_OK)
    memory_files_failed(error.message, "again.uncertainty.json", 0);
  REQUIRE(again.rank == read->rank && again.width == read->width && again.kind == read->kind);
  REQUIRE((again.factor == NULL) == (read->factor == NULL));
  if (read->factor != NULL) REQUIRE(memcmp(again.factor, read->factor, read->width * read->rank * sizeof(double)) == 0);
  lml_uncertainty_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const names[] = {"n.uncertainty.json", "n.uncertainty.npy", NULL};
  lml_potential *potential = NULL;
  lml_uncertainty read = {0};
  lml_error error = {0};
  memory_files_begin();
  memory_files_put("n.snapcoeff", (const uint8_t *)snapcoeff, sizeof snapcoeff - 1);
  memory_files_put("n.snapparam", (const uint8_t *)snapparam, sizeof snapparam - 1);
  memory_files_split(names, data, size);
  mend_checksum();
  REQUIRE(lml_potential_read("n.snapcoeff", "n.snapparam", LML_FIXED_TERMS_NONE, &potential, NULL) == LML_OK);
  const lml_status status = lml_uncertainty_read("n.uncertainty.json", potential, &read, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  if (status == LML_OK) write_and_read(&read, potential);
  lml_uncertainty_free(&read);
  lml_potential_destroy(potential);
  memory_files_end();
  return 0;
}
