/** @file log_keys.h
 *  What mixtures and their force log write into extended XYZ files, and retraining reads: names of columns and of keys
 * of the comment line, and the labels in the column `region`. docs/force-log.md describes them.
 */
#ifndef LML_STRUCTURE_LOG_KEYS_H
#define LML_STRUCTURE_LOG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "lmlink/extxyz.h"

/* Columns. */
#define LML_LOG_INDEX "index"
#define LML_LOG_REGION "region"
#define LML_LOG_FORCES_QM "forces_qm"
#define LML_LOG_LOOKS "region_looks"

/* Keys of the comment line. */
#define LML_LOG_COMPLETE "log_complete"
#define LML_LOG_NATOMS "log_natoms"
#define LML_LOG_RECALLED "recalled"
#define LML_LOG_SKIPPED "skipped"
#define LML_LOG_SKIP_MODE "skip_mode"
#define LML_LOG_SKIP_AGE "skip_age"
#define LML_LOG_SKIP_PART "skip_part"
#define LML_LOG_REGION_AGE "region_age"
#define LML_LOG_REGION_RULE "region_rule"
#define LML_LOG_FOREMOST "most_uncertain"
#define LML_LOG_CLUSTER_CELL "cluster_cell"
#define LML_LOG_CLUSTER_PBC "cluster_pbc"
#define LML_LOG_ENGINE "engine"
#define LML_LOG_ENERGY_KIND "energy_kind"

enum { LML_LOG_NAME_SIZE = 48 };

/** The name of a key or column of region @p r: @p base where there is one region, else with "_1", "_2", … after it. */
void lml_log_name(char name[LML_LOG_NAME_SIZE], const char *base, size_t r, size_t nregions);

/** In the order in which an atom's part in the quantum calculation grows. */
typedef enum lml_region_label {
  LML_REGION_MM = 0, /**< not in it */
  LML_REGION_BUFFER,
  LML_REGION_BLEND,
  LML_REGION_QM,
  LML_REGION_LABELS /**< how many there are */
} lml_region_label;

/** "MM", "buffer", "blend", "QM", as ASE's ForceQMMM spells them. Static storage. */
const char *lml_region_label_name(lml_region_label label);

/** The label that @p name is the name of; false where it is none's. */
bool lml_region_label_find(const char *name, lml_region_label *label);

/** Whether @p column, the column of labels (NULL: there is none), gives atom @p atom this label. */
bool lml_region_column_is(const lml_values *column, size_t atom, lml_region_label label);

#endif
