/** @file held_atoms.h
 *  Which components of the positions were held fixed when a frame's forces were computed.
 *
 *  Columns that say so, for whole atoms (L:1) or component by component (L:3), also as integers 0 and 1: lmlink's
 *  `fix_mask`, true where something is held; ASE's `move_mask`, true where it is free. ASE 3.23 to 3.26 write F F F for
 *  the atoms that no FixCartesian names, and ASE 3.22 inverts a FixScaled beside a FixCartesian: the forces, which are
 *  zero where something is held and constraints acted on them, tell.
 */
#ifndef LML_STRUCTURE_HELD_ATOMS_H
#define LML_STRUCTURE_HELD_ATOMS_H

#include <stdbool.h>

#include "lmlink/extxyz.h"

/** What T in a column move_mask stands for. */
typedef enum lml_move_mask {
  LML_MOVE_MASK_AUTO = 0, /**< free, unless the forces contradict: then as in ASE 3.23, or an error */
  LML_MOVE_MASK_FREE,     /**< free, whatever the forces are */
  LML_MOVE_MASK_HELD,     /**< held */
  LML_MOVE_MASK_ASE_323   /**< free, and F F F is an atom without constraint */
} lml_move_mask;

/** Their names in options and configuration, NULL-terminated. */
extern const char *const lml_move_mask_names[];

/** What is held in a frame. Initialise with `lml_held_components h = {0};`, release with lml_held_components_free. */
typedef struct lml_held_components {
  bool *flags; /**< 3 × atoms */
  size_t capacity;
  bool any;       /**< whether something is held */
  bool corrected; /**< whether move_mask was taken as ASE 3.23's because the forces say so */
} lml_held_components;

/** Find what the columns of @p frame say. @p forces (3 × atoms, NULL: unknown) are those that are zero where something
 *  is held. LML_ERR_INPUT, with the atom, where a column is none of these or contradicts the forces. */
lml_status lml_held_components_find(lml_held_components *held, lml_frame *frame, const double *forces,
                                    lml_move_mask meaning, lml_error *error);
void lml_held_components_free(lml_held_components *held);

/** The atoms of @p frame that are held in all components, into a new array @p held of natoms flags, to be freed with
 *  lml_free; NULL where there is none. Forces are those of its column `forces`. Likewise. */
lml_status lml_held_atoms_read(lml_frame *frame, unsigned char **held, lml_error *error);

#endif
