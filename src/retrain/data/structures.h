/** @file structures.h
 *  Sets of structures in extended XYZ files: which frames are used.
 */
#ifndef LML_RETRAIN_DATA_STRUCTURES_H
#define LML_RETRAIN_DATA_STRUCTURES_H

#include "retrain/data/dataset.h"

/** Read on where the last look at the file ended, and add what has been appended since. A file that is shorter than it
 *  was is an LML_ERR_INPUT. */
lml_status lml_dataset_extend(lml_dataset *set, const lml_potential *potential, lml_error *error);

#endif
