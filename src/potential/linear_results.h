/** @file linear_results.h
 *  What a linear calculator knows of each atom beyond its force, by the names of results.
 */
#ifndef LML_POTENTIAL_LINEAR_RESULTS_H
#define LML_POTENTIAL_LINEAR_RESULTS_H

#include "lmlink/results.h"
#include "structure/neighbours.h"

/** What results are made from, once a share of the atoms has been evaluated. */
typedef struct lml_linear_sources {
  const lml_neighbours *neighbours; /**< lists of the share's atoms */
  const double *energies;           /**< eV, of the sorted atoms; 0 of those of other shares */
  double coordination_radius;       /**< Å, no larger than the cutoff of the lists */
} lml_linear_sources;

typedef struct lml_linear_result {
  lml_result_form form; /**< of atoms; a text is none */
  /** Put what is known of the share's atoms into @p values: natoms × width, in the structure's order, zero before. The
   *  values of all shares are added. */
  void (*fill)(const lml_linear_sources *sources, double *values);
} lml_linear_result;

/** Places in the table below, and bits of a set of results: 1 << place. */
enum {
  LML_LINEAR_ENERGIES = 0 /**< in every set: the energy is their sum */,
  LML_LINEAR_COORDINATION,
  LML_LINEAR_NRESULTS
};

extern const lml_linear_result lml_linear_results[LML_LINEAR_NRESULTS];

/** The set of those that @p request (may be NULL) names. */
unsigned lml_linear_results_named(const lml_request *request);

/** LML_ERR_USAGE where @p request names a result that is neither a standard one nor in the table; the error says what
 *  there is. */
lml_status lml_linear_results_check(const lml_request *request, lml_error *error);

/** Add the result at @p place to @p results, from the sum @p values of what all shares know. */
lml_status lml_linear_results_add(size_t place, const double *values, lml_results *results, lml_error *error);

#endif
