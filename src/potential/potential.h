/** @file potential.h
 *  What a potential consists of, inside the library: a descriptor, Θ for each element, and fixed terms.
 */
#ifndef LML_POTENTIAL_POTENTIAL_H
#define LML_POTENTIAL_POTENTIAL_H

#include "base/log.h"
#include "base/text_list.h"
#include "lmlink/potential.h"
#include "potential/descriptor.h"
#include "potential/lammps_text.h"
#include "potential/pair_term.h"

enum { LML_PAIR_TERMS_LIMIT = 8 /**< of one potential */ };

struct lml_potential {
  lml_descriptor *descriptor;
  int *numbers;         /**< of its elements: atomic numbers */
  bool quadratic;       /**< energies are quadratic in the components, else linear */
  size_t ncoefficients; /**< per element, with the constant */
  double *coefficients; /**< nelements × ncoefficients, eV */
  lml_pair_term *terms[LML_PAIR_TERMS_LIMIT];
  size_t nterms;
  const struct lml_format *format; /**< that it is written in: most often, that it was read in */
  char *path;                      /**< the file it was read from, for messages */
  char *coefficient_file;          /**< where Θ came from; NULL in a potential that was made */
  char *parameter_file;            /**< the same of what else there is; NULL: in the same file */
  char *script;                    /**< the file that names these, and the fixed terms; NULL: none was used */
  lml_lammps_remark reference;     /**< a comment of the files that tells what was subtracted before the fit */
  lml_text_list warnings;          /**< what the user should know of the files */
};

/** Index in @p potential of the element of that atomic number, −1 where the potential lacks it. */
int lml_potential_element_index(const lml_potential *potential, int atomic_number);

/** Tell the user all warnings about the potential's files. */
void lml_potential_log_warnings(const lml_potential *potential, const lml_log *log);

/** Coefficients per element of a linear or quadratic potential of @p ncomponents components. */
size_t lml_potential_count(size_t ncomponents, bool quadratic);

/** An error where energies are no linear form of components, so that there is nothing to retrain and no descriptors. */
lml_status lml_potential_need_components(const lml_potential *potential, lml_error *error);

/** Hand @p term over to the potential; NULL is none. Where it is one too many, it is released. */
lml_status lml_potential_add_term(lml_potential *potential, lml_pair_term *term, lml_error *error);

/** Å: where the last fixed term ends; 0 without any. */
double lml_potential_terms_cutoff(const lml_potential *potential);

/** Checksums of what can't be changed by other coefficients: of the descriptor, and of the fixed terms. */
void lml_potential_hash_descriptor(const lml_potential *potential, char text[LML_SHA256_TEXT]);
void lml_potential_hash_terms(const lml_potential *potential, char text[LML_SHA256_TEXT]);

#endif
