/* Fuzz target: the reader and the writer of extended XYZ. Whatever the bytes are, what is read and written again must
 * be read as the same, and a file's places between frames must lead to the same frames. */
#include <string.h>

#include "base/memory.h"
#include "lmlink/extxyz.h"
#include "memory_files.h"
#include "structure/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_FRAMES = 8 };

static void read_again(const char *text, size_t length) {
  lml_frame frame = {0};
  lml_error error = {0};
  char *second = NULL;
  size_t second_length = 0;
  memory_files_put("again.xyz", (const uint8_t *)text, length);
  if (lml_xyz_read_file("again.xyz", 0, &frame, &error) != LML_OK) memory_files_failed(error.message, "again.xyz", 0);
  REQUIRE(lml_frame_format(&frame, &second, &second_length, &error) == LML_OK);
  REQUIRE(second_length == length && memcmp(second, text, length) == 0);
  lml_free(second);
  lml_frame_free(&frame);
}

static void read_from(lml_xyz_place place, const char *text, size_t length) {
  lml_xyz_reader *reader = NULL;
  lml_frame frame = {0};
  bool end = false;
  char *second = NULL;
  size_t second_length = 0;
  REQUIRE(lml_xyz_open("in.xyz", &reader, NULL) == LML_OK);
  REQUIRE(lml_xyz_seek(reader, place, NULL) == LML_OK);
  REQUIRE(lml_xyz_read(reader, &frame, &end, NULL) == LML_OK && !end);
  REQUIRE(lml_frame_format(&frame, &second, &second_length, NULL) == LML_OK);
  REQUIRE(second_length == length && memcmp(second, text, length) == 0);
  lml_free(second);
  lml_frame_free(&frame);
  lml_xyz_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lml_xyz_reader *reader = NULL;
  lml_frame frame = {0};
  bool end = false;
  memory_files_begin();
  memory_files_put("in.xyz", data, size);
  REQUIRE(lml_xyz_open("in.xyz", &reader, NULL) == LML_OK);
  for (int count = 0; count < MOST_FRAMES && !end; count++) {
    const lml_xyz_place place = lml_xyz_tell(reader);
    lml_error error = {0};
    char *text = NULL;
    size_t length = 0;
    const lml_status status = lml_xyz_read(reader, &frame, &end, &error);
    REQUIRE(status == LML_OK || ((status == LML_ERR_INPUT || status == LML_ERR_MEMORY) && error.message[0] != '\0'));
    if (status != LML_OK || end) break;
    REQUIRE(lml_structure_check(&frame.structure, &error) == LML_OK || error.status == LML_ERR_INPUT);
    if (lml_frame_format(&frame, &text, &length, &error) == LML_OK) {
      read_again(text, length);
      read_from(place, text, length);
    }
    lml_free(text);
  }
  lml_frame_free(&frame);
  lml_xyz_close(reader);
  memory_files_end();
  return 0;
}
