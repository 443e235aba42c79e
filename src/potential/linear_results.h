/** @file linear_results.h
 *  What a linear calculator knows beyond energy, forces and virial, by the names of results.
 */
#ifndef LML_POTENTIAL_LINEAR_RESULTS_H
#define LML_POTENTIAL_LINEAR_RESULTS_H

#include "lmlink/results.h"
#include "potential/linear_uncertainty.h"
#include "structure/neighbours.h"

/** What results are made from, once a share of the atoms has been evaluated. */
typedef struct lml_linear_sources {
  const lml_neighbours *neighbours;          /**< lists of the share's atoms */
  const double *energies;                    /**< eV, of the sorted atoms; 0 of those of other shares */
  double coordination_radius;                /**< Å, no larger than the cutoff of the lists */
  double cutoff;                             /**< Å, of the potential */
  const lml_linear_uncertainty *uncertainty; /**< evaluated; NULL where no result is from it */
} lml_linear_sources;

typedef struct lml_linear_result {
  lml_result_form form; /**< no text; of the structure: the sums over all atoms, as many as there are parts */
  size_t parts;         /**< numbers of each atom that are added up over the shares ... */
  size_t column_parts;  /**< ... and how many more for each column of the uncertainty's factor */
  unsigned needs;       /**< of the uncertainty: bits of linear_uncertainty.h */
  /** Put what is known of the share's atoms into @p parts: natoms × these, in the structure's order, zero before. */
  void (*fill)(const lml_linear_sources *sources, double *parts);
  /** An atom's values from the sum of its @p nparts parts; NULL: they are the values. */
  void (*combine)(const double *parts, size_t nparts, double *values);
} lml_linear_result;

/** Places in the table below, and bits of a set of results: 1 << place. */
enum {
  LML_LINEAR_ENERGIES = 0 /**< in every set: the energy is their sum */,
  LML_LINEAR_COORDINATION,
  LML_LINEAR_DISTANCE,
  LML_LINEAR_SIGMA_ENERGIES,
  LML_LINEAR_SIGMA_FORCES,
  LML_LINEAR_ENERGY_DEVIATIONS,
  LML_LINEAR_NRESULTS
};

extern const lml_linear_result lml_linear_results[LML_LINEAR_NRESULTS];

/** The set of those that @p request (may be NULL) names. */
unsigned lml_linear_results_named(const lml_request *request);

/** The parts of each atom of the result at @p place, where the factor has @p rank columns. */
size_t lml_linear_results_parts(size_t place, size_t rank);

/** Sum of an energy of all atoms with Neumaier's compensation: the total of 100,000 atoms to the last digits. */
double lml_linear_results_sum(const double *values, size_t count);

/** What the set @p results needs of the potential's uncertainty, bits of linear_uncertainty.h; 0: they do without. */
unsigned lml_linear_results_needs(unsigned results);

/** LML_ERR_USAGE where @p request names a result that is neither a standard one nor in the table; the error says what
 *  there is. */
lml_status lml_linear_results_check(const lml_request *request, lml_error *error);

/** Add the result at @p place to @p results, from the sum @p parts of what all shares know. */
lml_status lml_linear_results_add(size_t place, const double *parts, size_t rank, lml_results *results,
                                  lml_error *error);

#endif
