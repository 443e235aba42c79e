/** @file derived_results.h
 *  Results that are made of others and of the first structure of a series: how well the change of the energy is known,
 *  a committee of potentials, and which atoms are free to move.
 *
 *  A calculator gives *deviations*, what energies, forces and virials would be if Θ were a column of L, where L Lᵀ is
 * the covariance of Θ. The k + 1 members of the committee are Θ + √k L S with rows S of Helmert's matrix, which are
 *  orthonormal and orthogonal to (1, …, 1): their mean is Θ and their covariance L Lᵀ. Energies deviate by far more
 * than their differences do: of those, the deviations from the first structure count, the *baseline*.
 */
#ifndef LML_CALCULATOR_DERIVED_RESULTS_H
#define LML_CALCULATOR_DERIVED_RESULTS_H

#include <stdbool.h>

#include "calculator/result_names.h"
#include "lmlink/results.h"
#include "lmlink/structure.h"

/** Places in the list of derived results, and bits of a set of them. */
enum {
  LML_DERIVED_SIGMA_ENERGY = 0,
  LML_DERIVED_COMMITTEE_ENERGIES,
  LML_DERIVED_COMMITTEE_FORCES,
  LML_DERIVED_COMMITTEE_VIRIALS,
  LML_DERIVED_FREE,
  LML_DERIVED_COUNT
};
extern const char *const lml_derived_names[LML_DERIVED_COUNT];

enum { LML_DERIVED_NUMBERS = 119 /**< atomic numbers, from 0 */ };

/** What is wanted, and the baseline. Initialise with `lml_derived d = {0};`, release with lml_derived_free. */
typedef struct lml_derived {
  unsigned wanted;    /**< set of derived results */
  lml_name_set asked; /**< what the calculator is asked for; the nwanted that were wanted themselves first */
  size_t nwanted;
  bool knows_held;           /**< whether it is known which atoms are held; else no result says which are free */
  const unsigned char *held; /**< 1 for each that is, in all components, borrowed; NULL: none is */
  double *baseline;          /**< rank numbers, eV: energy deviations of the first structure */
  double *changes;           /**< rank numbers, eV: what those of the structure differ by; work space */
  size_t rank, baseline_capacity, changes_capacity;
  size_t counts[LML_DERIVED_NUMBERS]; /**< atoms of each element of the first structure */
} lml_derived;

/** Want the results that @p request names from now on, and the derived ones of the set @p more. */
lml_status lml_derived_want(lml_derived *derived, const lml_request *request, unsigned more, lml_error *error);

/** What a calculator is to be asked for; valid until lml_derived_want is called again. */
lml_request lml_derived_request(const lml_derived *derived);

/** Add the derived results that are wanted to those of @p structure, as far as the calculator gave what they are made
 *  of, and take away what nobody wanted. The first structure since lml_derived_forget is the baseline; energies are not
 * a number where a structure has other numbers of atoms of the elements. */
lml_status lml_derived_add(lml_derived *derived, const lml_structure *structure, lml_results *results,
                           lml_error *error);

/** Whether the derived result at @p place is wanted. */
bool lml_derived_wants(const lml_derived *derived, size_t place);

/** Let the next structure be the baseline. */
void lml_derived_forget(lml_derived *derived);

void lml_derived_free(lml_derived *derived);

/** The number @p column of the row of member @p member: √k S. */
double lml_committee_weight(size_t rank, size_t member, size_t column);

#endif
