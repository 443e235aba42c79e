/* Fuzz target: going on with a force log whose frames are whole, as their checksums say, and hold anything, and with an
 * index of it whose records' checksums are right, too. What is known from there is looked up. The first piece of the
 * input, cut at lines "%%", is the index, or nothing; the others are frames. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "memory_files.h"
#include "session/recorder.h"
#include "structure/checked_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NATOMS = 4, MOST_PIECES = 9, INDEX_HEADER = 128, RECORD = sizeof(lml_result_cache_entry) + sizeof(uint64_t) };

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static int numbers[NATOMS] = {42, 42, 42, 42};
static double positions[3 * NATOMS] = {0, 0, 0, 1.575, 1.575, 1.575, 3.15, 0, 0, 4.725, 1.575, 1.575};
static const lml_structure structure = {.natoms = NATOMS,
                                        .numbers = numbers,
                                        .positions = positions,
                                        .cell = {6.3, 0, 0, 0, 3.15, 0, 0, 0, 3.15},
                                        .pbc = {true, true, true}};

/** Write the frame of this text behind the log; what is no text of lines is left out. */
static size_t add_frame(char *log, size_t used, size_t room, const uint8_t *data, size_t size) {
  char *text;
  size_t length;
  if (memchr(data, '\n', size) == NULL) return used;
  if (lml_checked_format((const char *)data, size, &text, &length, NULL) != LML_OK) return used;
  if (length <= room - used) {
    memcpy(log + used, text, length);
    used += length;
  }
  lml_free(text);
  return used;
}

/** The records of an index, each with the checksum that it has to have, under the header of the index that is there. */
static void put_index(uint8_t *records, size_t size) {
  const char *path = "log.xyz.index";
  uint8_t *index = malloc(INDEX_HEADER + size);
  char *made;
  size_t length;
  REQUIRE(index != NULL);
  REQUIRE(lml_file_read(path, &made, &length, NULL) == LML_OK && length >= INDEX_HEADER);
  memcpy(index, made, INDEX_HEADER);
  lml_free(made);
  memcpy(index + INDEX_HEADER, records, size);
  for (size_t at = INDEX_HEADER; at + RECORD <= INDEX_HEADER + size; at += RECORD) {
    const uint64_t check = lml_hash(LML_HASH_BEGIN, index + at, sizeof(lml_result_cache_entry));
    memcpy(index + at + sizeof(lml_result_cache_entry), &check, sizeof check);
  }
  memory_files_put(path, index, INDEX_HEADER + size);
  free(index);
}

/** Look up the region where the structure is as it was, and then its forces. */
static void look_up(lml_recorder *recorder, size_t r) {
  lml_result_cache_region found;
  unsigned char labels[NATOMS] = {0};
  size_t parents[NATOMS];
  double forces[3 * NATOMS];
  const lml_mixing_cache cache = lml_recorder_cache(recorder);
  if (!lml_recorder_find_region(recorder, r, &structure, &found)) return;
  REQUIRE(found.natoms <= NATOMS);
  if (found.natoms == 0) return; /* a region that is chosen by uncertainty may have no atoms */
  for (size_t i = 0; i < found.natoms; i++) {
    REQUIRE(found.parents[i] < NATOMS);
    parents[i] = found.parents[i];
    labels[parents[i]] = found.labels[i];
  }
  lml_region region = {.natoms = NATOMS, .labels = labels};
  lml_cluster cluster = {.structure = {.natoms = found.natoms}, .parents = parents};
  memcpy(cluster.structure.cell, found.cluster_cell, sizeof cluster.structure.cell);
  const lml_mixing_region mixing = {.name = "region", .region = &region, .cluster = &cluster};
  (void)cache.find(cache.context, r, &mixing, &structure, forces);
}

/** Open the log; the number of its frames, as it is told, or −1. */
static long open_recorder(size_t nregions, lml_recorder_reading reading) {
  static const char *const sums[] = {ZEROS, ZEROS};
  const lml_recorder_settings settings = {.path = "log.xyz",
                                          .structure = &structure,
                                          .engines = sums,
                                          .rules = sums,
                                          .nregions = nregions,
                                          .reading = reading};
  lml_recorder *recorder = NULL;
  lml_error error = {0};
  char text[512];
  if (lml_recorder_open(&settings, &recorder, &error) != LML_OK) {
    REQUIRE(error.message[0] != '\0');
    return -1;
  }
  for (size_t r = 0; r < nregions; r++) look_up(recorder, r);
  lml_recorder_describe(recorder, text, sizeof text);
  lml_recorder_close(recorder);
  return strtol(text + strlen("log.xyz: "), NULL, 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const names[MOST_PIECES + 1] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", NULL};
  static char log[1 << 17];
  size_t used = 0, length = 0, index_length;
  char *text, *index = NULL;
  if (size < 1) return 0;
  const size_t nregions = data[0] % 3;
  memory_files_begin();
  memory_files_split(names, data + 1, size - 1);
  for (size_t k = 1; k < MOST_PIECES; k++) {
    if (lml_file_read(names[k], &text, &length, NULL) != LML_OK) continue;
    used = add_frame(log, used, sizeof log, (const uint8_t *)text, length);
    lml_free(text);
  }
  memory_files_put("log.xyz", (const uint8_t *)log, used);
  const long frames = open_recorder(nregions, LML_RECORDER_READS_ALL);
  if (frames > 0) {
    REQUIRE(open_recorder(nregions, LML_RECORDER_READS_NEW) == frames);
    if (lml_file_read(names[0], &index, &index_length, NULL) == LML_OK) {
      put_index((uint8_t *)index, index_length);
      REQUIRE(open_recorder(nregions, LML_RECORDER_READS_NEW) <= frames);
      lml_free(index);
    }
    REQUIRE(open_recorder(nregions, LML_RECORDER_READS_ALL) == frames);
  }
  memory_files_end();
  return 0;
}
