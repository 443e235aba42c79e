#include "structure/held_atoms.h"

#include <string.h>

#include "base/fail.h"
#include "base/memory.h"

const char *const lml_move_mask_names[] = {"auto", "free", "held", "ase-3.23", NULL};

void lml_held_components_free(lml_held_components *held) {
  lml_free(held->flags);
  *held = (lml_held_components){0};
}

/* ---- columns ---- */

static lml_status find_mask(lml_frame *frame, const char *name, const lml_values **mask, lml_error *error) {
  *mask = lml_frame_column(frame, name);
  if (*mask == NULL) return LML_OK;
  const lml_values *m = *mask;
  bool good = (m->width == 1 || m->width == 3) && (m->type == LML_LOGICAL || m->type == LML_INTEGER);
  for (size_t k = 0; good && m->type == LML_INTEGER && k < m->count * m->width; k++)
    good = m->integers[k] == 0 || m->integers[k] == 1;
  if (good) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT,
                  "column %s must hold T or F, for each atom or each component (%s:L:1 or %s:L:3)", name, name, name);
}

static bool is_true(const lml_values *mask, size_t atom, size_t axis) {
  const size_t k = mask->width == 1 ? atom : 3 * atom + axis;
  return mask->type == LML_LOGICAL ? mask->logicals[k] : mask->integers[k] != 0;
}

/** The components of @p mask that are @p value are held. */
static void hold(lml_held_components *held, const lml_values *mask, bool value) {
  for (size_t k = 0; k < 3 * mask->count; k++)
    if (is_true(mask, k / 3, k % 3) == value) held->flags[k] = true;
}

/* ---- what forces tell of move_mask ---- */

/** Components of an atom that are T and F, and how many of these have a force. */
typedef struct {
  size_t free, held, free_forces, held_forces;
} tally;

static tally count(const lml_values *mask, const double *forces, size_t atom) {
  tally t = {0};
  for (size_t axis = 0; axis < 3; axis++) {
    const bool force = forces[3 * atom + axis] != 0.0; /* also where it is not a number */
    if (is_true(mask, atom, axis))
      t.free++, t.free_forces += force;
    else
      t.held++, t.held_forces += force;
  }
  return t;
}

/** What is asked of all atoms. */
typedef struct {
  bool whole, partial;          /**< some atom is free in all components; in one or two */
  bool zeroed;                  /**< the held components of all the latter have no force */
  bool unlisted;                /**< some atom is F F F and has a force */
  bool free_forces, held_zeros; /**< some free component has a force; some atom that is held has none at all */
  size_t contradiction;         /**< the first atom with forces where it is held, and none where it is free */
} finding;

static finding look_at(const lml_values *mask, const double *forces) {
  finding f = {.zeroed = true, .contradiction = mask->count};
  for (size_t atom = 0; atom < mask->count; atom++) {
    const tally t = count(mask, forces, atom);
    f.whole |= t.held == 0;
    f.unlisted |= t.free == 0 && t.held_forces > 0;
    f.free_forces |= t.free_forces > 0;
    f.held_zeros |= t.free == 0 && t.held_forces == 0;
    if (t.free == 0 || t.held == 0) continue;
    f.partial = true;
    f.zeroed &= t.held_forces == 0;
    if (t.held_forces > 0 && t.free_forces == 0 && f.contradiction == mask->count) f.contradiction = atom;
  }
  return f;
}

/** Find whether F F F stands for atoms without constraint, as the forces say, and fail where they leave it open. */
static lml_status judge(const lml_values *mask, const double *forces, bool *unlisted_free, lml_error *error) {
  const finding f = look_at(mask, forces);
  *unlisted_free = false;
  if (f.contradiction < mask->count)
    return lml_fail(error, LML_ERR_INPUT,
                    "move_mask holds atom %zu (counted from 0) where it has a force and leaves it free where it has "
                    "none, as ASE 3.22 writes FixScaled: correct the column, or say that T is free: \"move_mask\": "
                    "\"free\" or --move-mask free",
                    f.contradiction);
  if (f.whole && f.unlisted && !f.free_forces && !f.held_zeros)
    return lml_fail(error, LML_ERR_INPUT,
                    "move_mask is F where there are forces and T where there are none: if T stands for held atoms, say "
                    "\"move_mask\": \"held\" or --move-mask held, else \"free\"");
  if (mask->width == 1 || f.whole || !f.partial || !f.unlisted) return LML_OK;
  *unlisted_free = f.zeroed && !f.held_zeros;
  if (*unlisted_free) return LML_OK;
  return lml_fail(
      error, LML_ERR_INPUT,
      "move_mask is F F F for atoms that have forces, and no atom is T T T: ASE 3.23 to 3.26 write that for "
      "atoms without constraint. Say \"move_mask\": \"ase-3.23\" (--move-mask) if one of these wrote it, else "
      "\"free\"");
}

static void hold_listed(lml_held_components *held, const lml_values *mask) {
  for (size_t atom = 0; atom < mask->count; atom++) {
    const bool listed = is_true(mask, atom, 0) || is_true(mask, atom, 1) || is_true(mask, atom, 2);
    for (size_t axis = 0; axis < 3 && listed; axis++)
      if (!is_true(mask, atom, axis)) held->flags[3 * atom + axis] = true;
  }
}

static lml_status apply_move_mask(lml_held_components *held, const lml_values *mask, const double *forces,
                                  lml_move_mask meaning, lml_error *error) {
  bool unlisted_free = meaning == LML_MOVE_MASK_ASE_323;
  if (meaning == LML_MOVE_MASK_AUTO && forces != NULL) {
    const lml_status status = judge(mask, forces, &unlisted_free, error);
    if (status != LML_OK) return status;
    held->corrected = unlisted_free;
  }
  if (unlisted_free && mask->width == 3)
    hold_listed(held, mask);
  else
    hold(held, mask, meaning == LML_MOVE_MASK_HELD);
  return LML_OK;
}

lml_status lml_held_components_find(lml_held_components *held, lml_frame *frame, const double *forces,
                                    lml_move_mask meaning, lml_error *error) {
  const size_t natoms = frame->structure.natoms;
  const lml_values *fix, *move;
  held->any = held->corrected = false;
  lml_status status = find_mask(frame, "fix_mask", &fix, error);
  if (status == LML_OK) status = find_mask(frame, "move_mask", &move, error);
  if (status == LML_OK)
    status = lml_grow(&held->flags, &held->capacity, 3 * natoms, sizeof *held->flags, "constraints of atoms", error);
  if (status != LML_OK) return status;
  memset(held->flags, 0, 3 * natoms * sizeof *held->flags);
  if (fix != NULL) hold(held, fix, true);
  if (move != NULL) status = apply_move_mask(held, move, forces, meaning, error);
  for (size_t k = 0; k < 3 * natoms; k++) held->any |= held->flags[k];
  return status;
}

/* ---- atoms ---- */

lml_status lml_held_atoms_read(lml_frame *frame, unsigned char **held, lml_error *error) {
  const lml_values *column = lml_frame_column(frame, "forces");
  const bool known = column != NULL && column->type == LML_REAL && column->width == 3;
  const size_t natoms = frame->structure.natoms;
  lml_held_components found = {0};
  *held = NULL;
  lml_status status = lml_held_components_find(&found, frame, known ? column->reals : NULL, LML_MOVE_MASK_AUTO, error);
  if (status == LML_OK && found.any) status = lml_alloc(held, natoms, 1, "constraints of atoms", error);
  for (size_t i = 0; status == LML_OK && found.any && i < natoms; i++)
    (*held)[i] = found.flags[3 * i] && found.flags[3 * i + 1] && found.flags[3 * i + 2];
  lml_held_components_free(&found);
  return status;
}
