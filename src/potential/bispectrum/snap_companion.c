#include "potential/bispectrum/snap_companion.h"

#include <errno.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/sys.h"
#include "potential/script/pair_styles.h"
#include "potential/script/script.h"

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
 *  may be no script at all. A line that can't be read names it where its name is there. */
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
    if (status != LML_ERR_INPUT) continue;
    *found = lml_script_has(script, "pair_coeff") && lml_script_has(script, lml_path_name(snapcoeff));
    lml_error_clear(error);
    status = LML_OK;
  }
  lml_script_close(script);
  return status;
}

/** Whether @p path has the name of @p snapcoeff but for the extension. */
static bool has_name_of(const char *path, const char *snapcoeff) {
  const char *one = lml_path_name(path), *two = lml_path_name(snapcoeff);
  const char *dot = strrchr(one, '.'), *other_dot = strrchr(two, '.');
  const size_t length = other_dot == NULL ? strlen(two) : (size_t)(other_dot - two);
  return (size_t)(dot - one) == length && strncmp(one, two, length) == 0;
}

/** Add @p name, of the folder of @p snapcoeff, to @p own or @p others where it belongs to @p snapcoeff. */
static lml_status try_file(const char *snapcoeff, const char *name, lml_text_list *own, lml_text_list *others,
                           lml_error *error) {
  char *path = lml_path_beside(snapcoeff, name, error);
  if (path == NULL) return LML_ERR_MEMORY;
  const bool same_name = has_name_of(name, snapcoeff);
  struct stat file;
  bool found;
  lml_status status = look_at(path, &file, &found, error);
  found = found && S_ISREG(file.st_mode);
  if (status == LML_OK && found && !(same_name && lml_path_has_extension(name, ".snap")))
    status = file_names(path, snapcoeff, &found, error);
  if (status == LML_OK && found) return lml_text_list_take(same_name ? own : others, path, error);
  lml_free(path);
  return status;
}

static lml_status scan_folder(const char *snapcoeff, const char *folder, lml_text_list *own, lml_text_list *others,
                              lml_error *error) {
  DIR *listing = lml_sys->opendir(folder);
  if (listing == NULL) return lml_fail_errno(error, errno, "cannot look for .snap and .mod files in %s", folder);
  lml_status status = LML_OK;
  const struct dirent *entry;
  while (status == LML_OK && (errno = 0, entry = lml_sys->readdir(listing)) != NULL)
    if (lml_pair_styles_is_name(entry->d_name)) status = try_file(snapcoeff, entry->d_name, own, others, error);
  if (status == LML_OK && errno != 0) status = lml_fail_errno(error, errno, "cannot list the folder %s", folder);
  lml_sys->closedir(listing);
  return status;
}

lml_status lml_snap_files_beside(const char *snapcoeff, lml_snap_files *files, lml_error *error) {
  lml_snap_files_free(files);
  lml_text_list others = {0};
  char *folder = lml_path_folder(snapcoeff, error);
  lml_status status = folder == NULL ? LML_ERR_MEMORY : scan_folder(snapcoeff, folder, &files->paths, &others, error);
  lml_text_list_sort(&files->paths);
  lml_text_list_sort(&others);
  files->nown = files->paths.count;
  for (size_t k = 0; k < others.count; k++) {
    char *path = others.texts[k];
    others.texts[k] = NULL;
    if (status == LML_OK)
      status = lml_text_list_take(&files->paths, path, error);
    else
      lml_free(path);
  }
  lml_text_list_free(&others);
  lml_free(folder);
  if (status != LML_OK) lml_snap_files_free(files);
  return status;
}

void lml_snap_files_free(lml_snap_files *files) {
  lml_text_list_free(&files->paths);
  files->nown = 0;
}
