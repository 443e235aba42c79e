/** @file source.h
 *  Where rows come from: a *source* is a table of operations that know one form of files, and a new one is one more.
 */
#ifndef LML_RETRAIN_DATA_SOURCE_H
#define LML_RETRAIN_DATA_SOURCE_H

#include "lmlink/potential.h"

struct lml_dataset;
struct lml_design;
struct lml_row_sink;

typedef enum lml_source {
  LML_SOURCE_STRUCTURES = 0, /**< extended XYZ */
  LML_SOURCE_MATRIX,         /**< rows of the design matrix themselves, a .npy file */
  LML_SOURCE_LOG,            /**< a force log that is followed: structures that are yet to come */
  LML_SOURCES
} lml_source;

/** What a file holds. */
typedef enum lml_content {
  LML_CONTENT_STRUCTURES = 0, /**< of which calculators and families of descriptors make something */
  LML_CONTENT_ROWS            /**< of the design matrix; what belongs to each stands in files beside it */
} lml_content;

typedef struct lml_source_ops {
  lml_content content;
  const char *extension; /**< of files that are read so; NULL: of none in particular */
  /** Look at the file and fill the lower part of @p set, checked against @p potential: see lml_dataset_scan. */
  lml_status (*scan)(struct lml_dataset *set, const lml_potential *potential, lml_error *error);
  /** Open the set's file for @p design, which has none open. What is open is closed by `close`, also after a failure.
   */
  lml_status (*open)(struct lml_design *design, const struct lml_dataset *set, lml_error *error);
  /** Make the rows of the frame at @p position with the block of @p design, and emit them: see lml_design_frame. */
  lml_status (*frame)(struct lml_design *design, size_t position, const struct lml_row_sink *sink, lml_error *error);
  void (*close)(struct lml_design *design);
} lml_source_ops;

/** The sources that there are, by lml_source. */
extern const lml_source_ops *const lml_sources[LML_SOURCES];
extern const lml_source_ops lml_structure_source, lml_matrix_source, lml_log_source;

/** The source of the file at @p path, by its extension. */
lml_source lml_source_of_path(const char *path);

#endif
