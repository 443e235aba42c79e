/** @file snap_style.h
 *  The .snap, .mod or .mliap file of a published potential: the lines of a LAMMPS input script that say which files and
 *  which ZBL term belong together.
 *
 *  The grammar is strict: `variable NAME equal|index|string VALUE`, `pair_style` with snap, or with mliap of a linear
 * or quadratic model and the descriptor sna, or hybrid/overlay of one of these, zbl and zero, their `pair_coeff` lines,
 * and `mass`, `neighbor` and `neigh_modify`, which change no forces; with LAMMPS's comments, '&' continuation, quotes,
 * `${NAME}` and `$(FORMULA)`. Anything else is an error, as a line that is passed over would change the forces.
 */
#ifndef LML_BISPECTRUM_SNAP_STYLE_H
#define LML_BISPECTRUM_SNAP_STYLE_H

#include "lmlink/error.h"
#include "potential/bispectrum/snap_file.h"
#include "potential/zbl.h"

/** The files that a script names. */
typedef enum lml_snap_kind { LML_SNAP_FILES, LML_MLIAP_FILES } lml_snap_kind;

/** Initialise with `lml_snap_style s = {0};`, release with lml_snap_style_free. */
typedef struct lml_snap_style {
  lml_snap_kind kind;
  lml_mliap_form form;        /**< of the model of mliap */
  char *snapcoeff;            /**< path of the coefficient file, or of the model file of mliap */
  char *snapparam;            /**< path of the parameter file, or of the descriptor file of mliap */
  lml_element_names elements; /**< in order of the types, each once */
  lml_zbl zbl;                /**< by index in elements; outer is 0 where no pair has a term */
} lml_snap_style;

/** Whether @p path has the name of such a file: .snap, .mod, as FitSNAP writes, or .mliap. */
bool lml_snap_style_is_name(const char *path);

/** Whether a pair_style line has styles that add forces to those of snap. */
bool lml_snap_style_adds_terms(const char *pair_style);

/** Whether the terms of a pair_style line are ZBL from @p inner to @p outer (Å) and no others. Radii that are no
 *  numbers, such as variables, count as these. */
bool lml_snap_style_is_zbl(const char *pair_style, double inner, double outer);

/** Read @p path; names of files in it are relative to its folder. As in LAMMPS, a pair that no `pair_coeff … zbl` line
 *  names has no ZBL term under hybrid/overlay. Errors name file and line. */
lml_status lml_snap_style_read(const char *path, lml_snap_style *style, lml_error *error);

void lml_snap_style_free(lml_snap_style *style);

#endif
