/** @file snap_file.h
 *  The files of LAMMPS `pair_style snap`: .snapcoeff (elements and coefficients) and .snapparam (see
 *  snap_parameters.h); and those of `pair_style mliap` with the descriptor `sna`, which hold the same.
 */
#ifndef LML_BISPECTRUM_SNAP_FILE_H
#define LML_BISPECTRUM_SNAP_FILE_H

#include "base/file.h"
#include "base/text_list.h"
#include "potential/bispectrum/snap_model.h"
#include "potential/lammps_text.h"
#include "potential/potential.h"

/** What is to be known of the files beside the model. Initialise with `lml_snap_remarks r = {0};`. */
typedef struct lml_snap_remarks {
  lml_text_list warnings;      /**< for the user, one line each; to be freed */
  lml_lammps_remark reference; /**< the comment of the parameter file that tells what was subtracted before the fit */
} lml_snap_remarks;

/** Read both files into @p model, which is freed first. Where @p wanted is not NULL, those elements alone are taken,
 *  in that order, as LAMMPS does with the names of a pair_coeff line; with chemflag they must be the file's. Files that
 *  lmlink wrote must have been written together (generation.h); while they are being replaced, it waits. Errors name
 *  file and line; on failure the model is empty. Release with lml_snap_model_free. */
lml_status lml_snap_read(const char *snapcoeff, const char *snapparam, const lml_element_names *wanted,
                         lml_snap_model *model, lml_snap_remarks *remarks, lml_error *error);

/** What `model` of a pair_style mliap line may be. */
typedef enum lml_mliap_form { LML_MLIAP_LINEAR, LML_MLIAP_QUADRATIC } lml_mliap_form;

/** Paths of its files. */
typedef struct lml_mliap_files {
  const char *model;      /**< numbers of elements and coefficients, and the coefficients */
  const char *descriptor; /**< parameters and elements */
  lml_mliap_form form;
} lml_mliap_files;

/** Read both files into @p model, which is freed first: the elements of @p wanted, as in lml_snap_read. What the user
 *  should know goes to @p warnings. Errors name file and line; on failure the model is empty. */
lml_status lml_mliap_read(const lml_mliap_files *files, const lml_element_names *wanted, lml_snap_model *model,
                          lml_text_list *warnings, lml_error *error);

/** Write the content of a coefficient file, but for its comments. */
lml_status lml_snap_coefficients_write(lml_file_writer *writer, const lml_snap_model *model, lml_error *error);

/** Write both files, numbers in the fewest digits that read back to the same doubles; each file whole or not at all.
 *  @p comment (may be NULL) becomes a '#' line of each; another marks them as written together. Comments of the
 *  parameter file tell which fixed terms of @p fitted (may be NULL) the coefficients go with. */
lml_status lml_snap_write(const lml_snap_model *model, const lml_potential *fitted, const char *snapcoeff,
                          const char *snapparam, const char *comment, lml_error *error);

#endif
