/** @file energy_row.h
 *  The row of an energy per atom: the mean of the descriptors, accurate to the last digit.
 */
#ifndef LML_RETRAIN_ROWS_ENERGY_ROW_H
#define LML_RETRAIN_ROWS_ENERGY_ROW_H

#include "potential/descriptors.h"
#include "retrain/rows/environments.h"

/** Doubles of scratch that lml_energy_row needs. */
size_t lml_energy_row_room(const lml_descriptors *descriptors);

/** Sum of D over the atoms of each element, divided by the number of all atoms: nelements × ncoefficients numbers at
 *  @p row. @p environments is for the atoms that are, of this structure or the next. */
lml_status lml_energy_row(lml_descriptors *descriptors, const lml_structure *structure, lml_environments *environments,
                          double *scratch, double *row, lml_error *error);

#endif
