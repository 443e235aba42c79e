/** @file errors.h
 *  How well two potentials, the starting and the new one, give the values of a set: by region, by distance from the
 *  QM atoms' centre, by frame. The new one is evaluated as any calculator is, independently of the design matrix; what
 *  the starting one gives is known from the rows, where those were made.
 */
#ifndef LML_RETRAIN_REPORT_ERRORS_H
#define LML_RETRAIN_REPORT_ERRORS_H

#include "base/comm.h"
#include "lmlink/potential.h"
#include "retrain/rows/workers.h"
#include "retrain/solve/constraints.h"

enum {
  LML_FIT_REGIONS = 4,   /**< QM, buffer, MM, all other atoms */
  LML_FIT_BINS = 64,     /**< of distance from the QM centre, the last one without end */
  LML_FIT_SAMPLES = 2000 /**< most single values that are kept of a set */
};

extern const double lml_fit_bin_width; /**< Å */
extern const char *const lml_fit_region_names[];

/** Sums over rows; all doubles, so that ranks can add them up. */
typedef struct lml_fit_sums {
  double count;
  double before, after; /**< Σ (value of the potential − value of the file)², zero where the file has none */
  double change;        /**< Σ (after − before)² */
  double absolute_before, absolute_after; /**< Σ |value of the potential − value of the file| */
} lml_fit_sums;

typedef struct lml_fit_frame {
  lml_fit_sums sums;
  double largest_before, largest_after, largest_change; /**< absolute values */
  /** Forces that are exactly zero in the file and not by the potentials, as where constraints acted on them: atoms of
   *  which all components that count are, and components of all atoms. */
  double zero_atoms, zero_components;
} lml_fit_frame;

/** Such forces where they are no accident: whole atoms or more than a few components of a frame. */
typedef struct lml_fit_zeros {
  size_t nframes, first; /**< frames that have them, index in the file of the first */
  double components;     /**< in all of them */
} lml_fit_zeros;

/** A single value, for a picture. */
typedef struct lml_fit_sample {
  double value, before, after; /**< of the file, the starting and the new potential */
  double distance;             /**< Å from the QM centre; negative where there is none */
} lml_fit_sample;

/** Sums over the rows of atoms of each region, and at each distance from the QM centre. */
typedef struct lml_fit_places {
  lml_fit_sums regions[LML_FIT_REGIONS], bins[LML_FIT_BINS];
} lml_fit_places;

/** Initialise with lml_fit_make, release with lml_fit_free. */
typedef struct lml_fit {
  const lml_dataset *set;
  lml_fit_frame *frames; /**< as many as the set has */
  lml_fit_places places;
  lml_fit_sample *samples; /**< of every stride-th row */
  size_t nsamples, stride;
  double *energies; /**< where energies are offset: of each row file, before, after and the fractions of elements; they
                         count in errors once the offsets are known, see energy_errors.h */
} lml_fit;

lml_status lml_fit_make(lml_fit *fit, const lml_dataset *set, lml_error *error);
void lml_fit_free(lml_fit *fit);

/** Who measures sets of structures. Initialise with lml_fit_crew_make, release with lml_fit_crew_free. */
typedef struct lml_fit_crew {
  const lml_crew *crew;
  const lml_potential *potentials[2]; /**< before, after */
  struct lml_fit_worker *workers;     /**< with calculators, one for each seat */
} lml_fit_crew;

lml_status lml_fit_crew_make(lml_fit_crew *crew, const lml_crew *who, const lml_potential *before,
                             const lml_potential *after, lml_error *error);
void lml_fit_crew_free(lml_fit_crew *crew);

/** A set that is evaluated: the context of its job. */
typedef struct lml_fit_measurement {
  lml_fit *fit;
  lml_fit_crew *crew;
  const double *before; /**< what the starting potential gives for each row; NaN, or NULL for all: not known */
} lml_fit_measurement;

/** What evaluates the frames of a set; @p measurement must outlive it. lml_fit_collect comes behind it. */
lml_crew_job lml_fit_job(lml_fit_measurement *measurement);

/** What hard constraints were and are, from their rows: those from row @p first of @p rows on are the set's. @p delta
 * is the change of Θ. Rank 0 alone. */
void lml_fit_hard(lml_fit *fit, const lml_constraint_rows *rows, size_t first, const double *before,
                  const double *delta, size_t width);

/** Count one row, number @p index of the frame at position @p in_frame: its values in the file, before and after. */
void lml_fit_add_row(lml_fit *fit, size_t in_frame, size_t index, const double row[3]);

/** Where energies are offset: keep one row, number @p index of the frame at position @p in_frame, with @p fractions[k *
 *  stride] for element k. */
void lml_fit_keep_energy(lml_fit *fit, size_t in_frame, size_t index, const double row[3], const double *fractions,
                         size_t stride);

/** Agree on @p status, and add up on rank 0 what the ranks have counted. */
lml_status lml_fit_collect(lml_fit *fit, lml_comm *comm, lml_status status, lml_error *error);

/** Over all frames; the largest values too. */
lml_fit_frame lml_fit_total(const lml_fit *fit);

/** Forces of a set of structures that may have been made zero. */
lml_fit_zeros lml_fit_find_zeros(const lml_fit *fit);

/** Over the frames of group number @p group of the set. */
lml_fit_frame lml_fit_group(const lml_fit *fit, size_t group);

#endif
