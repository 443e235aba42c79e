#include "retrain/data/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "potential/potential.h"
#include "retrain/data/frame_values.h"
#include "retrain/data/matrix.h"
#include "structure/lattice.h"
#include "structure/log_keys.h"
#include "structure/neighbours.h"

const char *const lml_role_names[] = {"target", "hard", "soft", "test", NULL};
const char *const lml_quantity_names[] = {"forces", "energy", "energy_difference", "virial", NULL};
const char *const lml_selection_names[] = {"log", "all", "unfixed", "qm", NULL};
const char *const lml_hard_mode_names[] = {"keep", "set", NULL};
const char *const lml_energy_reference_names[] = {"auto", "offset", "absolute", NULL};
const char *const lml_test_kind_names[] = {"auto", "target", "soft", NULL};

void lml_dataset_free(lml_dataset *set) {
  lml_free(set->path);
  lml_free(set->weights);
  lml_free(set->row_weights);
  lml_free(set->values);
  for (size_t k = 0; k < LML_VALUE_COUNT; k++) lml_free(set->keys[k]);
  lml_group_names_free(&set->groups);
  lml_free(set->frames);
  lml_free(set->screened);
  lml_structure_free(&set->last);
  *set = (lml_dataset){0};
}

/* ---- what a frame holds ---- */

bool lml_dataset_compares(const lml_dataset *set) { return set->role == LML_ROLE_TARGET || set->role == LML_ROLE_TEST; }

bool lml_dataset_is_evaluated(const lml_dataset *set) {
  return set->source != LML_SOURCE_MATRIX && (set->role != LML_ROLE_HARD || set->quantity == LML_QUANTITY_FORCES);
}

/** Whether the quantum forces of the frame are in a column of their own. */
static bool has_qm_forces(lml_dataset_walk *walk) {
  return walk->set->keys[LML_VALUE_FORCES] == NULL && lml_frame_column(&walk->frame, LML_LOG_FORCES_QM) != NULL;
}

/** The column that forces are taken from. */
static lml_status find_forces(lml_dataset_walk *walk, lml_selection selection, lml_error *error) {
  const bool qm = selection == LML_SELECT_QM && has_qm_forces(walk);
  const char *name = qm ? LML_LOG_FORCES_QM : lml_dataset_key(walk->set, LML_VALUE_FORCES);
  return lml_frame_reals(walk, name, 3, &walk->forces, error);
}

/** The column of the atoms' weights, which must be there where it is asked for. */
static lml_status find_row_weights(lml_dataset_walk *walk, lml_error *error) {
  const char *name = walk->set->row_weights;
  walk->weights = NULL;
  if (name == NULL) return LML_OK;
  const lml_status status = lml_frame_reals(walk, name, 1, &walk->weights, error);
  if (status != LML_OK || walk->weights != NULL) return status;
  return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "no column %s (%s:R:1), which row_weights names",
                  LML_FRAME(walk), name, name);
}

static lml_status select_unfixed(lml_dataset_walk *walk, lml_error *error) {
  lml_held_components *held = &walk->held_components;
  const lml_status status = lml_held_components_find(held, &walk->frame, walk->forces, walk->set->move_mask, error);
  if (status != LML_OK) return lml_fail_context(error, "%s: frame %zu", LML_FRAME(walk));
  walk->held = held->any ? held->flags : NULL;
  for (size_t i = 0; i < walk->frame.structure.natoms; i++)
    if (walk->held == NULL || !(walk->held[3 * i] && walk->held[3 * i + 1] && walk->held[3 * i + 2]))
      walk->atoms[walk->natoms++] = i;
  return LML_OK;
}

/** Of several regions of a log each may have been recalled by itself: its forces stand in an earlier frame, and count
 *  once. */
static void leave_out_recalled(lml_dataset_walk *walk) {
  for (size_t r = 0;; r++) {
    char name[LML_LOG_NAME_SIZE];
    lml_log_name(name, LML_LOG_RECALLED, r, 2);
    const lml_values *recalled = lml_frame_info(&walk->frame, name);
    lml_log_name(name, LML_LOG_REGION, r, 2);
    const lml_values *region = lml_frame_column(&walk->frame, name);
    if (recalled == NULL || recalled->type != LML_LOGICAL || region == NULL || region->type != LML_TEXT) return;
    size_t kept = 0;
    for (size_t k = 0; k < walk->natoms; k++)
      if (!recalled->logicals[0] || !lml_region_column_is(region, walk->atoms[k], LML_REGION_QM))
        walk->atoms[kept++] = walk->atoms[k];
    walk->natoms = kept;
  }
}

static lml_status select_qm(lml_dataset_walk *walk, lml_error *error) {
  const lml_values *region = lml_frame_column(&walk->frame, LML_LOG_REGION);
  if (region == NULL || region->type != LML_TEXT || region->width != 1)
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT
                    "no column region (region:S:1), which says what the QM atoms are: choose other atoms",
                    LML_FRAME(walk));
  for (size_t i = 0; i < walk->frame.structure.natoms; i++)
    if (lml_region_column_is(region, i, LML_REGION_QM)) walk->atoms[walk->natoms++] = i;
  if (lml_dataset_compares(walk->set)) leave_out_recalled(walk);
  return LML_OK;
}

static void select_all(lml_dataset_walk *walk) {
  for (size_t i = 0; i < walk->frame.structure.natoms; i++) walk->atoms[walk->natoms++] = i;
}

static void count_rows(lml_dataset_walk *walk) {
  walk->nrows = 3 * walk->natoms;
  for (size_t k = 0; walk->held != NULL && k < 3 * walk->natoms; k++)
    walk->nrows -= !lml_dataset_walk_counts(walk, walk->atoms[k / 3], k % 3);
}

/** The selected atoms and their forces. */
static lml_status select_atoms(lml_dataset_walk *walk, lml_error *error) {
  const size_t natoms = walk->frame.structure.natoms;
  lml_selection selection = walk->set->selection;
  if (selection == LML_SELECT_LOG) selection = has_qm_forces(walk) ? LML_SELECT_QM : LML_SELECT_UNFIXED;
  walk->natoms = 0;
  walk->held = NULL;
  lml_status status =
      lml_grow(&walk->atoms, &walk->atoms_capacity, natoms, sizeof *walk->atoms, "the selected atoms", error);
  if (status == LML_OK) status = find_forces(walk, selection, error);
  if (status == LML_OK) status = find_row_weights(walk, error);
  if (status != LML_OK) return status;
  if (selection == LML_SELECT_QM)
    status = select_qm(walk, error);
  else if (selection == LML_SELECT_UNFIXED)
    status = select_unfixed(walk, error);
  else
    select_all(walk);
  count_rows(walk);
  return status;
}

/* ---- walking ---- */

lml_status lml_dataset_walk_begin(lml_dataset_walk *walk, const lml_dataset *set, lml_error *error) {
  *walk = (lml_dataset_walk){.set = set};
  return lml_xyz_open(set->path, &walk->reader, error);
}

void lml_dataset_walk_end(lml_dataset_walk *walk) {
  lml_xyz_close(walk->reader);
  lml_frame_free(&walk->frame);
  lml_free(walk->atoms);
  lml_held_components_free(&walk->held_components);
  *walk = (lml_dataset_walk){0};
}

static lml_status read_frame(lml_dataset_walk *walk, bool *end, lml_error *error) {
  const lml_status status = lml_xyz_read(walk->reader, &walk->frame, end, error);
  if (status == LML_OK && !*end) walk->next++;
  return status;
}

lml_status lml_dataset_walk_to(lml_dataset_walk *walk, size_t position, lml_error *error) {
  const lml_dataset *set = walk->set;
  const lml_dataset_frame *frame = &set->frames[position];
  bool end = false;
  lml_status status = walk->next == frame->index ? LML_OK : lml_xyz_seek(walk->reader, frame->place, error);
  walk->next = frame->index;
  walk->position = position;
  if (status == LML_OK) status = read_frame(walk, &end, error);
  if (status == LML_OK && end)
    return lml_fail(error, LML_ERR_INPUT, "%s: the file has fewer frames than when it was looked at first", set->path);
  if (status != LML_OK || set->quantity != LML_QUANTITY_FORCES) return status;
  status = select_atoms(walk, error);
  if (status != LML_OK || frame->nrows == walk->nrows) return status;
  return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "it has changed since it was looked at first",
                  LML_FRAME(walk));
}

/* ---- looking at the file ---- */

static lml_status check_elements(const lml_dataset_walk *walk, const lml_potential *potential, lml_error *error) {
  const lml_structure *structure = &walk->frame.structure;
  for (size_t i = 0; i < structure->natoms; i++)
    if (lml_potential_element_index(potential, structure->numbers[i]) < 0)
      return lml_fail(error, LML_ERR_INPUT,
                      LML_FRAME_FORMAT "atom %zu (counted from 0) is %s, an element that the potential does not have",
                      LML_FRAME(walk), i, lml_element_symbol(structure->numbers[i]));
  return LML_OK;
}

/** A frame that holds a part of the atoms has exact gradients for its QM atoms alone. */
static lml_status check_complete(lml_dataset_walk *walk, lml_error *error) {
  const lml_values *complete = lml_frame_info(&walk->frame, LML_LOG_COMPLETE);
  if (complete == NULL || complete->type != LML_LOGICAL || complete->logicals[0]) return LML_OK;
  if (walk->set->quantity != LML_QUANTITY_FORCES)
    return lml_fail(error, LML_ERR_INPUT,
                    LML_FRAME_FORMAT "log_complete=F: it holds a part of the atoms, so it has no %s; log with \"full\"",
                    LML_FRAME(walk), lml_quantity_names[walk->set->quantity]);
  const lml_values *region = lml_frame_column(&walk->frame, LML_LOG_REGION);
  for (size_t k = 0; k < walk->natoms; k++) {
    const size_t atom = walk->atoms[k];
    if (!lml_region_column_is(region, atom, LML_REGION_QM))
      return lml_fail(error, LML_ERR_INPUT,
                      LML_FRAME_FORMAT
                      "log_complete=F: not all neighbours of atom %zu (counted from 0) are there, as it is no QM atom: "
                      "select the QM atoms, or log with \"full\"",
                      LML_FRAME(walk), atom);
  }
  return LML_OK;
}

static lml_status check_forces(lml_dataset_walk *walk, lml_error *error) {
  if (walk->set->reading == LML_READ_FOLLOW && !has_qm_forces(walk))
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

static lml_status check_row_weights(const lml_dataset_walk *walk, lml_error *error) {
  for (size_t k = 0; walk->weights != NULL && k < walk->natoms; k++)
    if (!(walk->weights[walk->atoms[k]] >= 0.0) || isinf(walk->weights[walk->atoms[k]]))
      return lml_fail(error, LML_ERR_INPUT,
                      LML_FRAME_FORMAT "the weight of atom %zu (counted from 0), column %s, is %g", LML_FRAME(walk),
                      walk->atoms[k], walk->set->row_weights, walk->weights[walk->atoms[k]]);
  return LML_OK;
}

bool lml_dataset_needs_values(const lml_dataset *set) {
  return set->role == LML_ROLE_TARGET || (set->role == LML_ROLE_HARD && set->mode == LML_HARD_SET);
}

/** What the quantity is in the frame, which has it where this succeeds. */
static lml_status find_value(lml_dataset_walk *walk, lml_error *error) {
  const lml_dataset *set = walk->set;
  double values[9];
  char near[LML_ERROR_MESSAGE_SIZE];
  if (set->quantity == LML_QUANTITY_VIRIAL) return lml_dataset_virial(walk, values, error);
  if (set->quantity != LML_QUANTITY_FORCES) return lml_dataset_energy(walk, values, error);
  if (walk->forces != NULL) return LML_OK;
  lml_frame_near_names(&walk->frame, LML_VALUE_FORCES, near);
  return lml_fail(
      error, LML_ERR_INPUT, LML_FRAME_FORMAT "no forces: a column %.40s:R:3%s is needed%s", LML_FRAME(walk),
      lml_dataset_key(set, LML_VALUE_FORCES),
      set->keys[LML_VALUE_FORCES] == NULL && (set->selection == LML_SELECT_QM || set->selection == LML_SELECT_LOG)
          ? " or forces_qm:R:3"
          : "",
      near);
}

/** Whether the quantity is in the frame at all, usable or not. */
static bool is_there(lml_dataset_walk *walk) {
  const lml_dataset *set = walk->set;
  lml_frame *frame = &walk->frame;
  if (set->quantity == LML_QUANTITY_FORCES) return walk->forces != NULL;
  if (set->quantity != LML_QUANTITY_VIRIAL)
    return lml_frame_info(frame, lml_dataset_key(set, LML_VALUE_ENERGY)) != NULL;
  return lml_frame_info(frame, lml_dataset_key(set, LML_VALUE_VIRIAL)) != NULL ||
         lml_frame_info(frame, lml_dataset_key(set, LML_VALUE_STRESS)) != NULL;
}

/** Where a test has no values, which is no error: what it has in their place. */
static void note_near_names(lml_dataset *set, const lml_dataset_walk *walk) {
  static const lml_value values[LML_QUANTITIES] = {LML_VALUE_FORCES, LML_VALUE_ENERGY, LML_VALUE_ENERGY,
                                                   LML_VALUE_VIRIAL};
  if (set->nframes == 0) lml_frame_near_names(&walk->frame, values[set->quantity], set->near);
}

/** Whether the frame says what the quantity shall be; an error where it must and does not, and where a test says it in
 *  a way that can't be used. */
static lml_status check_values(lml_dataset *set, lml_dataset_walk *walk, bool *has_values, lml_error *error) {
  lml_error reason = {0};
  *has_values = find_value(walk, &reason) == LML_OK;
  if (*has_values) return LML_OK;
  if (lml_dataset_needs_values(set) || (set->role == LML_ROLE_TEST && is_there(walk)))
    return lml_fail(error, reason.status, "%s", reason.message);
  if (set->role == LML_ROLE_TEST) note_near_names(set, walk);
  return LML_OK;
}

/** The weight that the frame gives itself. */
static lml_status find_weight(lml_dataset_walk *walk, double *weight, lml_error *error) {
  const char *name = walk->set->weights;
  const double *value = NULL;
  *weight = 1.0;
  if (name == NULL) return LML_OK;
  const lml_status status = lml_frame_numbers(walk, name, 1, &value, error);
  if (status != LML_OK) return status;
  if (value == NULL || *value < 0.0)
    return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "its weight, the key %s, is %s", LML_FRAME(walk), name,
                    value == NULL ? "missing" : "negative");
  *weight = *value;
  return LML_OK;
}

static lml_status check_frame(lml_dataset_walk *walk, const lml_potential *potential, lml_error *error) {
  lml_status status = walk->set->quantity == LML_QUANTITY_FORCES ? select_atoms(walk, error) : LML_OK;
  if (status != LML_OK) return status;
  status = lml_structure_check_apart(&walk->frame.structure, error);
  if (status != LML_OK) return lml_fail_context(error, "%s: frame %zu", LML_FRAME(walk));
  status = check_elements(walk, potential, error);
  if (status == LML_OK) status = check_complete(walk, error);
  if (status == LML_OK && lml_dataset_compares(walk->set)) status = check_forces(walk, error);
  return status == LML_OK ? check_row_weights(walk, error) : status;
}

static size_t rows_of(const lml_dataset_walk *walk) {
  switch (walk->set->quantity) {
    case LML_QUANTITY_FORCES:
      return walk->nrows;
    case LML_QUANTITY_VIRIAL:
      return 6;
    case LML_QUANTITY_DIFFERENCE:
      return walk->set->nframes == 0 ? 0 : 1;
    case LML_QUANTITY_ENERGY:
      return 1;
  }
  return 0;
}

static double mean_row_weight(const lml_dataset_walk *walk) {
  double sum = 0.0;
  if (walk->weights == NULL || walk->nrows == 0) return 1.0;
  for (size_t k = 0; k < 3 * walk->natoms; k++)
    if (lml_dataset_walk_counts(walk, walk->atoms[k / 3], k % 3)) sum += walk->weights[walk->atoms[k / 3]];
  return sum / (double)walk->nrows;
}

static lml_status add_frame(lml_dataset *set, lml_dataset_walk *walk, lml_xyz_place place, lml_error *error) {
  double weight, group_weight;
  size_t group;
  lml_status status = find_weight(walk, &weight, error);
  if (status == LML_OK)
    status = lml_config_groups_find(set->grouping, &walk->frame, &set->groups, &group, &group_weight, error);
  if (status != LML_OK) return status;
  status = lml_grow(&set->frames, &set->frames_capacity, set->nframes + 1, sizeof *set->frames, "the frames", error);
  if (status != LML_OK) return status;
  const size_t natoms = walk->frame.structure.natoms, nrows = rows_of(walk);
  set->frames[set->nframes++] = (lml_dataset_frame){.index = walk->next - 1,
                                                    .place = place,
                                                    .natoms = natoms,
                                                    .first = set->nrows,
                                                    .nrows = nrows,
                                                    .nselected = walk->natoms,
                                                    .group = group,
                                                    .weight = weight * group_weight,
                                                    .row_weight = mean_row_weight(walk)};
  set->nrows += nrows;
  if (natoms > set->largest) set->largest = natoms;
  if (set->quantity == LML_QUANTITY_FORCES && walk->held != NULL) set->ncorrected += walk->held_components.corrected;
  return LML_OK;
}

/* ---- thinning ---- */

static bool are_comparable(const lml_structure *a, const lml_structure *b) {
  return a->natoms == b->natoms && memcmp(a->cell, b->cell, sizeof a->cell) == 0 &&
         memcmp(a->pbc, b->pbc, sizeof a->pbc) == 0 &&
         memcmp(a->numbers, b->numbers, a->natoms * sizeof *a->numbers) == 0;
}

static bool is_far(const lml_lattice *lattice, const double *from, const double *to, double distance) {
  double d[3];
  lml_lattice_difference(lattice, from, to, d);
  return d[0] * d[0] + d[1] * d[1] + d[2] * d[2] >= distance * distance;
}

/** Whether the frame is kept by thinning: *@p far becomes true, and the frame the @p last one, where some atom (of
 *  forces: some selected atom) is at least @p distance (Å, minimum image) away from where it was, where cell or species
 *  are others, and for the first frame. So an optimiser's small steps do not outweigh everything else. */
static lml_status thin(lml_structure *last, const lml_dataset_walk *walk, double distance, bool *far,
                       lml_error *error) {
  const lml_structure *now = &walk->frame.structure;
  lml_lattice lattice;
  const lml_status status = lml_lattice_make(&lattice, now, error);
  if (status != LML_OK) return status;
  *far = !are_comparable(now, last);
  const bool selected = walk->set->quantity == LML_QUANTITY_FORCES;
  const size_t count = selected ? walk->natoms : now->natoms;
  for (size_t k = 0; k < count && !*far; k++) {
    const size_t i = 3 * (selected ? walk->atoms[k] : k);
    *far = is_far(&lattice, last->positions + i, now->positions + i, distance);
  }
  return *far ? lml_structure_copy(last, now, error) : LML_OK;
}

/* ---- which frames are used ---- */

/** A test set, or the first frame of any, may have values or not; the others must be like it. */
static lml_status agree_on_values(lml_dataset *set, lml_dataset_walk *walk, bool has_values, lml_error *error) {
  double energy;
  if (set->nframes == 0) set->has_values = has_values;
  if (set->nframes == 0 && has_values && set->quantity == LML_QUANTITY_ENERGY &&
      lml_dataset_energy(walk, &energy, error) == LML_OK)
    set->first_energy = energy / (double)walk->frame.structure.natoms;
  if (set->has_values == has_values || set->role == LML_ROLE_SOFT || set->role == LML_ROLE_HARD) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "it %s %s, unlike the frames before it", LML_FRAME(walk),
                  has_values ? "has" : "has no", lml_quantity_names[set->quantity]);
}

/** Whether the frame's quantum forces stand in an earlier frame of the log already: they count once. */
static bool is_repetition(lml_dataset_walk *walk) {
  const lml_values *recalled = lml_frame_info(&walk->frame, LML_LOG_RECALLED);
  return lml_dataset_compares(walk->set) && recalled != NULL && recalled->type == LML_LOGICAL && recalled->logicals[0];
}

/** Whether the frame can be used, and is far enough from the last that was. */
static lml_status screen_frame(lml_dataset *set, lml_dataset_walk *walk, const lml_potential *potential, bool *taken,
                               lml_error *error) {
  bool has_values;
  *taken = false;
  if (is_repetition(walk)) return LML_OK;
  lml_status status = check_frame(walk, potential, error);
  if (status == LML_OK) status = check_values(set, walk, &has_values, error);
  if (status == LML_OK) status = agree_on_values(set, walk, has_values, error);
  *taken = status == LML_OK;
  if (status == LML_OK && set->min_displacement > 0.0)
    status = thin(&set->last, walk, set->min_displacement, taken, error);
  return status;
}

static lml_status scan_frame(lml_dataset *set, lml_dataset_walk *walk, const lml_potential *potential,
                             lml_error *error) {
  bool taken = false;
  lml_error reason = {0};
  const lml_xyz_place place = set->end;
  const lml_status status = screen_frame(set, walk, potential, &taken, &reason);
  set->nread++;
  set->end = lml_xyz_tell(walk->reader);
  if (status == LML_OK) return taken ? add_frame(set, walk, place, error) : LML_OK;
  if (status != LML_ERR_INPUT || set->reading == LML_READ_ONCE) return lml_fail(error, status, "%s", reason.message);
  set->nskipped++;
  memcpy(set->skipped, reason.message, sizeof set->skipped);
  return LML_OK;
}

/** A frame that the file ends in the midst of is left for later. */
static lml_status skip_truncated(lml_dataset *set, const lml_xyz_reader *reader, lml_status status,
                                 const lml_error *reason, lml_error *error) {
  if (status != LML_ERR_INPUT || !lml_xyz_torn(reader)) return lml_fail(error, status, "%s", reason->message);
  memcpy(set->truncated, reason->message, sizeof set->truncated);
  return LML_OK;
}

static lml_status check_length(const lml_dataset *set, lml_error *error) {
  struct stat about;
  if (lml_sys->stat(set->path, &about) != 0) return lml_fail_errno(error, errno, "%s: can't be looked at", set->path);
  if ((uint64_t)about.st_size >= set->end.offset) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, "%s: is shorter than it was: it is not the file that was read before",
                  set->path);
}

lml_status lml_dataset_extend(lml_dataset *set, const lml_potential *potential, lml_error *error) {
  lml_dataset_walk walk;
  lml_status status = lml_dataset_walk_begin(&walk, set, error);
  if (status == LML_OK) status = check_length(set, error);
  if (status == LML_OK) status = lml_xyz_seek(walk.reader, set->end, error);
  walk.next = set->nread;
  set->truncated[0] = '\0';
  for (bool end = false; status == LML_OK && !end;) {
    lml_error reason = {0};
    status = read_frame(&walk, &end, &reason);
    if (status != LML_OK) {
      status = skip_truncated(set, walk.reader, status, &reason, error);
      break;
    }
    if (!end) status = scan_frame(set, &walk, potential, error);
  }
  lml_dataset_walk_end(&walk);
  return status;
}

lml_status lml_dataset_scan(lml_dataset *set, const lml_potential *potential, lml_error *error) {
  if (set->reading == LML_READ_FOLLOW) return LML_OK; /* its frames come later */
  if (set->source == LML_SOURCE_MATRIX)
    return lml_matrix_scan(set, lml_potential_nelements(potential) * lml_potential_ncoefficients(potential), error);
  lml_status status = lml_sha256_file(set->path, set->checksum, error);
  if (status == LML_OK) status = lml_dataset_extend(set, potential, error);
  if (status != LML_OK || set->nrows > 0) return status;
  if (set->truncated[0] != '\0')
    return lml_fail(error, LML_ERR_INPUT, "%s, and no frame before it can be used", set->truncated);
  if (set->nread == 0) return lml_fail(error, LML_ERR_INPUT, "%s: holds no frame", set->path);
  return lml_fail(error, LML_ERR_INPUT, "%s: no atom or frame of it is selected: it gives no rows", set->path);
}

lml_status lml_dataset_share(lml_dataset *set, size_t first, lml_comm *comm, lml_error *error) {
  size_t numbers[] = {set->nframes, set->nread, set->nskipped, set->nrows, set->largest, set->has_values};
  if (lml_comm_size(comm) == 1) return LML_OK;
  lml_status status = lml_comm_broadcast(comm, numbers, sizeof numbers, error);
  if (status == LML_OK)
    status = lml_grow(&set->frames, &set->frames_capacity, numbers[0], sizeof *set->frames, "the frames", error);
  status = lml_comm_agree(comm, status, error);
  if (status != LML_OK) return status;
  set->nframes = numbers[0];
  set->nread = numbers[1];
  set->nskipped = numbers[2];
  set->nrows = numbers[3];
  set->largest = numbers[4];
  set->has_values = numbers[5] != 0;
  return lml_comm_broadcast(comm, set->frames + first, (set->nframes - first) * sizeof *set->frames, error);
}
