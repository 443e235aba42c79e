/* The sources that there are. */
#include "base/path.h"
#include "retrain/data/source.h"

const lml_source_ops *const lml_sources[LML_SOURCES] = {[LML_SOURCE_STRUCTURES] = &lml_structure_source,
                                                        [LML_SOURCE_MATRIX] = &lml_matrix_source,
                                                        [LML_SOURCE_LOG] = &lml_log_source};

lml_source lml_source_of_path(const char *path) {
  for (size_t k = 0; k < LML_SOURCES; k++)
    if (lml_sources[k]->extension != NULL && lml_path_has_extension(path, lml_sources[k]->extension))
      return (lml_source)k;
  return LML_SOURCE_STRUCTURES;
}
