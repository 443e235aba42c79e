/* Fuzz target: opening a force log. No byte is lost, and once it was opened it must open again with the same frames,
 * nothing of them cut off or set aside.
 */
#include "lmlink/extxyz.h"
#include "memory_files.h"
#include "session/force_log.h"
#include "structure/checked_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** What has been seen of a log. */
typedef struct sight {
  size_t frames;
  uint64_t bytes; /**< of these frames */
  lml_force_log_damage found;
} sight;

static lml_status visit(void *context, lml_frame *frame, const lml_log_place *place, lml_error *error) {
  sight *s = context;
  (void)error;
  REQUIRE(place->number == s->frames && place->offset == s->bytes && frame->structure.natoms > 0);
  s->frames++;
  s->bytes += place->bytes;
  return LML_OK;
}

static lml_status open_log(sight *s) {
  lml_force_log *log = NULL;
  lml_error error = {0};
  *s = (sight){0};
  lml_status status = lml_force_log_open("log.xyz", &log, &error);
  if (status == LML_OK) status = lml_force_log_read_all(log, NULL, visit, s, &error);
  REQUIRE(status == LML_OK || error.message[0] != '\0');
  if (status == LML_OK) {
    REQUIRE(lml_force_log_nframes(log) == s->frames);
    s->found = lml_force_log_get_damage(log);
    s->found.where = NULL;
  }
  lml_force_log_close(log);
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sight first, again;
  memory_files_begin();
  memory_files_put("log.xyz", data, size);
  REQUIRE(!lml_checked_begins_file("log.xyz") || size > 0);
  if (open_log(&first) == LML_OK) {
    REQUIRE(first.bytes + first.found.cut + first.found.aside == size);
    REQUIRE(open_log(&again) == LML_OK);
    REQUIRE(again.frames == first.frames && again.bytes == first.bytes);
    REQUIRE(again.found.cut == 0 && again.found.aside == 0);
  }
  memory_files_end();
  return 0;
}
