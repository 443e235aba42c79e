/** @file linear_uncertainty.h
 *  A potential's uncertainty made ready for evaluation.
 *
 *  Lᵀ row is, for the rows of energies and forces, what they would be if Θ were a column of L. So each column is
 *  evaluated like coefficients, of the same densities, and gives a *deviation* of each energy and force; σ is the root
 * of the sum of their squares.
 */
#ifndef LML_POTENTIAL_LINEAR_UNCERTAINTY_H
#define LML_POTENTIAL_LINEAR_UNCERTAINTY_H

#include "base/sha256.h"
#include "potential/linear_model.h"
#include "potential/uncertainty.h"

/** What results need to be known of each evaluation beyond energies and forces: bits of a set. */
enum {
  LML_NEEDS_DISTANCES = 1,
  LML_NEEDS_FACTOR = 2, /**< L; energies and forces, of its columns */
  LML_NEEDS_ENERGIES = 4,
  LML_NEEDS_FORCES = 8,
  LML_NEEDS_SUMS = 16, /**< of the descriptors */
  LML_NEEDS_FILE = LML_NEEDS_DISTANCES | LML_NEEDS_FACTOR
};

/** Initialise with `lml_linear_uncertainty u = {0};`, release with lml_linear_uncertainty_free. Read only: threads
 * share it. */
typedef struct lml_linear_uncertainty {
  lml_uncertainty uncertainty;
  char checksum[LML_SHA256_TEXT]; /**< of the JSON file; empty while nothing has been read */
  size_t rank;                    /**< columns of L; 0 without */
  lml_potential **columns;        /**< rank: with a column of L as Θ */
  lml_linear_model *models;       /**< rank: of these */
} lml_linear_uncertainty;

/** Read what lies beside the file @p coefficients (NULL: the potential is from no file), which must be the
 *  uncertainty of @p potential. LML_ERR_INPUT names the file and what to do. */
lml_status lml_linear_uncertainty_read(lml_linear_uncertainty *uncertainty, const char *coefficients,
                                       const lml_potential *potential, lml_error *error);

/** LML_ERR_INPUT where what was read beside @p coefficients lacks some of the set @p needs. */
lml_status lml_linear_uncertainty_has(const lml_linear_uncertainty *uncertainty, unsigned needs,
                                      const char *coefficients, lml_error *error);

void lml_linear_uncertainty_free(lml_linear_uncertainty *uncertainty);

#endif
