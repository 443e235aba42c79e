/** @file snap_companion.h
 *  The .snap and .mod files that belong to a coefficient file which is given by itself.
 */
#ifndef LML_BISPECTRUM_SNAP_COMPANION_H
#define LML_BISPECTRUM_SNAP_COMPANION_H

#include "base/text_list.h"

/** Paths of .snap and .mod files. Initialise with `lml_snap_files f = {0};`, release with lml_snap_files_free. */
typedef struct lml_snap_files {
  lml_text_list paths;
  size_t nown; /**< the first of them, which have the coefficient file's name */
} lml_snap_files;

/** The files that belong to @p snapcoeff: a .snap file of the same name, and all .snap and .mod files of its folder
 *  with a pair_coeff line that names @p snapcoeff; those of the same name first, else by name. None is no failure. A
 *  file that can't be read as text belongs to nothing. */
lml_status lml_snap_files_beside(const char *snapcoeff, lml_snap_files *files, lml_error *error);

void lml_snap_files_free(lml_snap_files *files);

#endif
