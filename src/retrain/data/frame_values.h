/** @file frame_values.h
 *  The values that a frame's file gives: under which names they stand there, and whether two of them contradict.
 */
#ifndef LML_RETRAIN_DATA_FRAME_VALUES_H
#define LML_RETRAIN_DATA_FRAME_VALUES_H

#include "retrain/data/dataset.h"

/** Beginning of a message about the frame that @p walk has read last. */
#define LML_FRAME_FORMAT "%s: frame %zu: "
#define LML_FRAME(walk) (walk)->set->path, (walk)->next - 1

/** The info key @p name as @p count finite numbers; *@p values becomes NULL where the frame has none. */
lml_status lml_frame_numbers(lml_dataset_walk *walk, const char *name, size_t count, const double **values,
                             lml_error *error);

/** The column @p name as @p width reals for each atom; *@p values becomes NULL where the frame has none. */
lml_status lml_frame_reals(lml_dataset_walk *walk, const char *name, size_t width, const double **values,
                           lml_error *error);

/** What the frame has under a name that is like @p value's, as the end of a message that says that @p value is missing:
 *  which names, and how to say that they are meant. Empty where there are none. */
void lml_frame_near_names(const lml_frame *frame, lml_value value, char text[LML_ERROR_MESSAGE_SIZE]);

#endif
