/** @file fingerprint.h
 *  What frames look like to the potential, so that equivalent ones are known: of each selected atom a few sums of the
 *  cube roots of its descriptors (so that small ones count too) with fixed weights, each sorted over the atoms.
 *  Rotations, reflections, translations and the order of the atoms do not change them.
 */
#ifndef LML_RETRAIN_CHOOSE_FINGERPRINT_H
#define LML_RETRAIN_CHOOSE_FINGERPRINT_H

#include "retrain/rows/workers.h"

enum { LML_FINGERPRINT_SUMS = 4 /**< of each atom */ };

/** A frame's numbers, sum by sum, sorted by element and then by value. */
typedef struct lml_fingerprint {
  double *values;
  size_t count;  /**< 0: of a design matrix, which has none */
  double spread; /**< root mean square deviation of the values from the mean of their element */
} lml_fingerprint;

/** Fingerprints of the frames of several sets, one set's after the other's. Release with lml_fingerprints_free. */
typedef struct lml_fingerprints {
  lml_fingerprint *frames;
  size_t count;
  double *values; /**< of all */
} lml_fingerprints;

/** Make those of the targets among @p sets: of their selected atoms for forces, else of all. Complete on rank 0;
 *  collective. */
lml_status lml_fingerprints_make(lml_fingerprints *prints, const lml_workers *workers, const lml_dataset *sets,
                                 size_t nsets, lml_error *error);
void lml_fingerprints_free(lml_fingerprints *prints);

/** Root mean square difference of the numbers of two frames; infinite where they can't be compared. */
double lml_fingerprint_distance(const lml_fingerprint *a, const lml_fingerprint *b);

#endif
