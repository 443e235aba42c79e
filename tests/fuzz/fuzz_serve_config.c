/* Fuzz target: the configuration of lmlink-serve. */
#include "memory_files.h"
#include "programs/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lml_serve_config config;
  lml_error error = {0};
  memory_files_begin();
  memory_files_put("lmlink.json", data, size);
  lml_serve_config_init(&config);
  lml_status status = lml_serve_config_read("lmlink.json", &config, &error);
  if (status == LML_OK) status = lml_serve_config_check(&config, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  lml_serve_config_free(&config);
  memory_files_end();
  return 0;
}
