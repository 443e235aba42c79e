/** @file snap_parameters.h
 *  The .snapparam file of LAMMPS `pair_style snap`, and the .mliap.descriptor file of the descriptor `sna` of
 * `pair_style mliap`: keywords and values that define the descriptor.
 */
#ifndef LML_BISPECTRUM_SNAP_PARAMETERS_H
#define LML_BISPECTRUM_SNAP_PARAMETERS_H

#include "base/file.h"
#include "potential/bispectrum/snap_model.h"
#include "potential/lammps_text.h"

/** Which keywords are written. */
typedef enum lml_snap_keywords {
  LML_KEYWORDS_ALL = 0,
  LML_KEYWORDS_CHANGED /**< those whose values are not the defaults */
} lml_snap_keywords;

/** Read @p path into model->parameters, and the inner switching radii, where there are any, into model->elements: one
 *  value per element of @p model, in its order. Also checks what depends on elements and parameters together
 *  (cutoffs are positive and larger than rmin0). What comments say goes to @p remarks. Errors name file, line and
 *  keyword. */
lml_status lml_snap_parameters_read(const char *path, lml_snap_model *model, lml_lammps_remarks *remarks,
                                    lml_error *error);

/** Read the descriptor file @p path into the parameters and elements of @p model, which is freed first: it has the
 *  keywords of a parameter file, and nelems, elems, radelems and welems. The same is checked; on failure the model is
 *  empty. */
lml_status lml_mliap_descriptor_read(const char *path, lml_snap_model *model, lml_error *error);

/** Write keywords of @p model in LAMMPS's format. */
lml_status lml_snap_parameters_write(lml_file_writer *writer, const lml_snap_model *model, lml_snap_keywords which,
                                     lml_error *error);

#endif
