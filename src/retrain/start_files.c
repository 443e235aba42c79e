#include "retrain/start_files.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/path.h"
#include "potential/snap_style.h"

static lml_status put(lml_start_file *file, const char *path, lml_error *error) {
  file->path = lml_strdup(path, error);
  return file->path == NULL ? LML_ERR_MEMORY : lml_sha256_file(path, file->checksum, error);
}

static lml_status find_beside(lml_start_file files[LML_START_FILES], const lml_retrain_options *options,
                              lml_error *error) {
  lml_status status = put(&files[1], options->start, error);
  if (status != LML_OK) return status;
  if (options->parameters != NULL) return put(&files[2], options->parameters, error);
  char *beside = lml_path_with_extension(options->start, ".snapparam", error);
  if (beside == NULL) return LML_ERR_MEMORY;
  status = put(&files[2], beside, error);
  lml_free(beside);
  return status;
}

lml_status lml_start_files_find(lml_start_file files[LML_START_FILES], const lml_retrain_options *options,
                                lml_error *error) {
  if (!lml_path_has_extension(options->start, ".snap")) return find_beside(files, options, error);
  lml_snap_style style = {0};
  lml_status status = lml_snap_style_read(options->start, &style, error);
  if (status == LML_OK) status = put(&files[0], options->start, error);
  if (status == LML_OK) status = put(&files[1], style.snapcoeff, error);
  if (status == LML_OK) status = put(&files[2], style.snapparam, error);
  lml_snap_style_free(&style);
  return status;
}

void lml_start_files_free(lml_start_file files[LML_START_FILES]) {
  for (size_t k = 0; k < LML_START_FILES; k++) lml_free(files[k].path);
}

void lml_start_files_comment(const lml_start_file files[LML_START_FILES], char *text, size_t size) {
  snprintf(text, size, "lmlink %s: retrained from coefficients with sha256 %s", lml_version(), files[1].checksum);
}
