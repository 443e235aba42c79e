#include "session/recorder.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/sys.h"
#include "session/force_log.h"
#include "session/log_cluster.h"
#include "session/log_index.h"
#include "session/log_state.h"
#include "structure/frame.h"
#include "structure/log_keys.h"

enum {
  SUM_SIZE = sizeof "sha256:" - 1 + LML_SHA256_TEXT,
  RECENT_FRAMES = 256 /**< the last of the log, among which the place is looked for at which a replica begins */
};

struct lml_recorder {
  lml_force_log *file;
  lml_log_index *index;
  const lml_log *log;
  void (*progress)(void *context, uint64_t bytes);
  void *context; /**< of progress */
  bool failed;
  bool told_damage; /**< that a frame can't be read */
  bool told_bound;  /**< that old results are forgotten */
  double distance;
  lml_structure structure;                                               /**< no atoms where any will do */
  char configuration[SUM_SIZE], potential[SUM_SIZE], previous[SUM_SIZE]; /**< empty: none */
  char (*engines)[SUM_SIZE], (*rules)[SUM_SIZE];
  size_t nregions;
  lml_result_cache cache;
  lml_log_place recent[RECENT_FRAMES]; /**< frame number n, from 0, in place n % RECENT_FRAMES */
  size_t nframes;
  lml_frame frame; /**< that was read last, and a cluster in it */
  lml_log_cluster cluster;
};

/** A checksum as it stands in the log. By itself it could be taken for a number. */
static void set_sum(char sum[SUM_SIZE], const char *digits) {
  sum[0] = '\0';
  if (digits != NULL) lml_print_cut(sum, SUM_SIZE, "sha256:%s", digits);
}

/* ---- the index ---- */

static uint64_t hash_of_structure(const lml_structure *structure) {
  if (structure->natoms == 0) return 0;
  const uint64_t hash = lml_hash(LML_HASH_BEGIN, structure->pbc, sizeof structure->pbc);
  return lml_hash(hash, structure->numbers, structure->natoms * sizeof *structure->numbers);
}

/** Without its index a log is as good, but takes longer to open. */
static void tell_index(const lml_recorder *recorder, const lml_error *reason) {
  lml_log_warning(recorder->log, "force log %s goes on without an index and will take longer to open: %s",
                  lml_force_log_path(recorder->file), reason->message);
}

/** Write what was added to the index, where adding that went well. */
static void write_index(const lml_recorder *recorder, lml_status added, lml_error *reason) {
  if (added == LML_OK) added = lml_log_index_write(recorder->index, reason);
  if (added != LML_OK) tell_index(recorder, reason);
}

/** Remember an entry, and tell where others are forgotten for it. */
static lml_status add_to_cache(lml_recorder *recorder, const lml_result_cache_entry *entry, lml_error *error) {
  const lml_status status = lml_result_cache_add(&recorder->cache, entry, error);
  if (status != LML_OK || recorder->cache.nforgotten == 0 || recorder->told_bound) return status;
  recorder->told_bound = true;
  lml_log_line(recorder->log, LML_LOG_INFO,
               "force log %s: has more than %d results of engines; the oldest are not looked up any more and would be "
               "computed again",
               lml_force_log_path(recorder->file), LML_RECALL_MOST);
  return LML_OK;
}

/** Remember where the last frames are; the place of one comes for each region. */
static void note_place(lml_recorder *recorder, const lml_log_place *place) {
  const size_t n = recorder->nframes;
  if (n > 0 && recorder->recent[(n - 1) % RECENT_FRAMES].number == place->number) return;
  recorder->recent[n % RECENT_FRAMES] = *place;
  recorder->nframes++;
}

/** Remember a region's result in the frame of @p place; @p point is NULL where there is none. */
static lml_status remember(lml_recorder *recorder, const lml_log_place *place, const lml_result_cache_point *point,
                           lml_status *indexed, lml_error *reason, lml_error *error) {
  lml_result_cache_entry entry;
  memset(&entry, 0, sizeof entry);
  entry.region = LML_RECALL_NOTHING;
  if (point != NULL) entry = lml_result_cache_describe(point, NULL);
  entry.place = *place;
  note_place(recorder, place);
  if (*indexed == LML_OK) *indexed = lml_log_index_add(recorder->index, &entry, reason);
  return add_to_cache(recorder, &entry, error);
}

/* ---- frames that are there ---- */

static lml_status visit(void *context, lml_frame *frame, const lml_log_place *place, lml_error *error) {
  lml_recorder *recorder = context;
  const char *path = lml_force_log_path(recorder->file);
  lml_status status = LML_OK, indexed = LML_OK;
  if (recorder->progress != NULL) recorder->progress(recorder->context, place->offset + place->bytes);
  if (recorder->structure.natoms > 0) status = lml_log_frame_check(frame, &recorder->structure, error);
  if (status != LML_OK) return lml_fail_context(error, "force log %s: frame %zu", path, (size_t)place->number);
  if (recorder->nregions == 0) status = remember(recorder, place, NULL, &indexed, error, error);
  for (size_t r = 0; r < recorder->nregions && status == LML_OK; r++) {
    lml_result_cache_point point;
    bool found;
    status = lml_log_cluster_read(&recorder->cluster, frame, r, recorder->nregions, &point, &found, error);
    if (status == LML_OK) status = remember(recorder, place, found ? &point : NULL, &indexed, error, error);
  }
  return status == LML_OK ? indexed : status;
}

/** Take what the index says, where it is one of this log. */
static lml_status take_index(lml_recorder *recorder, lml_log_place *last, bool *holds, lml_error *error) {
  const size_t count = lml_log_index_count(recorder->index);
  *holds = false;
  if (count == 0) return LML_OK;
  *last = lml_log_index_entry(recorder->index, count - 1).place;
  lml_status status = lml_force_log_holds(recorder->file, last, holds, error);
  for (size_t i = 0; i < count && *holds && status == LML_OK; i++) {
    const lml_result_cache_entry entry = lml_log_index_entry(recorder->index, i);
    note_place(recorder, &entry.place);
    status = add_to_cache(recorder, &entry, error);
  }
  return status;
}

static lml_status read_log(lml_recorder *recorder, const lml_recorder_settings *settings, lml_error *error) {
  const lml_log_index_key key = {hash_of_structure(&recorder->structure), recorder->nregions};
  lml_error reason = {0};
  lml_log_place last;
  bool holds = false;
  lml_status status = lml_log_index_open(settings->path, &key, &recorder->index, &reason);
  if (recorder->index == NULL) return lml_fail(error, status, "%s", reason.message);
  if (status != LML_OK) tell_index(recorder, &reason);
  status = settings->reading == LML_RECORDER_READS_ALL ? LML_OK : take_index(recorder, &last, &holds, error);
  if (!holds) lml_log_index_forget(recorder->index);
  if (status == LML_OK) status = lml_force_log_read_all(recorder->file, holds ? &last : NULL, visit, recorder, error);
  if (status == LML_OK) write_index(recorder, LML_OK, &reason);
  return status;
}

/* ---- opening ---- */

void lml_recorder_describe(const lml_recorder *recorder, char *text, size_t size) {
  const size_t nframes = lml_force_log_nframes(recorder->file);
  size_t known = 0;
  for (size_t r = 0; r < recorder->nregions; r++)
    if (recorder->engines[r][0] != '\0') known += lml_result_cache_count(&recorder->cache, r, recorder->engines[r]);
  lml_print_cut(text, size, "%s: %zu frame%s", lml_force_log_path(recorder->file), nframes, nframes == 1 ? "" : "s");
  if (known > 0)
    lml_print_behind(text, size, ", %zu result%s of engines known from there", known, known == 1 ? "" : "s");
}

static void tell_found(const lml_recorder *recorder) {
  char text[512];
  const char *path = lml_force_log_path(recorder->file);
  const lml_force_log_damage found = lml_force_log_get_damage(recorder->file);
  if (found.cut > 0)
    lml_log_line(recorder->log, LML_LOG_ERROR, "force log %s: its last frame was torn, %llu bytes of it are cut off",
                 path, (unsigned long long)found.cut);
  if (found.where != NULL)
    lml_log_warning(recorder->log,
                    "force log %s: was damaged in %zu place%s: %llu bytes that are no whole frame are set aside in %s; "
                    "all whole frames are kept",
                    path, found.pieces, found.pieces == 1 ? "" : "s", (unsigned long long)found.aside, found.where);
  if (lml_force_log_nframes(recorder->file) == 0) return;
  lml_recorder_describe(recorder, text, sizeof text);
  lml_log_line(recorder->log, LML_LOG_INFO, "goes on with the force log %s", text);
}

static lml_status take_settings(lml_recorder *recorder, const lml_recorder_settings *settings, lml_error *error) {
  recorder->distance = settings->distance;
  recorder->log = settings->log;
  recorder->progress = settings->progress;
  recorder->context = settings->context;
  set_sum(recorder->configuration, settings->configuration);
  set_sum(recorder->potential, settings->potential);
  lml_status status = LML_OK;
  if (settings->structure != NULL) status = lml_structure_copy(&recorder->structure, settings->structure, error);
  if (status == LML_OK)
    status = lml_alloc(&recorder->engines, settings->nregions, sizeof *recorder->engines, "checksums", error);
  if (status == LML_OK)
    status = lml_alloc(&recorder->rules, settings->nregions, sizeof *recorder->rules, "checksums", error);
  if (status != LML_OK) return status;
  recorder->nregions = settings->nregions;
  for (size_t r = 0; r < settings->nregions; r++) {
    set_sum(recorder->engines[r], settings->engines[r]);
    set_sum(recorder->rules[r], settings->rules[r]);
  }
  return LML_OK;
}

lml_status lml_recorder_open(const lml_recorder_settings *settings, lml_recorder **recorder, lml_error *error) {
  lml_recorder *opened;
  *recorder = NULL;
  lml_status status = lml_alloc(&opened, 1, sizeof *opened, "a force log", error);
  if (status != LML_OK) return status;
  status = take_settings(opened, settings, error);
  if (status == LML_OK) status = lml_force_log_open(settings->path, &opened->file, error);
  if (status == LML_OK) status = read_log(opened, settings, error);
  opened->progress = NULL; /* its context may end now */
  if (status != LML_OK) {
    lml_recorder_close(opened);
    return status;
  }
  tell_found(opened);
  *recorder = opened;
  return LML_OK;
}

void lml_recorder_close(lml_recorder *recorder) {
  if (recorder == NULL) return;
  lml_force_log_close(recorder->file);
  lml_log_index_close(recorder->index);
  lml_result_cache_free(&recorder->cache);
  lml_structure_free(&recorder->structure);
  lml_free(recorder->engines);
  lml_free(recorder->rules);
  lml_frame_free(&recorder->frame);
  lml_log_cluster_free(&recorder->cluster);
  lml_free(recorder);
}

void lml_recorder_discard(lml_recorder *recorder) {
  if (recorder != NULL && lml_force_log_nframes(recorder->file) == 0)
    (void)lml_sys->unlink(lml_force_log_path(recorder->file));
  lml_recorder_close(recorder);
}

/* ---- frames to come ---- */

static lml_status add_sum(lml_frame *frame, const char *name, const char *sum, lml_error *error) {
  return sum[0] == '\0' ? LML_OK : lml_frame_set_text(frame, name, sum, error);
}

static lml_status add_time(lml_frame *frame, lml_error *error) {
  const time_t now = lml_sys->time();
  struct tm parts = {0};
  char text[32] = "";
  if (gmtime_r(&now, &parts) != NULL) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return lml_frame_set_text(frame, "time", text, error);
}

static lml_status add_origin(lml_recorder *recorder, lml_frame *frame, lml_error *error) {
  lml_status status = add_sum(frame, "potential", recorder->potential, error);
  if (status == LML_OK) status = add_sum(frame, "previous_potential", recorder->previous, error);
  if (status == LML_OK) status = add_sum(frame, "configuration", recorder->configuration, error);
  for (size_t r = 0; r < recorder->nregions && status == LML_OK; r++) {
    char name[LML_LOG_NAME_SIZE];
    lml_log_name(name, LML_LOG_ENGINE, r, recorder->nregions);
    status = add_sum(frame, name, recorder->engines[r], error);
    lml_log_name(name, LML_LOG_REGION_RULE, r, recorder->nregions);
    if (status == LML_OK) status = add_sum(frame, name, recorder->rules[r], error);
  }
  return status == LML_OK ? add_time(frame, error) : status;
}

/** The cluster of region number @p r as it lies in @p structure. */
static lml_result_cache_point point_of(const lml_recorder *recorder, size_t r, const lml_mixing_region *region,
                                       const lml_structure *structure) {
  return (lml_result_cache_point){.region = r,
                                  .natoms = region->cluster->structure.natoms,
                                  .parents = region->cluster->parents,
                                  .rows = region->cluster->parents,
                                  .positions = structure->positions,
                                  .labels = region->region->labels,
                                  .cell = structure->cell,
                                  .pbc = structure->pbc,
                                  .cluster_cell = region->cluster->structure.cell,
                                  .engine = recorder->engines[r],
                                  .rule = recorder->rules[r][0] == '\0' ? NULL : recorder->rules[r],
                                  .age = -1};
}

/** Whether what region @p r's engine computes can be known again. */
static bool is_known(const lml_recorder *recorder, size_t r) {
  return r < recorder->nregions && recorder->engines[r][0] != '\0';
}

static void take_state(lml_result_cache_point *point, const lml_evaluation *evaluation, size_t r) {
  const lml_region_state *state = &evaluation->states[r];
  point->age = (long)state->age;
  point->foremost = state->foremost;
  if (state->uncertain) point->foremost_at = evaluation->structure->positions + 3 * state->foremost;
}

static lml_status remember_all(lml_recorder *recorder, const lml_evaluation *evaluation, const lml_log_place *place,
                               lml_error *error) {
  lml_mixing_parts parts = {0};
  lml_error reason = {0};
  lml_status status = LML_OK, indexed = LML_OK;
  if (evaluation->mixture != NULL) parts = lml_mixture_parts(evaluation->mixture);
  if (recorder->nregions == 0) status = remember(recorder, place, NULL, &indexed, &reason, error);
  for (size_t r = 0; r < recorder->nregions && status == LML_OK; r++) {
    lml_result_cache_point point;
    lml_mixing_answer answer = LML_MIXING_SKIPPED;
    if (r < parts.nregions) (void)lml_mixture_region(evaluation->mixture, r, &answer);
    const bool known = is_known(recorder, r) && answer != LML_MIXING_SKIPPED;
    if (known) {
      point = point_of(recorder, r, &parts.regions[r], evaluation->structure);
      point.recalled = answer == LML_MIXING_RECALLED;
      if (point.rule != NULL && evaluation->states != NULL) take_state(&point, evaluation, r);
    }
    status = remember(recorder, place, known ? &point : NULL, &indexed, &reason, error);
  }
  write_index(recorder, indexed, &reason);
  return status;
}

lml_status lml_recorder_check(lml_recorder *recorder, lml_error *error) {
  const lml_status status = lml_force_log_check(recorder->file, error);
  recorder->failed = recorder->failed || status != LML_OK;
  return status;
}

lml_status lml_recorder_write(lml_recorder *recorder, const lml_evaluation *evaluation, lml_error *error) {
  lml_frame frame = {0};
  lml_log_place place;
  lml_status status = lml_log_frame_make(evaluation, recorder->distance, &frame, error);
  if (status == LML_OK) status = add_origin(recorder, &frame, error);
  if (status == LML_OK) status = lml_force_log_append(recorder->file, &frame, &place, error);
  lml_frame_free(&frame);
  if (status == LML_OK) status = remember_all(recorder, evaluation, &place, error);
  if (status == LML_OK) recorder->previous[0] = '\0';
  recorder->failed = recorder->failed || status != LML_OK;
  return status;
}

bool lml_recorder_failed(const lml_recorder *recorder) { return recorder->failed; }

void lml_recorder_set_potential(lml_recorder *recorder, const char potential[LML_SHA256_TEXT]) {
  if (recorder->previous[0] == '\0') memcpy(recorder->previous, recorder->potential, SUM_SIZE);
  set_sum(recorder->potential, potential);
}

/* ---- what need not be computed ---- */

/** Read what the log has for @p entry; false where it can't be used, which is told where the frame is damaged. */
static bool read_entry(lml_recorder *recorder, const lml_result_cache_entry *entry, lml_result_cache_point *point) {
  lml_error error = {0};
  bool found = false;
  lml_log_cluster_columns columns;
  lml_log_cluster_name_columns(&columns, entry->region, recorder->nregions);
  lml_status status = lml_force_log_read(recorder->file, &entry->place, columns.names, &recorder->frame, &error);
  if (status == LML_OK) status = lml_log_frame_check(&recorder->frame, &recorder->structure, &error);
  if (status == LML_OK)
    status = lml_log_cluster_read(&recorder->cluster, &recorder->frame, entry->region, recorder->nregions, point,
                                  &found, &error);
  if (status == LML_OK) return found;
  if (!recorder->told_damage)
    lml_log_warning(recorder->log, "what frame %llu of the force log has is computed again: %s",
                    (unsigned long long)entry->place.number, error.message);
  recorder->told_damage = true;
  lml_log_index_remove(recorder->index); /* so that the next start looks at all of the log */
  return false;
}

static void tell_apart(const lml_recorder *recorder, const lml_result_cache_entry *entry, double apart) {
  if (apart > LML_RECALL_ROUNDING)
    lml_log_line(recorder->log, LML_LOG_INFO,
                 "region %u: the forces of frame %llu of the force log are taken, where coordinates differ by up to "
                 "%.1e Å",
                 entry->region + 1, (unsigned long long)entry->place.number, apart);
}

static bool find_forces(void *context, size_t r, const lml_mixing_region *region, const lml_structure *structure,
                        double *forces) {
  lml_recorder *recorder = context;
  if (!is_known(recorder, r)) return false;
  const lml_result_cache_point asked = point_of(recorder, r, region, structure);
  double widths[LML_RECALL_KEYS], least = INFINITY, apart;
  const lml_result_cache_entry key = lml_result_cache_describe(&asked, widths), *best = NULL, *at = NULL;
  while (least > LML_RECALL_ROUNDING && (at = lml_result_cache_next(&recorder->cache, &key, widths, at)) != NULL) {
    lml_result_cache_point known;
    if (!read_entry(recorder, at, &known) || !lml_result_cache_same(&known, &asked, &apart) || apart >= least) continue;
    /* What was itself found by way of the tolerance must not be the begin of a chain of such. */
    if (known.recalled && apart > LML_RECALL_ROUNDING) continue;
    for (size_t i = 0; i < known.natoms; i++)
      memcpy(forces + 3 * i, known.forces + 3 * known.rows[i], 3 * sizeof *forces);
    least = apart;
    best = at;
  }
  if (best != NULL) tell_apart(recorder, best, least);
  return best != NULL;
}

/** Whether the region of @p known moved by the rule of now, and its atoms are where they are in @p structure. */
static bool is_there(const lml_recorder *recorder, const lml_result_cache_point *known,
                     const lml_structure *structure) {
  lml_result_cache_point there = *known, compared = *known;
  double apart;
  if (known->natoms == 0) there.natoms = compared.natoms = recorder->frame.structure.natoms;
  there.rows = known->parents;
  there.positions = structure->positions;
  there.labels = NULL;
  there.cell = structure->cell;
  there.pbc = structure->pbc;
  there.engine = recorder->engines[known->region];
  return known->rule != NULL && strcmp(known->rule, recorder->rules[known->region]) == 0 &&
         lml_result_cache_same(&compared, &there, &apart);
}

/** The looks at atoms in the frame that was read last, where they were counted. */
static void find_looks(lml_recorder *recorder, size_t r, lml_result_cache_region *found) {
  char name[LML_LOG_NAME_SIZE];
  lml_log_name(name, LML_LOG_LOOKS, r, recorder->nregions);
  const lml_values *looks = lml_log_column(&recorder->frame, name, LML_INTEGER, 1);
  const lml_values *index = lml_frame_column(&recorder->frame, LML_LOG_INDEX);
  if (looks == NULL) return;
  found->nrows = looks->count;
  found->atoms = index->integers;
  found->looks = looks->integers;
}

bool lml_recorder_find_region(lml_recorder *recorder, size_t r, const lml_structure *structure,
                              lml_result_cache_region *found) {
  if (!is_known(recorder, r)) return false;
  const lml_result_cache_point asked = {.region = r,
                                        .cell = structure->cell,
                                        .pbc = structure->pbc,
                                        .engine = recorder->engines[r],
                                        .rule = recorder->rules[r]};
  const lml_result_cache_entry key = lml_result_cache_describe(&asked, NULL), *at = NULL;
  while ((at = lml_result_cache_next_region(&recorder->cache, &key, structure, at)) != NULL) {
    lml_result_cache_point known;
    if (!read_entry(recorder, at, &known) || !is_there(recorder, &known, structure)) continue;
    for (size_t i = 0; i < known.natoms; i++) recorder->cluster.labels[i] = known.labels[known.rows[i]];
    *found = (lml_result_cache_region){.natoms = known.natoms,
                                       .parents = known.parents,
                                       .labels = recorder->cluster.labels,
                                       .cluster_cell = known.cluster_cell,
                                       .age = (size_t)known.age,
                                       .foremost = known.foremost};
    find_looks(recorder, r, found);
    return true;
  }
  return false;
}

lml_mixing_cache lml_recorder_cache(lml_recorder *recorder) {
  return (lml_mixing_cache){.find = find_forces, .context = recorder};
}

/* ---- how things stood ---- */

/** Read the frame of @p place, as far as states are in it; false where that can't be done, or it is of other inputs. */
static bool read_state_frame(lml_recorder *recorder, size_t r, const lml_log_place *place) {
  static const char *const columns[] = {LML_LOG_INDEX, LML_LOG_REGION, "forces", "forces_ml", NULL};
  if (lml_force_log_read(recorder->file, place, columns, &recorder->frame, NULL) != LML_OK) return false;
  if (lml_log_frame_check(&recorder->frame, &recorder->structure, NULL) != LML_OK) return false;
  const lml_values *engine = lml_log_value(&recorder->frame, LML_LOG_ENGINE, r, recorder->nregions, LML_TEXT);
  return engine != NULL && strcmp(engine->texts[0], recorder->engines[r]) == 0;
}

static bool has_same_potential(lml_recorder *recorder) {
  const lml_values *potential = lml_log_value(&recorder->frame, "potential", 0, 1, LML_TEXT);
  return potential != NULL && strcmp(potential->texts[0], recorder->potential) == 0;
}

static bool find_state(void *context, size_t r, const lml_mixing_region *region, const lml_structure *structure,
                       lml_skipping_state *state, double *differences) {
  lml_recorder *recorder = context;
  if (!is_known(recorder, r)) return false; /* what was learnt last may be another engine's */
  for (size_t n = recorder->nframes; n > 0 && n + RECENT_FRAMES > recorder->nframes; n--) {
    const lml_log_place *place = &recorder->recent[(n - 1) % RECENT_FRAMES];
    if (!read_state_frame(recorder, r, place) || !lml_log_frame_is_at(&recorder->frame, structure)) continue;
    if (!lml_log_state_read(&recorder->frame, r, recorder->nregions, state)) return false;
    if (has_same_potential(recorder)) {
      lml_log_state_differences(&recorder->frame, region->region, differences);
    } else {
      if (state->mode == LML_SKIPPING_STOPPED) state->mode = LML_SKIPPING_ASKS;
      state->age = 0;
    }
    return true;
  }
  return false;
}

lml_skipping_memory lml_recorder_memory(lml_recorder *recorder) {
  return (lml_skipping_memory){.find = find_state, .context = recorder};
}
