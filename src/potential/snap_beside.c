#include "potential/snap_beside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/sys.h"
#include "potential/snap_script.h"

/** Status of @p path; *@p found is false where there is no such file. */
static lml_status look_at(const char *path, struct stat *file, bool *found, lml_error *error) {
  *found = lml_sys->stat(path, file) == 0;
  if (*found || errno == ENOENT || errno == ENOTDIR) return LML_OK;
  return lml_fail_errno(error, errno, "cannot look at %s", path);
}

static lml_status is_same_file(const char *a, const char *b, bool *same, lml_error *error) {
  struct stat first, second;
  bool found_first, found_second = false;
  lml_status status = look_at(a, &first, &found_first, error);
  if (status == LML_OK && found_first) status = look_at(b, &second, &found_second, error);
  *same = found_second && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
  return status;
}

static lml_status command_names(const lml_script_command *command, const char *script_path, const char *snapcoeff,
                                bool *found, lml_error *error) {
  if (strcmp(command->words[0], "pair_coeff") != 0) return LML_OK;
  lml_status status = LML_OK;
  for (size_t k = 3; status == LML_OK && !*found && k < command->count; k++) {
    char *path = lml_path_beside(script_path, command->words[k], error);
    if (path == NULL) return LML_ERR_MEMORY;
    status = is_same_file(path, snapcoeff, found, error);
    lml_free(path);
  }
  return status;
}

/** Whether a pair_coeff line of @p path names @p snapcoeff. What else is in the file doesn't matter here, nor that it
 *  may be no script at all. */
static lml_status file_names(const char *path, const char *snapcoeff, bool *found, lml_error *error) {
  *found = false;
  lml_script *script;
  lml_status status = lml_script_open(path, &script, error);
  if (status != LML_OK) return status;
  lml_script_command command;
  bool end = false;
  while (status == LML_OK && !*found && !end) {
    status = lml_script_next(script, &command, &end, error);
    if (status == LML_OK && !end) status = command_names(&command, path, snapcoeff, found, error);
  }
  lml_script_close(script);
  if (status != LML_ERR_INPUT) return status;
  lml_error_clear(error);
  return LML_OK;
}

/** Takes over @p path, also on failure. */
static lml_status add_file(lml_snap_files *files, char *path, lml_error *error) {
  if (path == NULL) return LML_ERR_MEMORY;
  const lml_status status =
      lml_grow(&files->paths, &files->capacity, files->count + 1, sizeof *files->paths, "names of files", error);
  if (status == LML_OK)
    files->paths[files->count++] = path;
  else
    lml_free(path);
  return status;
}

static int compare_paths(const void *a, const void *b) {
  const char *first, *second;
  memcpy(&first, a, sizeof first);
  memcpy(&second, b, sizeof second);
  return strcmp(first, second);
}

/** Add @p name, of the folder of @p snapcoeff, where it names @p snapcoeff. */
static lml_status try_file(const char *snapcoeff, const char *name, lml_snap_files *files, lml_error *error) {
  char *path = lml_path_beside(snapcoeff, name, error);
  if (path == NULL) return LML_ERR_MEMORY;
  struct stat file;
  bool found;
  lml_status status = look_at(path, &file, &found, error);
  if (status == LML_OK && found && S_ISREG(file.st_mode))
    status = file_names(path, snapcoeff, &found, error);
  else
    found = false;
  if (status == LML_OK && found) return add_file(files, path, error);
  lml_free(path);
  return status;
}

static lml_status scan_folder(const char *snapcoeff, const char *folder, lml_snap_files *files, lml_error *error) {
  DIR *listing = lml_sys->opendir(folder);
  if (listing == NULL) return lml_fail_errno(error, errno, "cannot look for .snap files in %s", folder);
  lml_status status = LML_OK;
  const struct dirent *entry;
  while (status == LML_OK && (errno = 0, entry = lml_sys->readdir(listing)) != NULL)
    if (lml_path_has_extension(entry->d_name, ".snap")) status = try_file(snapcoeff, entry->d_name, files, error);
  if (status == LML_OK && errno != 0) status = lml_fail_errno(error, errno, "cannot list the folder %s", folder);
  lml_sys->closedir(listing);
  if (files->count > 1) qsort(files->paths, files->count, sizeof *files->paths, compare_paths);
  return status;
}

lml_status lml_snap_files_beside(const char *snapcoeff, lml_snap_files *files, lml_error *error) {
  lml_snap_files_free(files);
  char *same_name = lml_path_with_extension(snapcoeff, ".snap", error);
  char *folder = same_name == NULL ? NULL : lml_path_folder(snapcoeff, error);
  struct stat unused;
  bool exists = false;
  lml_status status = folder == NULL ? LML_ERR_MEMORY : look_at(same_name, &unused, &exists, error);
  if (status == LML_OK) {
    if (exists) {
      status = add_file(files, same_name, error);
      same_name = NULL;
    } else {
      status = scan_folder(snapcoeff, folder, files, error);
    }
  }
  lml_free(same_name);
  lml_free(folder);
  if (status != LML_OK) lml_snap_files_free(files);
  return status;
}

void lml_snap_files_free(lml_snap_files *files) {
  for (size_t k = 0; k < files->count; k++) lml_free(files->paths[k]);
  lml_free(files->paths);
  *files = (lml_snap_files){0};
}
