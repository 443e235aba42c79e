/** @file pair_styles.h
 *  The lines of a LAMMPS input script that say which files and which fixed terms make a potential, as in published
 *  .snap and .mod files.
 *
 *  The grammar is strict: `variable NAME equal|index|string VALUE`, `pair_style` with snap, uf3 or pace, or with mliap
 *  of a linear or quadratic model and the descriptor sna, or hybrid/overlay of one of these, zbl, table and zero, their
 *  `pair_coeff` lines, and `labelmap atom`, `mass`, `neighbor` and `neigh_modify`, which change no forces; with
 * LAMMPS's comments, '&' continuation, quotes, `${NAME}` and `$(FORMULA)`. Anything else is an error, as a line that is
 * passed over would change the forces.
 */
#ifndef LML_SCRIPT_PAIR_STYLES_H
#define LML_SCRIPT_PAIR_STYLES_H

#include "base/text_list.h"
#include "lmlink/error.h"
#include "potential/element_names.h"
#include "potential/table.h"
#include "potential/zbl.h"

/** The pair style of the descriptors. */
typedef enum lml_pair_kind { LML_PAIR_SNAP, LML_PAIR_MLIAP, LML_PAIR_UF3, LML_PAIR_PACE } lml_pair_kind;

enum { LML_PAIR_TABLES_LIMIT = 6 /**< `table` styles of one pair_style line */ };

/** The pairs of elements of one `table` style. */
typedef struct lml_pair_tables {
  lml_table_style style;
  lml_table_source *sources;
  size_t nsources;
  size_t *of_pair; /**< (number of elements)²: 1 + index of a source; 0: none */
} lml_pair_tables;

/** Initialise with `lml_pair_styles s = {0};`, release with lml_pair_styles_free. */
typedef struct lml_pair_styles {
  lml_pair_kind kind;
  bool quadratic;   /**< the model of mliap */
  int order;        /**< of uf3: 2 for pairs alone, or 3 */
  char *file;       /**< path of the coefficient file (.snapcoeff, .uf3, .yace), or of the model file of mliap */
  char *parameters; /**< path of the parameter file, or of the descriptor file of mliap; NULL of uf3 and pace */
  lml_element_names elements; /**< in order of the types, each once; those of types without descriptors come last */
  size_t nbare;               /**< number of these: `NULL` on the pair_coeff line of snap */
  lml_zbl zbl;                /**< by index in elements; outer is 0 where no pair has a term */
  lml_pair_tables tables[LML_PAIR_TABLES_LIMIT];
  size_t ntables;
  lml_text_list warnings; /**< for the user, one line each */
} lml_pair_styles;

/** Whether @p path has the name of such a file: .snap, .mod, as FitSNAP writes, or .mliap. */
bool lml_pair_styles_is_name(const char *path);

/** "snap", "mliap", "uf3", "pace". */
const char *lml_pair_kind_name(lml_pair_kind kind);

/** Read @p path; names of files in it are relative to its folder, and tables are not opened. As in LAMMPS, a pair that
 *  no `pair_coeff` line of a term names has none under hybrid/overlay. Errors name file and line. */
lml_status lml_pair_styles_read(const char *path, lml_pair_styles *styles, lml_error *error);

void lml_pair_styles_free(lml_pair_styles *styles);

#endif
