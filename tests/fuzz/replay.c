/* Runs a fuzz target without a fuzzer: on each file of a folder as it is, cut off at many lengths, and with many of its
 * bytes changed. What is found once stays in the folder, so that it is found again.
 *
 *   replay_TARGET FOLDER
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 1 << 20, CHANGES = 300 /**< of each kind, for each file */ };

/** Numbers that look random, always the same. */
static size_t next_number(uint32_t *state) {
  *state = *state * 1664525U + 1013904223U;
  return *state >> 8;
}

static size_t run(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size > 0 ? size : 1); /* of the right size, so that a sanitizer sees what lies after it */
  if (copy == NULL) abort();
  if (size > 0) memcpy(copy, data, size);
  LLVMFuzzerTestOneInput(copy, size);
  free(copy);
  return 1;
}

static size_t run_changed(uint8_t *data, size_t size) {
  static const uint8_t values[] = {0, '\n', ' ', '"', '-', '0', '9', ',', '{', '}', '[', '=', 'e', 0xff};
  uint32_t state = (uint32_t)size;
  size_t runs = 0;
  for (size_t k = 0; k < CHANGES && size > 0; k++) {
    const size_t place = next_number(&state) % size;
    const uint8_t before = data[place];
    data[place] = values[next_number(&state) % sizeof values];
    runs += run(data, size);
    if (k % 2 == 0) data[place] = before; /* every second change stays */
  }
  return runs;
}

static size_t run_file(const char *path) {
  static uint8_t data[LARGEST];
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  const size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  const size_t step = size / CHANGES + 1;
  size_t runs = run(data, size);
  for (size_t length = 0; length < size; length += step) runs += run(data, length);
  return runs + run_changed(data, size);
}

int main(int argc, char **argv) {
  struct dirent **entries;
  size_t runs = 0, files = 0;
  const int count = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
  if (count < 0) {
    fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  for (int k = 0; k < count; k++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[1], entries[k]->d_name);
    if (entries[k]->d_name[0] != '.') {
      runs += run_file(path);
      files++;
    }
    free(entries[k]);
  }
  free(entries);
  printf("%zu inputs made of %zu files\n", runs, files);
  return files > 0 ? 0 : 1;
}
