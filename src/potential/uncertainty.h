/** @file uncertainty.h
 *  What is known of a potential's errors: a factor of the covariance of Θ, and how far an atom is from those that the
 *  potential was trained on. Two files beside the potential's, NAME.uncertainty.json and NAME.uncertainty.npy.
 *
 *  The variance of any quantity that is row·Θ is |Lᵀ row|², where L (N_D × k) has the order of the coefficients. The
 *  *distance* of an atom with linear components B is |Rᵀ(B − μ)| with R Rᵀ = (cov B + ε)⁻¹ over the training atoms of
 *  its element (P. C. Mahalanobis, Proc. Natl. Inst. Sci. India 2, 49 (1936)). docs/theory.md has the derivation.
 */
#ifndef LML_POTENTIAL_UNCERTAINTY_H
#define LML_POTENTIAL_UNCERTAINTY_H

#include "base/file.h"
#include "potential/potential.h"

#define LML_UNCERTAINTY_VERSION 1

/** Where a factor comes from. */
typedef enum lml_uncertainty_kind {
  LML_UNCERTAINTY_NONE = 0, /**< there is none */
  LML_UNCERTAINTY_SANDWICH, /**< the sandwich covariance over quantum rows */
  LML_UNCERTAINTY_POPS,     /**< the hypercube of pointwise optimal parameter sets */
  LML_UNCERTAINTY_AUTO      /**< what is wanted, not what there is: POPS for linear forms, else the sandwich */
} lml_uncertainty_kind;
extern const char *const lml_uncertainty_names[];

enum { LML_DISTANCE_QUANTILES = 5 };

/** Shares of the training atoms that the quantiles are of. */
extern const double lml_distance_shares[LML_DISTANCE_QUANTILES];

/** Distances from the training atoms of one element. */
typedef struct lml_atom_distance {
  size_t natoms;                            /**< of the training; fewer than two: the distance is undefined */
  double *mean;                             /**< ncomponents: μ */
  double *factor;                           /**< ncomponents², row-major: R, an upper triangle */
  double epsilon;                           /**< ε */
  double quantiles[LML_DISTANCE_QUANTILES]; /**< of the training atoms' distances, each the root mean square over the
                                                 atom and its neighbours within the cutoff */
} lml_atom_distance;

/** How L was scaled, from frames that were left out: their errors e and σ's before scaling, u. */
typedef struct lml_calibration {
  double alpha;       /**< rms(e) / rms(u): L is scaled by it */
  double alpha_noise; /**< α and s_n (the rows' unit) that make e likeliest with variances α²u² + s_n² */
  double noise;
  size_t nfolds, nrows; /**< rows that e is of */
} lml_calibration;

/** Initialise with `lml_uncertainty u = {0};`, release with lml_uncertainty_free. */
typedef struct lml_uncertainty {
  lml_uncertainty_kind kind;
  size_t width, rank; /**< N_D and k */
  double *factor;     /**< width × rank, row-major: L; NULL without */
  double share;       /**< of the trace of the predicted variance over the training rows that L keeps */
  lml_calibration calibration;
  size_t nrows; /**< quantum rows that it is from */
  size_t nelements, ncomponents;
  lml_atom_distance *distances; /**< nelements; NULL without */
} lml_uncertainty;

void lml_uncertainty_free(lml_uncertainty *uncertainty);

/** Make room for the distances of @p nelements elements, all without atoms. */
lml_status lml_uncertainty_make_distances(lml_uncertainty *uncertainty, size_t nelements, size_t ncomponents,
                                          lml_error *error);

/** The square of the distance of an atom whose components are @p components[c * stride]. */
double lml_atom_distance_square(const lml_atom_distance *distance, size_t ncomponents, const double *components,
                                size_t stride);

/** The paths of both files beside that of the coefficients, to be freed with lml_free. */
lml_status lml_uncertainty_paths(const char *coefficients, char **json, char **npy, lml_error *error);

/** Files that were written but are not in place yet. */
typedef struct lml_uncertainty_files {
  lml_file_writer *writers[2];
  size_t count;
} lml_uncertainty_files;

/** Write the files that go with @p potential, whose coefficients will stand in the file @p coefficients, up to their
 * commit; where it fails nothing is left. They are flushed: the commit that follows that of the potential only renames.
 */
lml_status lml_uncertainty_write(const lml_uncertainty *uncertainty, const lml_potential *potential,
                                 const char *coefficients, lml_uncertainty_files *files, lml_error *error);

/** Put them in place. */
lml_status lml_uncertainty_commit(lml_uncertainty_files *files, lml_error *error);
void lml_uncertainty_abort(lml_uncertainty_files *files);

/** Read NAME.uncertainty.json at @p path and the factor beside it, which must be those of @p potential: an
 *  LML_ERR_INPUT names the file, what in it differs from the potential or from the other file, and what to do. */
lml_status lml_uncertainty_read(const char *path, const lml_potential *potential, lml_uncertainty *uncertainty,
                                lml_error *error);

#endif
