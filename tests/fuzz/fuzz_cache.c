/* Fuzz target: the file that keeps sums of a retraining. Any bytes must be found out as damaged, of other inputs, or no
 * cache at all; only what was written for a key is read for it. */
#include <string.h>

#include "base/memory.h"
#include "memory_files.h"
#include "retrain/sums/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key[] = "a: 1\nb: two\n";

static void check_written(void) {
  double one[3] = {1.0, 2.0, 3.0}, two[1] = {-4.0}, back[3] = {0.0}, last[1] = {0.0};
  const lml_cache_part written[] = {{one, 3}, {two, 1}}, read[] = {{back, 3}, {last, 1}};
  lml_cache_finding finding = {0};
  REQUIRE(lml_cache_write("cache", key, written, 2, NULL) == LML_OK);
  REQUIRE(lml_cache_read("cache", key, read, 2, &finding, NULL) == LML_OK && finding.state == LML_CACHE_READ);
  REQUIRE(memcmp(one, back, sizeof one) == 0 && last[0] == two[0]);
}

/** The key that is kept in the file, for which something can be written again. */
static void check_key(void) {
  char *kept;
  lml_error error = {0};
  const lml_status status = lml_cache_read_key("cache", &kept, &error);
  REQUIRE(status == LML_OK || (kept == NULL && error.message[0] != '\0'));
  lml_free(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  double values[4];
  const lml_cache_part part = {values, 4};
  lml_cache_finding finding = {0};
  lml_error error = {0};
  memory_files_begin();
  memory_files_put("cache", data, size);
  check_key();
  const lml_status status = lml_cache_read("cache", key, &part, 1, &finding, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  if (status == LML_OK) check_written();
  memory_files_end();
  return 0;
}
