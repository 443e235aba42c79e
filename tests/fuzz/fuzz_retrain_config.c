/* Fuzz target: the configuration of lmlink-retrain. */
#include "memory_files.h"
#include "programs/retrain_config.h"
#include "retrain/report/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lml_retrain_options options;
  lml_error error = {0};
  memory_files_begin();
  memory_files_put("retrain.json", data, size);
  lml_retrain_options_init(&options);
  lml_status status = lml_retrain_config_read("retrain.json", &options, &error);
  if (status == LML_OK) status = lml_retrain_options_check(&options, &error);
  if (status == LML_OK) status = lml_outputs_check(&options, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  lml_retrain_options_free(&options);
  memory_files_end();
  return 0;
}
