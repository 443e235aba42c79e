/* Fuzz target: the string of an INIT message, from a driver that may be anybody. */
#include "engine/init.h"
#include "lmlink/structure.h"
#include "memory_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lml_init init = {0};
  lml_error error = {0};
  memory_files_begin();
  const lml_status status = lml_init_read((const char *)data, size, &init, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  REQUIRE(status != LML_OK || !init.has_structure || init.structure.natoms > 0);
  for (size_t i = 0; i < init.structure.natoms; i++)
    REQUIRE(init.structure.numbers[i] >= 1 && init.structure.numbers[i] <= 118);
  lml_init_free(&init);
  memory_files_end();
  return 0;
}
