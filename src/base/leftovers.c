#include "base/leftovers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/sys.h"

bool lml_leftover_claim(int fd) {
  /* A file system without locks has no claims, and nobody removes anything there. */
  return lml_sys->lock(fd) == 0 || (errno != EAGAIN && errno != EACCES);
}

/** The process in @p name, if that is the name of a temporary file of @p final; else 0. */
static long process_of(const char *name, const char *final) {
  const size_t length = strlen(final);
  if (strncmp(name, final, length) != 0 || name[length] != '.') return 0;
  char *rest;
  const long process = strtol(name + length + 1, &rest, 10);
  if (process <= 0 || *rest != '-') return 0;
  const long number = strtol(rest + 1, &rest, 10);
  return number >= 0 && strcmp(rest, ".tmp") == 0 ? process : 0;
}

/** The claim ends when the file is closed, a moment before it is renamed: the process has to be gone as well. */
static void remove_unclaimed(const char *path) {
  const int fd = lml_sys->open(path, O_WRONLY, 0);
  if (fd < 0) return;
  if (lml_sys->lock(fd) == 0) lml_sys->unlink(path);
  lml_sys->close(fd);
}

lml_status lml_leftovers_remove(const char *path, lml_error *error) {
  char *folder = lml_path_folder(path, error);
  if (folder == NULL) return LML_ERR_MEMORY;
  DIR *listing = lml_sys->opendir(folder);
  lml_free(folder);
  if (listing == NULL) return LML_OK;
  lml_status status = LML_OK;
  const struct dirent *entry;
  while (status == LML_OK && (entry = lml_sys->readdir(listing)) != NULL) {
    const long process = process_of(entry->d_name, lml_path_name(path));
    if (process == 0 || lml_sys->kill((pid_t)process, 0) == 0 || errno != ESRCH) continue;
    char *leftover = lml_path_beside(path, entry->d_name, error);
    if (leftover == NULL)
      status = LML_ERR_MEMORY;
    else
      remove_unclaimed(leftover);
    lml_free(leftover);
  }
  lml_sys->closedir(listing);
  return status;
}
