/** @file frame_walk.h
 *  Going through the frames of a set of structures: which atoms count, and what a frame has under which names.
 */
#ifndef LML_RETRAIN_DATA_FRAME_WALK_H
#define LML_RETRAIN_DATA_FRAME_WALK_H

#include "retrain/data/dataset.h"

/** Beginning of a message about the frame that @p walk has read last. */
#define LML_FRAME_FORMAT "%s: frame %zu: "
#define LML_FRAME(walk) (walk)->set->path, (walk)->next - 1

/** Reading frames that are used, best in order. Initialise with `lml_dataset_walk w = {0};`. */
typedef struct lml_dataset_walk {
  const lml_dataset *set;
  lml_xyz_reader *reader;
  lml_frame frame;
  size_t next;     /**< index in the file of the frame that is read next */
  size_t position; /**< index among the set's frames of the one that was read last */
  size_t *atoms;   /**< selected atoms of the frame, where rows belong to these */
  size_t natoms;
  size_t atoms_capacity;
  size_t nrows;                        /**< three for each of them but for components that are held */
  const bool *held;                    /**< components that have no row, 3 × atoms of the frame; NULL: none */
  lml_held_components held_components; /**< room for these */
  const double *forces;                /**< column of the frame, natoms × 3, eV/Å; NULL where the set has no values */
  const double *weights;               /**< column of the frame, natoms: of each atom's rows; NULL: all 1 */
} lml_dataset_walk;

lml_status lml_dataset_walk_begin(lml_dataset_walk *walk, const lml_dataset *set, lml_error *error);

/** Read the next frame of the file, whether it is used or not, without selecting its atoms. */
lml_status lml_dataset_walk_read(lml_dataset_walk *walk, bool *end, lml_error *error);

/** Select the atoms of the frame at hand, where rows belong to atoms. */
lml_status lml_dataset_walk_select(lml_dataset_walk *walk, lml_error *error);

/** The frame at @p position among those that are used, with its selected atoms. */
lml_status lml_dataset_walk_to(lml_dataset_walk *walk, size_t position, lml_error *error);

/** Make @p restricted a copy of @p set that has, where it is of selected atoms' forces, those alone that came from the
 *  quantum code: on atoms of region QM, in frames that have such. Its frames are its own, to be freed with lml_free;
 * all else is the set's. */
lml_status lml_dataset_restrict(const lml_dataset *set, lml_dataset *restricted, lml_error *error);

/** Whether component @p axis of the force on a selected atom has a row. */
static inline bool lml_dataset_walk_counts(const lml_dataset_walk *walk, size_t atom, size_t axis) {
  return walk->held == NULL || !walk->held[3 * atom + axis];
}

/** Whether the quantum forces of the frame are in a column of their own. */
bool lml_dataset_walk_has_qm_forces(lml_dataset_walk *walk);

/** NULL-safe; also after a failed begin. */
void lml_dataset_walk_end(lml_dataset_walk *walk);

/** The info key @p name as @p count finite numbers; *@p values becomes NULL where the frame has none. */
lml_status lml_frame_numbers(lml_dataset_walk *walk, const char *name, size_t count, const double **values,
                             lml_error *error);

/** The column @p name as @p width reals for each atom; *@p values becomes NULL where the frame has none. */
lml_status lml_frame_reals(lml_dataset_walk *walk, const char *name, size_t width, const double **values,
                           lml_error *error);

/** What the frame has under a name that is like @p value's, as the end of a message that says that @p value is missing:
 *  which names, and how to say that they are meant. Empty where there are none. */
void lml_frame_similar_names(const lml_frame *frame, lml_value value, char text[LML_ERROR_MESSAGE_SIZE]);

#endif
