/** @file log_cluster.h
 *  The clusters of quantum regions in a frame of the force log, as log_frame.h writes it.
 */
#ifndef LML_SESSION_LOG_CLUSTER_H
#define LML_SESSION_LOG_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/extxyz.h"
#include "session/log_frame.h"
#include "session/result_cache.h"
#include "structure/log_keys.h"

/** Room for a cluster that is read. Initialise with `lml_log_cluster c = {0};`, release with lml_log_cluster_free. */
typedef struct lml_log_cluster {
  size_t *rows, *parents; /**< of each atom of the cluster: its row in the frame, its index in the structure */
  unsigned char *labels;  /**< of each row */
  size_t rows_capacity, parents_capacity, labels_capacity;
} lml_log_cluster;

/** Whether @p frame is of @p structure (that has atoms), or what speaks against it: LML_ERR_INPUT. */
lml_status lml_log_frame_check(lml_frame *frame, const lml_structure *structure, lml_error *error);

/** A column, where the frame has it and it is of that type and width, and a key of region @p r of @p nregions, where it
 *  is one value of that type; NULL: there is none. */
const lml_values *lml_log_column(lml_frame *frame, const char *name, lml_value_type type, size_t width);
const lml_values *lml_log_value(lml_frame *frame, const char *base, size_t r, size_t nregions, lml_value_type type);

/** Names of the columns that lml_log_cluster_read needs. */
typedef struct lml_log_cluster_columns {
  char region[LML_LOG_NAME_SIZE], forces[LML_LOG_NAME_SIZE], looks[LML_LOG_NAME_SIZE];
  const char *names[5]; /**< NULL after the last; valid as long as this */
} lml_log_cluster_columns;

void lml_log_cluster_name_columns(lml_log_cluster_columns *columns, size_t r, size_t nregions);

/** The cluster of region @p r of @p nregions; *@p found: the frame has one whose forces could be used again, or that
 * has no atoms; all atoms of the frame are then in `parents` and `rows`. @p point points into the frame and the room.
 * The frame's column "index" must be within the structure. */
lml_status lml_log_cluster_read(lml_log_cluster *cluster, lml_frame *frame, size_t r, size_t nregions,
                                lml_result_cache_point *point, bool *found, lml_error *error);

void lml_log_cluster_free(lml_log_cluster *cluster);

#endif
