#include "retrain/report/start_files.h"

#include <stdio.h>

#include "base/memory.h"
#include "potential/potential.h"

static lml_status put(lml_start_file *file, const char *path, lml_error *error) {
  file->path = lml_strdup(path, error);
  return file->path == NULL ? LML_ERR_MEMORY : lml_sha256_file(path, file->checksum, error);
}

lml_status lml_start_files_find(lml_start_file files[LML_START_FILES], const lml_potential *potential,
                                lml_error *error) {
  const char *const paths[LML_START_FILES] = {potential->script, potential->coefficient_file,
                                              potential->parameter_file};
  lml_status status = LML_OK;
  for (size_t k = 0; k < LML_START_FILES && status == LML_OK; k++)
    if (paths[k] != NULL) status = put(&files[k], paths[k], error);
  return status;
}

void lml_start_files_free(lml_start_file files[LML_START_FILES]) {
  for (size_t k = 0; k < LML_START_FILES; k++) lml_free(files[k].path);
}

void lml_start_files_comment(const lml_start_file files[LML_START_FILES], char *text, size_t size) {
  snprintf(text, size, "lmlink %s: retrained from coefficients with sha256 %s", lml_version(), files[1].checksum);
}
