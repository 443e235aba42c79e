#include "session/recorder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "session/force_log.h"
#include "structure/frame.h"

enum { SUM_SIZE = sizeof "sha256:" - 1 + LML_SHA256_TEXT };

struct lml_recorder {
  lml_force_log *file;
  bool failed;
  double distance;
  lml_structure structure;                                               /**< no atoms where any will do */
  char configuration[SUM_SIZE], potential[SUM_SIZE], previous[SUM_SIZE]; /**< empty: none */
  char (*engines)[SUM_SIZE], (*rules)[SUM_SIZE];
  size_t nregions;
  lml_recall recall;
  size_t *rows, *parents; /**< of a cluster in a frame that is read */
  size_t rows_capacity, parents_capacity;
  unsigned char *labels;
  size_t labels_capacity;
};

/** A checksum as it stands in the log. By itself it could be taken for a number. */
static void set_sum(char sum[SUM_SIZE], const char *digits) {
  sum[0] = '\0';
  if (digits != NULL) snprintf(sum, SUM_SIZE, "sha256:%s", digits);
}

/* ---- frames that are there ---- */

#define FRAME_FORMAT "force log %s: frame %zu: "

typedef struct visiting {
  lml_recorder *recorder;
  const char *path;
} visiting;

static lml_status fail_structure(const visiting *v, size_t frame, lml_error *error, const char *difference) {
  return lml_fail(error, LML_ERR_INPUT, FRAME_FORMAT "%s: this is the log of another structure; name another file",
                  v->path, frame, difference);
}

static int64_t info_integer(lml_frame *frame, const char *name, int64_t otherwise) {
  const lml_values *info = lml_frame_info(frame, name);
  return info != NULL && info->type == LML_INTEGER && info->scalar ? info->integers[0] : otherwise;
}

static const lml_values *column_of(lml_frame *frame, const char *name, lml_value_type type, size_t width) {
  const lml_values *column = lml_frame_column(frame, name);
  return column != NULL && column->type == type && column->width == width ? column : NULL;
}

static lml_status check_structure(const visiting *v, lml_frame *frame, size_t number, lml_error *error) {
  const lml_structure *wanted = &v->recorder->structure, *there = &frame->structure;
  const lml_values *index = column_of(frame, "index", LML_INTEGER, 1);
  char difference[160];
  if (wanted->natoms == 0) return LML_OK;
  const int64_t natoms = info_integer(frame, "log_natoms", 0);
  if (index == NULL || natoms != (int64_t)wanted->natoms) {
    snprintf(difference, sizeof difference, "%lld atoms, but the structure has %zu", (long long)natoms, wanted->natoms);
    return fail_structure(v, number, error, difference);
  }
  for (size_t k = 0; k < there->natoms; k++) {
    const int64_t i = index->integers[k];
    if (i >= 0 && i < natoms && wanted->numbers[i] == there->numbers[k]) continue;
    snprintf(difference, sizeof difference, "atom %lld is %s there, but not in the structure", (long long)i,
             lml_element_symbol(there->numbers[k]));
    return fail_structure(v, number, error, difference);
  }
  if (memcmp(wanted->pbc, there->pbc, sizeof wanted->pbc) == 0) return LML_OK;
  return fail_structure(v, number, error, "periodic in other directions than the structure");
}

static lml_status grow_cluster(lml_recorder *recorder, size_t natoms, lml_error *error) {
  lml_status status = lml_grow(&recorder->rows, &recorder->rows_capacity, natoms, sizeof *recorder->rows,
                               "a cluster in the log", error);
  if (status == LML_OK)
    status = lml_grow(&recorder->parents, &recorder->parents_capacity, natoms, sizeof *recorder->parents,
                      "a cluster in the log", error);
  return status == LML_OK
             ? lml_grow(&recorder->labels, &recorder->labels_capacity, natoms, 1, "a cluster in the log", error)
             : status;
}

static unsigned char label_of(const char *name) {
  for (int label = LML_REGION_BUFFER; label < LML_REGION_LABELS; label++)
    if (strcmp(name, lml_region_label_name((lml_region_label)label)) == 0) return (unsigned char)label;
  return LML_REGION_MM;
}

/** The cluster of region @p r in @p frame; false where the frame has none whose forces can be used again. */
static bool read_cluster(lml_recorder *recorder, lml_frame *frame, size_t r, lml_recall_point *point) {
  char name[LML_LOG_NAME_SIZE];
  lml_log_name(name, "engine", r, recorder->nregions);
  const lml_values *engine = lml_frame_info(frame, name);
  lml_log_name(name, "cluster_cell", r, recorder->nregions);
  const lml_values *cell = lml_frame_info(frame, name);
  lml_log_name(name, "region", r, recorder->nregions);
  const lml_values *region = column_of(frame, name, LML_TEXT, 1);
  lml_log_name(name, "region_age", r, recorder->nregions);
  const int64_t age = info_integer(frame, name, -1);
  lml_log_name(name, "region_rule", r, recorder->nregions);
  const lml_values *rule = lml_frame_info(frame, name);
  const bool same_rule = rule != NULL && rule->type == LML_TEXT && strcmp(rule->texts[0], recorder->rules[r]) == 0;
  lml_log_name(name, "forces_qm", r, recorder->nregions);
  const lml_values *forces = column_of(frame, name, LML_REAL, 3), *index = column_of(frame, "index", LML_INTEGER, 1);
  if (engine == NULL || engine->type != LML_TEXT || strcmp(engine->texts[0], recorder->engines[r]) != 0) return false;
  if (cell == NULL || cell->type != LML_REAL || cell->width != 9) return false;
  if (region == NULL || forces == NULL || index == NULL) return false;
  size_t natoms = 0;
  for (size_t k = 0; k < frame->structure.natoms; k++) {
    recorder->labels[k] = label_of(region->texts[k]);
    if (recorder->labels[k] == LML_REGION_MM) continue;
    recorder->rows[natoms] = k;
    recorder->parents[natoms++] = (size_t)index->integers[k];
    if (!isfinite(forces->reals[3 * k] + forces->reals[3 * k + 1] + forces->reals[3 * k + 2])) return false;
  }
  *point = (lml_recall_point){.region = r,
                              .natoms = natoms,
                              .parents = recorder->parents,
                              .rows = recorder->rows,
                              .positions = frame->structure.positions,
                              .labels = recorder->labels,
                              .cell = frame->structure.cell,
                              .pbc = frame->structure.pbc,
                              .cluster_cell = cell->reals,
                              .age = same_rule ? (long)age : -1,
                              .forces = forces->reals,
                              .force_rows = recorder->rows};
  return true;
}

static lml_status visit(void *context, lml_frame *frame, size_t number, lml_error *error) {
  const visiting *v = context;
  lml_recorder *recorder = v->recorder;
  lml_status status = check_structure(v, frame, number, error);
  if (status == LML_OK) status = grow_cluster(recorder, frame->structure.natoms, error);
  for (size_t r = 0; r < recorder->nregions && status == LML_OK; r++) {
    lml_recall_point point;
    if (recorder->engines[r][0] != '\0' && read_cluster(recorder, frame, r, &point))
      status = lml_recall_add(&recorder->recall, &point, error);
  }
  return status;
}

/* ---- opening ---- */

void lml_recorder_describe(const lml_recorder *recorder, char *text, size_t size) {
  const size_t nframes = lml_force_log_nframes(recorder->file), known = recorder->recall.nentries;
  const int used =
      snprintf(text, size, "%s: %zu frame%s", lml_force_log_path(recorder->file), nframes, nframes == 1 ? "" : "s");
  if (known > 0 && used > 0 && (size_t)used < size)
    snprintf(text + used, size - (size_t)used, ", %zu result%s of engines known from there", known,
             known == 1 ? "" : "s");
}

static void tell_found(const lml_recorder *recorder, const lml_log *log) {
  char text[512];
  if (lml_force_log_cut(recorder->file) > 0)
    lml_log_line(log, LML_LOG_ERROR, "force log %s: its last frame was torn, %zu bytes of it are cut off",
                 lml_force_log_path(recorder->file), lml_force_log_cut(recorder->file));
  if (lml_force_log_nframes(recorder->file) == 0) return;
  lml_recorder_describe(recorder, text, sizeof text);
  lml_log_line(log, LML_LOG_INFO, "goes on with the force log %s", text);
}

static lml_status take_settings(lml_recorder *recorder, const lml_recorder_settings *settings, lml_error *error) {
  recorder->distance = settings->distance;
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
  visiting v = {opened, settings->path};
  status = take_settings(opened, settings, error);
  if (status == LML_OK) status = lml_force_log_open(settings->path, visit, &v, &opened->file, error);
  if (status != LML_OK) {
    lml_recorder_close(opened);
    return status;
  }
  tell_found(opened, settings->log);
  *recorder = opened;
  return LML_OK;
}

void lml_recorder_close(lml_recorder *recorder) {
  if (recorder == NULL) return;
  lml_force_log_close(recorder->file);
  lml_recall_free(&recorder->recall);
  lml_structure_free(&recorder->structure);
  lml_free(recorder->engines);
  lml_free(recorder->rules);
  lml_free(recorder->rows);
  lml_free(recorder->parents);
  lml_free(recorder->labels);
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
    lml_log_name(name, "engine", r, recorder->nregions);
    status = add_sum(frame, name, recorder->engines[r], error);
    lml_log_name(name, "region_rule", r, recorder->nregions);
    if (status == LML_OK) status = add_sum(frame, name, recorder->rules[r], error);
  }
  return status == LML_OK ? add_time(frame, error) : status;
}

/** The cluster of region number @p r as it lies in @p structure. */
static lml_recall_point point_of(size_t r, const lml_mixing_region *region, const lml_structure *structure,
                                 const double *forces) {
  return (lml_recall_point){.region = r,
                            .natoms = region->cluster->structure.natoms,
                            .parents = region->cluster->parents,
                            .rows = region->cluster->parents,
                            .positions = structure->positions,
                            .labels = region->region->labels,
                            .cell = structure->cell,
                            .pbc = structure->pbc,
                            .cluster_cell = region->cluster->structure.cell,
                            .forces = forces};
}

static lml_status remember(lml_recorder *recorder, const lml_evaluation *evaluation, lml_error *error) {
  lml_mixing_parts parts;
  lml_status status = LML_OK;
  if (!lml_mixing_calculator_parts(evaluation->calculator, &parts)) return LML_OK;
  for (size_t r = 0; r < parts.nregions && r < recorder->nregions && status == LML_OK; r++) {
    if (recorder->engines[r][0] == '\0') continue;
    const double *forces = lml_mixing_calculator_region(evaluation->calculator, r, NULL)->forces;
    lml_recall_point point = point_of(r, &parts.regions[r], evaluation->structure, forces);
    point.age = evaluation->ages == NULL ? -1 : (long)evaluation->ages[r];
    status = lml_recall_add(&recorder->recall, &point, error);
  }
  return status;
}

lml_status lml_recorder_write(lml_recorder *recorder, const lml_evaluation *evaluation, lml_error *error) {
  lml_frame frame = {0};
  lml_status status = lml_log_frame_make(evaluation, recorder->distance, &frame, error);
  if (status == LML_OK) status = add_origin(recorder, &frame, error);
  if (status == LML_OK) status = lml_force_log_append(recorder->file, &frame, error);
  lml_frame_free(&frame);
  if (status == LML_OK) status = remember(recorder, evaluation, error);
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

static bool find_forces(void *context, size_t r, const lml_mixing_region *region, const lml_structure *structure,
                        double *forces) {
  const lml_recorder *recorder = context;
  if (r >= recorder->nregions || recorder->engines[r][0] == '\0') return false;
  const lml_recall_point point = point_of(r, region, structure, NULL);
  return lml_recall_find(&recorder->recall, &point, forces);
}

bool lml_recorder_find_region(const lml_recorder *recorder, size_t r, const lml_structure *structure,
                              lml_recall_region *found) {
  return r < recorder->nregions && recorder->engines[r][0] != '\0' &&
         lml_recall_find_region(&recorder->recall, r, structure, found);
}

lml_mixing_recall lml_recorder_recall(lml_recorder *recorder) {
  return (lml_mixing_recall){.find = find_forces, .context = recorder};
}
