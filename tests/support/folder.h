/** @file folder.h
 *  A temporary folder for cmocka tests that read and write files: make_folder and remove_folder as the group's set-up
 *  and tear-down.
 */
#ifndef LML_TESTS_FOLDER_H
#define LML_TESTS_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_PATH_SIZE = 512, FOLDER_NAMES = 8 };

static char folder_name[FOLDER_PATH_SIZE];

static inline int make_folder(void **state) {
  (void)state;
  const char *parent = getenv("TMPDIR");
  snprintf(folder_name, sizeof folder_name, "%s/lmlink-test-XXXXXX", parent == NULL ? "/tmp" : parent);
  return mkdtemp(folder_name) == NULL ? -1 : 0;
}

/** Path of the file @p name in the folder. The last FOLDER_NAMES paths stay valid. */
static inline const char *in_folder(const char *name) {
  static char paths[FOLDER_NAMES][2 * FOLDER_PATH_SIZE];
  static unsigned next;
  char *path = paths[next++ % FOLDER_NAMES];
  snprintf(path, sizeof paths[0], "%s/%s", folder_name, name);
  return path;
}

/** Remove all files, and count them. */
static inline int empty_folder(void) {
  int count = 0;
  DIR *listing = opendir(folder_name);
  for (const struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    unlink(in_folder(entry->d_name));
    count++;
  }
  if (listing != NULL) closedir(listing);
  return count;
}

static inline int remove_folder(void **state) {
  (void)state;
  empty_folder();
  return rmdir(folder_name);
}

/** Write @p length bytes into the file @p path. */
static inline void write_bytes(const char *path, const void *bytes, size_t length) {
  FILE *file = fopen(path, "wb");
  if (file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0) return;
  perror(path);
  abort();
}

/** Write @p text into the file @p name of the folder; its path. */
static inline const char *write_text(const char *name, const char *text) {
  const char *path = in_folder(name);
  write_bytes(path, text, strlen(text));
  return path;
}

#endif
