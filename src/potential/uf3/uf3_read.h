/** @file uf3_read.h
 *  Reading the files of LAMMPS `pair_style uf3`.
 */
#ifndef LML_UF3_UF3_READ_H
#define LML_UF3_UF3_READ_H

#include "base/text_list.h"
#include "potential/descriptor.h"
#include "potential/uf3/uf3_model.h"

/** What each block begins with. */
#define LML_UF3_HEADER "#UF3 POT"

/** A comment of lmlink's own: an element and its atoms' energy by themselves (eV), which LAMMPS's format has no place
 *  for. LAMMPS omits it; forces do not depend on it. */
#define LML_UF3_CONSTANT_MARK "#lmlink-atom-energy:"

/** Numbers that become more. */
typedef struct lml_uf3_numbers {
  double *values;
  size_t count, capacity;
} lml_uf3_numbers;

/** Initialise with `lml_uf3_file f = {0};`, release with lml_uf3_file_free. */
typedef struct lml_uf3_file {
  lml_uf3_model model;
  int *numbers;                             /**< nelements: atomic numbers, in the order in which elements come */
  lml_uf3_numbers pairs;                    /**< eV: the coefficients of all pairs of the model, one after the other */
  lml_uf3_numbers triplets;                 /**< eV: of all triplets */
  double constants[LML_ELEMENTS_LIMIT + 1]; /**< eV, by atomic number */
} lml_uf3_file;

/** Read @p path. What the user should know goes to @p warnings. Errors name file and line. */
lml_status lml_uf3_read(const char *path, lml_uf3_file *file, lml_text_list *warnings, lml_error *error);

void lml_uf3_file_free(lml_uf3_file *file);

#endif
