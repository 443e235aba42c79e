/** @file snap_beside.h
 *  The .snap files that belong to a coefficient file which is given by itself.
 */
#ifndef LML_POTENTIAL_SNAP_BESIDE_H
#define LML_POTENTIAL_SNAP_BESIDE_H

#include <stddef.h>

#include "lmlink/error.h"

/** Paths of .snap files. Initialise with `lml_snap_files f = {0};`, release with lml_snap_files_free. */
typedef struct lml_snap_files {
  char **paths;
  size_t count, capacity;
} lml_snap_files;

/** The .snap files that belong to @p snapcoeff: the one of the same name where there is one, or else all in the same
 *  folder with a pair_coeff line that names @p snapcoeff, by name. None is no failure. A .snap file that can't be read
 *  as text belongs to nothing. */
lml_status lml_snap_files_beside(const char *snapcoeff, lml_snap_files *files, lml_error *error);

void lml_snap_files_free(lml_snap_files *files);

#endif
