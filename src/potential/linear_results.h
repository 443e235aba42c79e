/** @file linear_results.h
 *  What a linear calculator knows beyond energy, forces and virial, by the names of results.
 */
#ifndef LML_POTENTIAL_LINEAR_RESULTS_H
#define LML_POTENTIAL_LINEAR_RESULTS_H

#include "lmlink/results.h"
#include "potential/linear_beside.h"
#include "structure/neighbours.h"

/** What results are made from, once a share of the atoms has been evaluated. */
typedef struct lml_linear_sources {
  const lml_neighbours *neighbours; /**< lists of the share's atoms */
  const double *energies;           /**< eV, of the sorted atoms; 0 of those of other shares */
  double coordination_radius;       /**< Å, no larger than the cutoff of the lists */
  double cutoff;                    /**< Å, of the potential */
  const lml_linear_beside *beside;  /**< what the results need of it was evaluated */
} lml_linear_sources;

/** What the sizes of results depend on. */
typedef struct lml_linear_sizes {
  size_t natoms;
  size_t rank;  /**< columns of the uncertainty's factor; 0 where no result is from it */
  size_t nsums; /**< N_D: elements × coefficients; 0 where no result needs the sums */
} lml_linear_sizes;

/** A result is made of *parts* that are added up over the shares: of each atom, or of the structure. */
typedef struct lml_linear_result {
  lml_result_form form;     /**< no text; a width of 0: as many as there are parts */
  size_t parts;             /**< so many, ... */
  size_t column_parts;      /**< ... and so many more for each column of the uncertainty's factor ... */
  size_t coefficient_parts; /**< ... and each coefficient */
  unsigned needs;           /**< bits of linear_uncertainty.h */
  /** Put what is known of the share's atoms into @p parts, zero before; those of atoms in the structure's order. */
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
  LML_LINEAR_FORCE_DEVIATIONS,
  LML_LINEAR_VIRIAL_DEVIATIONS,
  LML_LINEAR_DESCRIPTOR_SUMS,
  LML_LINEAR_NRESULTS
};

extern const lml_linear_result lml_linear_results[LML_LINEAR_NRESULTS];

/** The set of those that @p request (may be NULL) names. */
unsigned lml_linear_results_named(const lml_request *request);

/** All parts of the result at @p place. */
size_t lml_linear_results_parts(size_t place, const lml_linear_sizes *sizes);

/** Sum of an energy of all atoms with Neumaier's compensation: the total of 100,000 atoms to the last digits. */
double lml_linear_results_sum(const double *values, size_t count);

/** What the set @p results needs, bits of linear_uncertainty.h; 0: nothing beyond energies. */
unsigned lml_linear_results_needs(unsigned results);

/** LML_ERR_USAGE where @p request names a result that is neither a standard one nor in the table; the error says what
 *  there is. */
lml_status lml_linear_results_check(const lml_request *request, lml_error *error);

/** Add the result at @p place to @p results, from the sum @p parts of what all shares know. */
lml_status lml_linear_results_add(size_t place, const double *parts, const lml_linear_sizes *sizes,
                                  lml_results *results, lml_error *error);

#endif
