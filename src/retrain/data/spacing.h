/** @file spacing.h
 *  Leaving out frames that differ too little from the one before, so that an optimiser's small steps don't outweigh
 *  everything else.
 */
#ifndef LML_RETRAIN_DATA_SPACING_H
#define LML_RETRAIN_DATA_SPACING_H

#include "retrain/data/dataset.h"

/** *@p far becomes true, and the frame the @p last one, where some atom (of forces: some selected atom) is at least
 *  @p distance (Å, minimum image) away from where it was, where cell or species are others, and for the first frame. */
lml_status lml_thinning_keeps(lml_structure *last, const lml_dataset_walk *walk, double distance, bool *far,
                              lml_error *error);

#endif
