#include "programs/recording.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sha256.h"
#include "base/sys.h"
#include "engine/template.h"
#include "potential/potential.h"
#include "programs/progress.h"
#include "programs/serve_options.h"

static const double megabyte = 1e6; /* bytes */

/** A checksum; empty where there is none. */
typedef char checksum[LML_SHA256_TEXT];

static const char *known(const checksum sum) { return sum[0] == '\0' ? NULL : sum; }

/** Add to @p sha what the file @p path holds; NULL: nothing. */
static lml_status add_file(lml_sha256 *sha, const char *path, lml_error *error) {
  checksum sum;
  if (path == NULL) return LML_OK;
  const lml_status status = lml_sha256_file(path, sum, error);
  if (status == LML_OK) lml_sha256_add(sha, sum, sizeof sum);
  return status;
}

/** Of all that decides the forces of the calculator @p config; empty where that is not known. */
static lml_status sum_of_engine(const lml_build *build, const lml_calculator_config *config, checksum sum,
                                lml_error *error) {
  const lml_potential *potential = lml_build_potential_of(build, config);
  const lml_remote_config *remote = config->remote;
  lml_status status = LML_OK;
  lml_sha256 sha;
  sum[0] = '\0';
  if (potential == NULL && (remote == NULL || (remote->ninputs == 0 && remote->tag == NULL))) return LML_OK;
  lml_sha256_begin(&sha);
  if (potential != NULL) {
    /* The file that the user named says what fixed terms there are. */
    const char *const files[] = {config->potential, potential->coefficient_file, potential->parameter_file};
    const double terms_end = lml_potential_terms_cutoff(potential);
    lml_sha256_add(&sha, &terms_end, sizeof terms_end);
    for (size_t i = 0; i < sizeof files / sizeof files[0] && status == LML_OK; i++)
      status = add_file(&sha, files[i], error);
  }
  for (size_t i = 0; remote != NULL && i < remote->ninputs && status == LML_OK; i++)
    status = add_file(&sha, remote->inputs[i], error);
  /* A tag is no checksum, and one alone is no file. */
  if (remote != NULL && remote->tag != NULL) {
    lml_sha256_add(&sha, "tag", sizeof "tag");
    lml_sha256_add(&sha, remote->tag, strlen(remote->tag) + 1);
  }
  lml_sha256_end(&sha, sum);
  if (status != LML_OK) sum[0] = '\0';
  return status;
}

/** The mixture that is served; NULL: another kind of calculator is. */
static const lml_mixing_config *mixture_of(const lml_build *build) {
  const lml_calculator_config *config = &build->config->calculator;
  return config->type == LML_CALCULATOR_MIXING ? config->mixing : NULL;
}

static size_t nregions_of(const lml_build *build) {
  const lml_mixing_config *mixture = mixture_of(build);
  return mixture == NULL ? 0 : mixture->nregions;
}

static lml_status sum_of_region(const lml_build *build, size_t r, checksum sum, lml_error *error) {
  const lml_region_config *region = &mixture_of(build)->regions[r];
  const lml_reuse reuse = build->config->force_log.reuse;
  const lml_status status = sum_of_engine(build, region->calculator, sum, error);
  if (status != LML_OK || sum[0] != '\0' || reuse != LML_REUSE_ALL) return status;
  return lml_fail(error, LML_ERR_INPUT,
                  "log.reuse is true, but what decides the forces of region %s is not known: name its engine's input "
                  "files as inputs, or what it computes as tag",
                  region->name);
}

/** Of how a region moves: one that moved otherwise, with other radii, is none to go on with. Empty where it stays. */
static void sum_of_rule(const lml_region_config *config, checksum sum) {
  const lml_region_settings *region = &config->region;
  const double widths[] = {region->around.inner, region->around.outer,   region->blend,
                           region->buffer,       config->cluster.vacuum, config->cluster.rounding};
  const size_t counts[] = {config->update, (size_t)region->blend_shape, region->nindices, region->nspecies};
  const lml_uncertain_settings *uncertain = &region->uncertain;
  const double thresholds[] = {uncertain->inner, uncertain->outer, uncertain->margin};
  const size_t rules[] = {(size_t)uncertain->by, uncertain->enter_after,  uncertain->leave_after,
                          uncertain->max_atoms,  (size_t)uncertain->mask, uncertain->min_coordination};
  lml_sha256 sha;
  sum[0] = '\0';
  if (config->update == 0) return;
  lml_sha256_begin(&sha);
  lml_sha256_add(&sha, widths, sizeof widths);
  lml_sha256_add(&sha, counts, sizeof counts);
  lml_sha256_add(&sha, region->indices, region->nindices * sizeof *region->indices);
  lml_sha256_add(&sha, region->species, region->nspecies * sizeof *region->species);
  if (region->selection == LML_REGION_UNCERTAIN) {
    lml_sha256_add(&sha, thresholds, sizeof thresholds);
    lml_sha256_add(&sha, rules, sizeof rules);
  }
  lml_sha256_end(&sha, sum);
}

/** Checksums of everything but the regions. */
static lml_status sum_of_files(const lml_build *build, checksum configuration, checksum potential, lml_error *error) {
  const lml_potential *shared = lml_build_shared_potential(build);
  lml_status status = LML_OK;
  configuration[0] = potential[0] = '\0';
  if (build->config->path != NULL) status = lml_sha256_file(build->config->path, configuration, error);
  if (status == LML_OK && shared != NULL) status = lml_sha256_file(shared->coefficient_file, potential, error);
  return status;
}

/** Atoms whose descriptors the force of a QM atom depends on lie within one cutoff of it, their neighbours within two.
 */
static double distance_of(const lml_build *build) {
  const lml_potential *shared = lml_build_shared_potential(build);
  if (build->config->force_log.atoms == LML_FORCE_LOG_FULL || shared == NULL) return 0.0;
  return 2.0 * lml_potential_cutoff(shared);
}

/** A log that is read. */
typedef struct reading {
  lml_progress progress;
  double size; /* bytes */
} reading;

static void show_reading(void *context, uint64_t bytes) {
  reading *r = context;
  char detail[64];
  lml_print_cut(detail, sizeof detail, "%.0f of %.0f MB", (double)bytes / megabyte, r->size / megabyte);
  lml_progress_show(&r->progress, (double)bytes, r->size, detail);
}

/** Open the log, and show how far it is where reading it takes long. */
static lml_status open_shown(lml_recorder_settings *settings, lml_log_level level, lml_recorder **recorder,
                             lml_error *error) {
  struct stat what;
  reading r = {.progress = lml_progress_start(lml_serve_command.program, level, LML_LOG_ERROR),
               .size = lml_sys->stat(settings->path, &what) == 0 ? (double)what.st_size : 0.0};
  settings->progress = show_reading;
  settings->context = &r;
  lml_progress_begin(&r.progress, "force log");
  const lml_status status = lml_recorder_open(settings, recorder, error);
  lml_progress_clear(&r.progress);
  return status;
}

/** Open the log with the checksums of the regions: of their engines and of how they move, in @p sums and @p texts. */
static lml_status open_recorder(const lml_build *build, const char *path, checksum *sums, const char **texts,
                                lml_recorder **recorder, lml_error *error) {
  const size_t nregions = nregions_of(build);
  checksum configuration, potential;
  lml_status status = sum_of_files(build, configuration, potential, error);
  for (size_t r = 0; r < nregions && status == LML_OK; r++) {
    status = sum_of_region(build, r, sums[r], error);
    sum_of_rule(&mixture_of(build)->regions[r], sums[nregions + r]);
    texts[r] = known(sums[r]);
    texts[nregions + r] = known(sums[nregions + r]);
  }
  if (status != LML_OK) return status;
  lml_recorder_settings settings = {.path = path,
                                    .distance = distance_of(build),
                                    .structure = build->structure->natoms > 0 ? build->structure : NULL,
                                    .configuration = known(configuration),
                                    .potential = known(potential),
                                    .engines = texts,
                                    .rules = texts + nregions,
                                    .nregions = nregions,
                                    .reading = build->config->force_log.reading,
                                    .log = build->log};
  return open_shown(&settings, build->config->log_level, recorder, error);
}

static void set_cache(const lml_build *build, lml_recorder *recorder) {
  if (build->config->force_log.reuse == LML_REUSE_NONE || build->mixture == NULL) return;
  const lml_mixing_cache cache = lml_recorder_cache(recorder);
  lml_mixture_set_cache(build->mixture, &cache);
}

lml_status lml_recording_open(const lml_build *build, lml_recorder **recorder, lml_error *error) {
  const lml_force_log_config *config = &build->config->force_log;
  checksum *sums = NULL;
  const char **texts = NULL;
  char *path = NULL;
  *recorder = NULL;
  if (config->file == NULL) return LML_OK;
  lml_status status = lml_alloc(&sums, 2 * nregions_of(build), sizeof *sums, "checksums", error);
  if (status == LML_OK) status = lml_alloc(&texts, 2 * nregions_of(build), sizeof(char *), "checksums", error);
  if (status == LML_OK) {
    path = lml_template_fill_index(config->file, build->config->index, error);
    status = path == NULL ? LML_ERR_MEMORY : open_recorder(build, path, sums, texts, recorder, error);
  }
  if (status == LML_OK) set_cache(build, *recorder);
  lml_free(path);
  lml_free(texts);
  lml_free(sums);
  return status;
}
