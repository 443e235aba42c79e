#include "retrain/report/files.h"

#include <errno.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/print.h"
#include "base/sys.h"
#include "potential/format.h"
#include "potential/potential.h"
#include "potential/script/script_write.h"

/* ---- of the starting potential ---- */

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
  lml_print_cut(text, size, "lmlink %s: retrained from coefficients with sha256 %s", lml_version(), files[1].checksum);
}

/* ---- outputs ---- */

/** What is there under a path: nothing, or a file, which may have other names too. */
typedef struct {
  const char *path;
  bool there;
  struct stat about;
} place;

static lml_status look(const char *path, place *at, lml_error *error) {
  *at = (place){.path = path};
  at->there = lml_sys->stat(path, &at->about) == 0;
  return at->there || errno == ENOENT ? LML_OK : lml_fail_errno(error, errno, "%s: can't be looked at", path);
}

/** Whether both paths are of one file; of files that are not there yet, whether they are the same text. */
static bool same_file(const place *a, const place *b) {
  if (a->there && b->there) return a->about.st_dev == b->about.st_dev && a->about.st_ino == b->about.st_ino;
  return !a->there && !b->there && strcmp(a->path, b->path) == 0;
}

/** The outputs; the last is the cache, which is replaced without being asked once it is known to be one. */
enum { CACHE = 6, OUTPUTS };

typedef struct {
  char *parameters; /**< file beside the output; NULL: its format has none */
  char *script;     /**< lines for LAMMPS beside the output; NULL: its format has none */
  char *json, *npy; /**< of the uncertainty; NULL: none is wanted */
  place places[OUTPUTS];
} outputs;

static lml_status look_at_all(const lml_retrain_options *options, outputs *all, lml_error *error) {
  const lml_format *format = lml_format_written_to(options->output);
  *all = (outputs){0};
  if (format != NULL && format->parameter_extension != NULL) {
    all->parameters = lml_path_with_extension(options->output, format->parameter_extension, error);
    if (all->parameters == NULL) return LML_ERR_MEMORY;
  }
  const lml_uncertainty_options *uncertainty = &options->uncertainty;
  lml_status status = lml_script_path(options->output, &all->script, error);
  if (status != LML_OK) return status;
  if (uncertainty->kind != LML_UNCERTAINTY_NONE || uncertainty->nfrom > 0)
    status = lml_uncertainty_paths(options->output, &all->json, &all->npy, error);
  const char *const paths[OUTPUTS] = {options->output, all->parameters, all->script,   all->json,
                                      all->npy,        options->report, options->cache};
  for (size_t i = 0; i < OUTPUTS && status == LML_OK; i++)
    if (paths[i] != NULL) status = look(paths[i], &all->places[i], error);
  return status;
}

static void free_outputs(outputs *all) {
  lml_free(all->parameters);
  lml_free(all->script);
  lml_free(all->json);
  lml_free(all->npy);
}

/** Fail where an output is the file @p path, which is read; NULL is fine. */
static lml_status compare(const outputs *all, const char *path, lml_error *error) {
  place input;
  if (path == NULL) return LML_OK;
  const lml_status status = look(path, &input, error);
  if (status != LML_OK || !input.there) return status;
  for (size_t i = 0; i < OUTPUTS; i++)
    if (all->places[i].path != NULL && same_file(&all->places[i], &input))
      return lml_fail(error, LML_ERR_USAGE, "%s: is read, and would be written as well: choose another name",
                      all->places[i].path);
  return LML_OK;
}

lml_status lml_outputs_spare(const lml_retrain_options *options, const lml_start_file start[LML_START_FILES],
                             lml_error *error) {
  outputs all;
  lml_status status = look_at_all(options, &all, error);
  for (size_t k = 0; k < LML_START_FILES && status == LML_OK; k++) status = compare(&all, start[k].path, error);
  if (status == LML_OK) status = compare(&all, options->configuration, error);
  if (status == LML_OK) status = compare(&all, options->ridge_scale.path, error);
  for (size_t s = 0; s < options->nsets && status == LML_OK; s++) {
    const lml_dataset *set = &options->sets[s];
    status = compare(&all, set->path, error);
    if (status == LML_OK) status = compare(&all, set->values, error);
    if (status == LML_OK && !lml_dataset_has_structures(set)) status = compare(&all, set->row_weights, error);
  }
  for (size_t s = 0; s < options->uncertainty.nfrom && status == LML_OK; s++)
    status = compare(&all, options->uncertainty.from[s].path, error);
  free_outputs(&all);
  return status;
}

/** Whether a file can be written there, before there is anything to write. */
static lml_status try_to_write(const char *path, lml_error *error) {
  lml_file_writer *file;
  const lml_status status = lml_file_writer_create(path, &file, error);
  if (status == LML_OK) lml_file_writer_abort(file);
  return status;
}

static lml_status check_place(const outputs *all, size_t i, lml_existing existing, lml_error *error) {
  const place *at = &all->places[i];
  if (at->path == NULL) return LML_OK;
  if (at->there && i != CACHE && existing == LML_EXISTING_REFUSE)
    return lml_fail(error, LML_ERR_USAGE, "%s: exists already: choose another name, or add --overwrite", at->path);
  for (size_t k = 0; k < i; k++)
    if (all->places[k].path != NULL && same_file(at, &all->places[k]))
      return lml_fail(error, LML_ERR_USAGE, "%s: two outputs can't be the same file", at->path);
  return try_to_write(at->path, error);
}

lml_status lml_outputs_check(const lml_retrain_options *options, lml_error *error) {
  if (lml_format_written_to(options->output) == NULL) {
    char extensions[64];
    lml_format_extensions(extensions, sizeof extensions);
    return lml_fail(error, LML_ERR_USAGE, "%s: the output must be %s, as the start is; parameters go beside it",
                    options->output, extensions);
  }
  outputs all;
  lml_status status = look_at_all(options, &all, error);
  for (size_t i = 0; i < OUTPUTS && status == LML_OK; i++) status = check_place(&all, i, options->existing, error);
  free_outputs(&all);
  return status;
}
