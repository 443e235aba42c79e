/* Fuzz target: what an engine has printed, of which messages quote the end. The first byte says where its output begins
 * in the file, the second how long the quotation may be. */
#include <string.h>

#include "engine/output.h"
#include "memory_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROL = 2 /**< bytes that steer */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char text[UINT8_MAX + 1];
  if (size < CONTROL) return 0;
  const size_t room = (size_t)data[1] + 1;
  memset(text, 'x', sizeof text);
  memory_files_begin();
  memory_files_put("output", data + CONTROL, size - CONTROL);
  lml_output_tail("output", data[0], text, room);
  REQUIRE(memchr(text, '\0', room) != NULL);
  for (const char *c = text; *c != '\0'; c++) REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
  for (size_t k = room; k < sizeof text; k++) REQUIRE(text[k] == 'x');
  memory_files_end();
  return 0;
}
