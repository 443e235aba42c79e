/** @file energy_errors.h
 *  Errors of energies that are offset: the offsets that go best with the starting and with the new potential.
 */
#ifndef LML_RETRAIN_REPORT_ENERGY_ERRORS_H
#define LML_RETRAIN_REPORT_ENERGY_ERRORS_H

#include "retrain/report/validation.h"

/** Offsets in eV per atom: what is added to a potential's energies before they are compared. Release with
 *  lml_energy_offsets_free. */
typedef struct lml_energy_offsets {
  size_t count;             /**< elements; 0: no energies are offset */
  size_t rank;              /**< offsets that the compositions determine; else they are those of minimum norm */
  lml_role from;            /**< whose energies they are fitted to: the targets', or where these have none the tests' */
  double *baseline, *after; /**< count each */
} lml_energy_offsets;

/** Say which of the sets have energies that are offset, and for how many elements: those of targets and tests that are
 *  to be. LML_REFERENCE_AUTO becomes what it stands for: @p usual. */
void lml_energy_offsets_decide(lml_dataset *sets, size_t nsets, size_t nelements, lml_energy_reference usual);

/** With all sets scanned: choose what is taken off all of these energies. */
void lml_energy_offsets_set_zero(lml_dataset *sets, size_t nsets);

/** Fit the offsets to the energies that @p validations hold, and count the rows of these in the errors. Rank 0 alone.
 */
lml_status lml_energy_offsets_find(lml_energy_offsets *offsets, lml_validation *validations, size_t nsets,
                                   lml_error *error);
void lml_energy_offsets_free(lml_energy_offsets *offsets);

#endif
