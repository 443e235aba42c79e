/** @file validation.h
 *  How well two potentials, the starting and the new one, give the values of a set: by region, by distance from the
 *  QM atoms' centre, by frame. The new one is evaluated as any calculator is, independently of the design matrix; what
 *  the starting one gives is known from the rows, where those were made.
 */
#ifndef LML_RETRAIN_REPORT_VALIDATION_H
#define LML_RETRAIN_REPORT_VALIDATION_H

#include "base/comm.h"
#include "base/likeness.h"
#include "lmlink/potential.h"
#include "retrain/rows/workers.h"
#include "retrain/solve/constraints.h"

enum {
  LML_VALIDATION_REGIONS = 4,   /**< QM, buffer, MM, all other atoms */
  LML_VALIDATION_BINS = 64,     /**< of distance from the QM centre, the last one without end */
  LML_VALIDATION_SAMPLES = 2000 /**< most single values that are kept of a set */
};

extern const double lml_validation_bin_width; /**< Å */
extern const char *const lml_validation_region_names[];

/** Sums over rows; all doubles, so that ranks can add them up. */
typedef struct lml_error_sums {
  double count;
  double baseline, after; /**< Σ (value of the potential − value of the file)², zero where the file has none */
  double change;          /**< Σ (after − before)² */
  double absolute_baseline, absolute_after; /**< Σ |value of the potential − value of the file| */
  double values, baselines;                 /**< Σ of squares, of the file and of the starting potential */
} lml_error_sums;

typedef struct lml_frame_errors {
  lml_error_sums sums;
  double largest_baseline, largest_after, largest_change; /**< absolute values */
  /** Forces that are exactly zero in the file and not by the potentials, as where constraints acted on them: atoms of
   *  which all components that count are, and components of all atoms. */
  double zero_atoms, zero_components;
} lml_frame_errors;

/** Such forces where they are no accident: whole atoms or more than a few components of a frame. */
typedef struct lml_zero_forces {
  size_t nframes, first; /**< frames that have them, index in the file of the first */
  double components;     /**< in all of them */
} lml_zero_forces;

/** A single value, for a picture. */
typedef struct lml_value_sample {
  double value, baseline, after; /**< of the file, the starting and the new potential */
  double distance;               /**< Å from the QM centre; negative where there is none */
} lml_value_sample;

/** Sums over the rows of atoms of each region, and at each distance from the QM centre. */
typedef struct lml_error_places {
  lml_error_sums regions[LML_VALIDATION_REGIONS], bins[LML_VALIDATION_BINS];
} lml_error_places;

/** Initialise with lml_validation_make, release with lml_validation_free. */
typedef struct lml_validation {
  const lml_dataset *set;
  lml_frame_errors *frames; /**< as many as the set has */
  lml_error_places places;
  lml_value_sample *samples; /**< of every stride-th row */
  size_t nsamples, stride;
  double *energies; /**< where energies are offset: of each row file, before, after and the fractions of elements; they
                         count in errors once the offsets are known, see energy_errors.h */
} lml_validation;

lml_status lml_validation_make(lml_validation *validation, const lml_dataset *set, lml_error *error);
void lml_validation_free(lml_validation *validation);

/** Who measures sets of structures. Initialise with lml_validation_room_make, release with lml_validation_room_free. */
typedef struct lml_validation_room {
  const lml_workers *workers;
  const lml_potential *potentials[2]; /**< before, after */
  struct lml_validation_slot *slots;  /**< with calculators, one for each slot */
} lml_validation_room;

lml_status lml_validation_room_make(lml_validation_room *room, const lml_workers *workers,
                                    const lml_potential *baseline, const lml_potential *after, lml_error *error);
void lml_validation_room_free(lml_validation_room *room);

/** A set that is evaluated: the context of its job. */
typedef struct lml_measurement {
  lml_validation *validation;
  lml_validation_room *room;
  const double *baseline; /**< what the starting potential gives for each row; NaN, or NULL for all: not known */
} lml_measurement;

/** What evaluates the frames of a set; @p measurement must outlive it. lml_validation_collect comes after it. */
lml_frame_job lml_validation_job(lml_measurement *measurement);

/** What hard constraints were and are, from their rows: those from row @p first of @p rows on are the set's. @p delta
 * is the change of Θ. Rank 0 alone. */
void lml_validation_of_hard(lml_validation *validation, const lml_constraint_rows *rows, size_t first,
                            const double *baseline, const double *delta, size_t width);

/** Count one row, number @p index of the frame at position @p in_frame: its values in the file, before and after. */
void lml_validation_add_row(lml_validation *validation, size_t in_frame, size_t index, const double row[3]);

/** Where energies are offset: keep one row, number @p index of the frame at position @p in_frame, with @p fractions[k *
 *  stride] for element k. */
void lml_validation_keep_energy(lml_validation *validation, size_t in_frame, size_t index, const double row[3],
                                const double *fractions, size_t stride);

/** The errors of a set without structures, from its rows; @p coefficients are the new Θ. Collective. */
lml_status lml_validation_of_rows(lml_validation *validation, const lml_workers *workers, const double *coefficients,
                                  lml_error *error);

/** Agree on @p status, and add up on rank 0 what the ranks have counted. */
lml_status lml_validation_collect(lml_validation *validation, lml_comm *comm, lml_status status, lml_error *error);

/** Over all frames; the largest values too. */
lml_frame_errors lml_validation_total(const lml_validation *validation);

/** Forces of a set of structures that may have been made zero. */
lml_zero_forces lml_validation_find_zeros(const lml_validation *validation);

/** How like the values of a set's file are to those of the starting potential, over all rows. */
lml_likeness lml_validation_compare(const lml_validation *validation);

/** Over the frames of group number @p group of the set. */
lml_frame_errors lml_validation_group(const lml_validation *validation, size_t group);

#endif
