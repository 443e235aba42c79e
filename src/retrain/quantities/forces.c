/* Forces on selected atoms: the one quantity that uses gradients of descriptors. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "retrain/data/frame_walk.h"
#include "retrain/rows/design.h"

/* ---- values ---- */

static size_t count_rows(const lml_dataset_walk *walk) { return walk->nrows; }

static bool is_there(lml_dataset_walk *walk) { return walk->forces != NULL; }

/** Put the components that count of @p forces, three for each atom of the frame. */
static void put_components(const lml_dataset_walk *walk, const double *forces, double *values) {
  for (size_t k = 0; k < 3 * walk->natoms; k++)
    if (lml_dataset_walk_counts(walk, walk->atoms[k / 3], k % 3)) *values++ = forces[3 * walk->atoms[k / 3] + k % 3];
}

static lml_status read_forces(lml_dataset_walk *walk, double *values, lml_error *error) {
  const lml_dataset *set = walk->set;
  if (walk->forces != NULL) {
    if (values != NULL) put_components(walk, walk->forces, values);
    return LML_OK;
  }
  const bool maybe_qm =
      set->keys[LML_VALUE_FORCES] == NULL && (set->selection == LML_SELECT_QM || set->selection == LML_SELECT_LOG);
  char similar[LML_ERROR_MESSAGE_SIZE];
  lml_frame_similar_names(&walk->frame, LML_VALUE_FORCES, similar);
  return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "no forces: a column %.40s:R:3%s is needed%s", LML_FRAME(walk),
                  lml_dataset_key(set, LML_VALUE_FORCES), maybe_qm ? " or forces_qm:R:3" : "", similar);
}

static lml_status check_forces(lml_dataset_walk *walk, lml_error *error) {
  if (walk->set->reading == LML_READ_FOLLOW && !lml_dataset_walk_has_qm_forces(walk))
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT
                    "no forces_qm: of a log that is followed, forces of the quantum code alone are targets",
                    LML_FRAME(walk));
  if (walk->forces == NULL) return LML_OK;
  for (size_t k = 0; k < 3 * walk->natoms; k++)
    if (!isfinite(walk->forces[3 * walk->atoms[k / 3] + k % 3]))
      return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "the force on atom %zu (counted from 0) is not finite",
                      LML_FRAME(walk), walk->atoms[k / 3]);
  return LML_OK;
}

static void give_forces(const lml_dataset_walk *walk, const lml_results *results, double *values) {
  put_components(walk, results->forces, values);
}

/* ---- rows ---- */

static size_t memory_for(const lml_design *design, const lml_dataset *set) {
  size_t most = 0; /* atoms of a frame */
  for (size_t f = 0; f < set->nframes; f++)
    if (set->frames[f].nselected > most) most = set->frames[f].nselected;
  return lml_gradient_rows_room(&design->descriptors, set->largest, most);
}

static lml_status begin_rows(lml_design *design, lml_error *error) {
  const lml_dataset_walk *walk = &design->walk;
  return lml_design_begin_forces(design, &walk->frame.structure, walk->atoms, walk->natoms, error);
}

/** Close the gaps of components that have no row in the block, which holds @p natoms atoms from the walk's atom @p
 *  begin on, and put the square roots of their weights. Returns the number of rows. */
static size_t close_gaps(lml_design *design, size_t begin, size_t natoms) {
  const lml_dataset_walk *walk = &design->walk;
  size_t kept = 0;
  for (size_t k = 0; k < 3 * natoms; k++) {
    const size_t atom = walk->atoms[begin + k / 3];
    if (!lml_dataset_walk_counts(walk, atom, k % 3)) continue;
    if (kept != k)
      memcpy(design->block + kept * design->width, design->block + k * design->width, design->width * sizeof(double));
    design->atoms[kept] = begin + k / 3;
    design->weights[kept++] = walk->weights == NULL ? 1.0 : sqrt(walk->weights[atom]);
  }
  return kept;
}

static lml_status next_rows(lml_design *design, size_t *count, lml_error *error) {
  enum { BLOCK_ATOMS = LML_BLOCK_ROWS / 3 };
  const size_t begin = design->next_atom, left = design->walk.natoms - begin;
  const size_t natoms = left < BLOCK_ATOMS ? left : BLOCK_ATOMS;
  const lml_status status = lml_design_next_forces(design, natoms, design->block, error);
  if (status == LML_OK) *count = close_gaps(design, begin, natoms);
  return status;
}

const lml_quantity_ops lml_force_quantity = {.unit = "eV/Å",
                                             .extent = LML_EXTENT_ATOMS,
                                             .value = LML_VALUE_FORCES,
                                             .count_rows = count_rows,
                                             .is_there = is_there,
                                             .read = read_forces,
                                             .check = check_forces,
                                             .give = give_forces,
                                             .memory = memory_for,
                                             .begin = begin_rows,
                                             .next = next_rows};
