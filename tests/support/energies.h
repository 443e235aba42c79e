/** @file energies.h
 *  Asking for the energies of atoms, and reading results by name. Include after cmocka.h.
 */
#ifndef LML_TESTS_ENERGIES_H
#define LML_TESTS_ENERGIES_H

#include "lmlink/results.h"

static const char *const energies_name[] = {"energies"};
static const lml_request energies_too = {.names = energies_name, .count = 1};

/** The result of that name, which must be there. */
static inline const lml_result *result_of(const lml_results *results, const char *name) {
  const lml_result *result = lml_results_find(results, name);
  assert_non_null(result);
  return result;
}

/** natoms energies, eV. */
static inline const double *energies_of(const lml_results *results) { return result_of(results, "energies")->reals; }

#endif
