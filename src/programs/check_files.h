/** @file check_files.h
 *  What --check writes and says of a mixture: the structure with its regions, and the clusters that engines compute.
 */
#ifndef LML_PROGRAMS_CHECK_FILES_H
#define LML_PROGRAMS_CHECK_FILES_H

#include <stddef.h>

#include "programs/build.h"

/** Write PREFIX-regions.xyz, and PREFIX-cluster.xyz or, of several regions, PREFIX-cluster-NAME.xyz, with the columns
 *  region and index (the atom's in the structure). */
lml_status lml_check_files_write(const lml_build *build, const char *prefix, lml_error *error);

/** A region's atoms in one line. */
void lml_check_describe_region(const lml_built_region *region, char *text, size_t size);

/** Its cluster in one line. */
void lml_check_describe_cluster(const lml_built_region *region, char *text, size_t size);

/** Its engine or potential in one line. */
void lml_check_describe_engine(const lml_built_region *region, char *text, size_t size);

#endif
