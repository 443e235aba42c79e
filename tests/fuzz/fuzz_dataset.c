/* Fuzz target: what retraining sees in its data: a configuration, two files of structures, a matrix with its values and
 * weights, factors of the ridge, cut at lines "%%". Every set is scanned as the configuration says. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "memory_files.h"
#include "programs/retrain_config.h"
#include "retrain/data/dataset.h"
#include "retrain/solve/ridge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char snapparam[] = "rcutfac 4.5\ntwojmax 2\nquadraticflag 0\n";
static const char snapcoeff[] =
    "2 6\nW 0.5 1.0\n0.1\n0.02\n-0.01\n0.03\n0.005\n-0.02\nBe 0.4 0.7\n-0.3\n0.04\n0.1\n0.2\n-0.1\n0.05\n";

enum { MATRICES = 3 /**< the first of the names that is a .npy file's */ };

/** The newline before a line "%%" is none of the array's. */
static void drop_newline(const char *name) {
  char *text;
  size_t length;
  if (lml_file_read(name, &text, &length, NULL) != LML_OK) return;
  if (length > 0) memory_files_put(name, (const uint8_t *)text, length - 1);
  lml_free(text);
}

static void scan(lml_dataset *set, const lml_potential *potential) {
  lml_error error = {0};
  const lml_status status = lml_dataset_scan(set, potential, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  if (status != LML_OK) return;
  size_t rows = 0;
  for (size_t k = 0; k < set->nframes; k++) {
    REQUIRE(set->frames[k].first == rows && set->frames[k].natoms <= set->largest);
    rows += set->frames[k].nrows;
  }
  REQUIRE(rows == set->nrows && set->nframes <= set->nread);
}

static void read_ridge(const lml_ridge_scale *scale, const lml_potential *potential) {
  lml_ridge ridge = {0};
  lml_error error = {0};
  const lml_status status = lml_ridge_make(&ridge, scale, potential, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  REQUIRE(status != LML_OK || (ridge.smallest >= 0.0 && ridge.smallest <= ridge.largest));
  lml_ridge_free(&ridge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const names[] = {"retrain.json",  "t.xyz", "h.xyz", "m.npy",
                                      "m.targets.npy", "w.npy", "r.npy", NULL};
  lml_retrain_options options;
  lml_potential *potential = NULL;
  lml_error error = {0};
  memory_files_begin();
  memory_files_put("w.snapcoeff", (const uint8_t *)snapcoeff, sizeof snapcoeff - 1);
  memory_files_put("w.snapparam", (const uint8_t *)snapparam, sizeof snapparam - 1);
  memory_files_split(names, data, size);
  for (size_t k = MATRICES; names[k] != NULL; k++) drop_newline(names[k]);
  REQUIRE(lml_potential_read("w.snapcoeff", "w.snapparam", LML_FIXED_TERMS_NONE, &potential, NULL) == LML_OK);
  lml_retrain_options_init(&options);
  lml_status status = lml_retrain_config_read("retrain.json", &options, &error);
  if (status == LML_OK) status = lml_retrain_options_check(&options, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  for (size_t s = 0; s < options.nsets && status == LML_OK; s++) scan(&options.sets[s], potential);
  if (status == LML_OK) read_ridge(&options.ridge_scale, potential);
  lml_retrain_options_free(&options);
  lml_potential_destroy(potential);
  memory_files_end();
  return 0;
}
