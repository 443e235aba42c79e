/* Fuzz target: opening a force log. Once it was opened it must open again with the same frames, none of them cut off.
 */
#include "lmlink/extxyz.h"
#include "memory_files.h"
#include "session/force_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lml_status visit(void *context, lml_frame *frame, size_t index, lml_error *error) {
  size_t *count = context;
  (void)error;
  REQUIRE(index == *count && frame->structure.natoms > 0);
  (*count)++;
  return LML_OK;
}

static lml_status open_log(size_t *frames, size_t *cut) {
  lml_force_log *log = NULL;
  lml_error error = {0};
  *frames = *cut = 0;
  const lml_status status = lml_force_log_open("log.xyz", visit, frames, &log, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  if (status == LML_OK) {
    REQUIRE(lml_force_log_nframes(log) == *frames);
    *cut = lml_force_log_cut(log);
  }
  lml_force_log_close(log);
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t frames, cut, again;
  memory_files_begin();
  memory_files_put("log.xyz", data, size);
  if (open_log(&frames, &cut) == LML_OK) {
    REQUIRE(open_log(&again, &cut) == LML_OK);
    REQUIRE(again == frames && cut == 0);
  }
  memory_files_end();
  return 0;
}
