#include "session/log_cluster.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "mixing/region.h"
#include "structure/log_keys.h"

/** The key of region @p r. */
static const lml_values *region_info(lml_frame *frame, const char *base, size_t r, size_t nregions) {
  char name[LML_LOG_NAME_SIZE];
  lml_log_name(name, base, r, nregions);
  return lml_frame_info(frame, name);
}

const lml_values *lml_log_column(lml_frame *frame, const char *name, lml_value_type type, size_t width) {
  const lml_values *column = lml_frame_column(frame, name);
  return column != NULL && column->type == type && column->width == width ? column : NULL;
}

const lml_values *lml_log_value(lml_frame *frame, const char *base, size_t r, size_t nregions, lml_value_type type) {
  const lml_values *value = region_info(frame, base, r, nregions);
  return value != NULL && value->type == type && value->scalar ? value : NULL;
}

static int64_t integer_of(lml_frame *frame, const char *base, size_t r, size_t nregions, int64_t otherwise) {
  const lml_values *value = lml_log_value(frame, base, r, nregions, LML_INTEGER);
  return value == NULL ? otherwise : value->integers[0];
}

static const char *text_of(lml_frame *frame, const char *base, size_t r, size_t nregions) {
  const lml_values *value = lml_log_value(frame, base, r, nregions, LML_TEXT);
  return value == NULL ? NULL : value->texts[0];
}

/* ---- whose frame it is ---- */

lml_status lml_log_frame_check(lml_frame *frame, const lml_structure *structure, lml_error *error) {
  static const char other[] = "this is the log of another structure; name another file";
  const lml_structure *there = &frame->structure;
  const lml_values *index = lml_log_column(frame, LML_LOG_INDEX, LML_INTEGER, 1);
  const int64_t natoms = integer_of(frame, LML_LOG_NATOMS, 0, 1, 0);
  if (index == NULL || natoms != (int64_t)structure->natoms)
    return lml_fail(error, LML_ERR_INPUT, "%lld atoms, but the structure has %zu: %s", (long long)natoms,
                    structure->natoms, other);
  for (size_t k = 0; k < there->natoms; k++) {
    const int64_t i = index->integers[k];
    if (i >= 0 && i < natoms && structure->numbers[i] == there->numbers[k]) continue;
    return lml_fail(error, LML_ERR_INPUT, "atom %lld is %s there, but not in the structure: %s", (long long)i,
                    lml_element_symbol(there->numbers[k]), other);
  }
  if (memcmp(structure->pbc, there->pbc, sizeof structure->pbc) == 0) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "periodic in other directions than the structure: %s", other);
}

/* ---- one cluster ---- */

static lml_status make_room(lml_log_cluster *cluster, size_t natoms, lml_error *error) {
  lml_status status =
      lml_grow(&cluster->rows, &cluster->rows_capacity, natoms, sizeof *cluster->rows, "a cluster in the log", error);
  if (status == LML_OK)
    status = lml_grow(&cluster->parents, &cluster->parents_capacity, natoms, sizeof *cluster->parents,
                      "a cluster in the log", error);
  return status == LML_OK
             ? lml_grow(&cluster->labels, &cluster->labels_capacity, natoms, 1, "a cluster in the log", error)
             : status;
}

/** Atoms of the cluster; false where one of them has no force, or what an atom is in the region is no word that is
 * written. */
static bool read_atoms(lml_log_cluster *cluster, const lml_values *region, const lml_values *index,
                       const lml_values *forces, size_t *natoms) {
  *natoms = 0;
  for (size_t k = 0; k < region->count; k++) {
    const double *force = forces->reals + 3 * k;
    lml_region_label label;
    if (!lml_region_label_find(region->texts[k], &label)) return false;
    cluster->labels[k] = (unsigned char)label;
    if (cluster->labels[k] == LML_REGION_MM) continue;
    if (!isfinite(force[0] + force[1] + force[2])) return false;
    cluster->rows[*natoms] = k;
    cluster->parents[(*natoms)++] = (size_t)index->integers[k];
  }
  return true;
}

void lml_log_cluster_name_columns(lml_log_cluster_columns *columns, size_t r, size_t nregions) {
  lml_log_name(columns->region, LML_LOG_REGION, r, nregions);
  lml_log_name(columns->forces, LML_LOG_FORCES_QM, r, nregions);
  columns->names[0] = LML_LOG_INDEX;
  columns->names[1] = columns->region;
  columns->names[2] = columns->forces;
  lml_log_name(columns->looks, LML_LOG_LOOKS, r, nregions);
  columns->names[3] = columns->looks;
  columns->names[4] = NULL;
}

lml_status lml_log_cluster_read(lml_log_cluster *cluster, lml_frame *frame, size_t r, size_t nregions,
                                lml_result_cache_point *point, bool *found, lml_error *error) {
  lml_log_cluster_columns columns;
  lml_log_cluster_name_columns(&columns, r, nregions);
  const lml_values *region = lml_log_column(frame, columns.region, LML_TEXT, 1);
  const lml_values *forces = lml_log_column(frame, columns.forces, LML_REAL, 3);
  const lml_values *index = lml_log_column(frame, LML_LOG_INDEX, LML_INTEGER, 1);
  const lml_values *cell = region_info(frame, LML_LOG_CLUSTER_CELL, r, nregions);
  const char *engine = text_of(frame, LML_LOG_ENGINE, r, nregions);
  const char *rule = text_of(frame, LML_LOG_REGION_RULE, r, nregions);
  const lml_values *recalled = lml_log_value(frame, LML_LOG_RECALLED, r, nregions, LML_LOGICAL);
  const int64_t age = integer_of(frame, LML_LOG_REGION_AGE, r, nregions, -1);
  *found = false;
  if (engine == NULL || cell == NULL || cell->type != LML_REAL || cell->width != 9) return LML_OK;
  if (region == NULL || forces == NULL || index == NULL) return LML_OK;
  size_t natoms;
  const lml_status status = make_room(cluster, frame->structure.natoms, error);
  if (status != LML_OK) return status;
  *found = read_atoms(cluster, region, index, forces, &natoms);
  const int64_t foremost = integer_of(frame, LML_LOG_FOREMOST, r, nregions, -1);
  const double *foremost_at = NULL;
  for (size_t k = 0; k < index->count; k++) {
    if (natoms == 0) cluster->rows[k] = k;
    if (natoms == 0) cluster->parents[k] = (size_t)index->integers[k];
    if (index->integers[k] == foremost) foremost_at = frame->structure.positions + 3 * k;
  }
  *point = (lml_result_cache_point){.region = r,
                                    .natoms = natoms,
                                    .parents = cluster->parents,
                                    .rows = cluster->rows,
                                    .positions = frame->structure.positions,
                                    .labels = cluster->labels,
                                    .cell = frame->structure.cell,
                                    .pbc = frame->structure.pbc,
                                    .cluster_cell = cell->reals,
                                    .forces = forces->reals,
                                    .engine = engine,
                                    .rule = rule,
                                    .age = rule == NULL ? -1 : (long)age,
                                    .foremost = foremost < 0 ? 0 : (size_t)foremost,
                                    .foremost_at = foremost_at,
                                    .recalled = recalled != NULL && recalled->logicals[0]};
  return LML_OK;
}

void lml_log_cluster_free(lml_log_cluster *cluster) {
  lml_free(cluster->rows);
  lml_free(cluster->parents);
  lml_free(cluster->labels);
  *cluster = (lml_log_cluster){0};
}
