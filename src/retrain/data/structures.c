#include "retrain/data/structures.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/sys.h"
#include "potential/potential.h"
#include "retrain/data/frame_walk.h"
#include "retrain/rows/design.h"
#include "structure/lattice.h"
#include "structure/log_keys.h"
#include "structure/neighbours.h"
#include "structure/vec3.h"

/* ---- whether a frame can be used ---- */

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
  if (!lml_dataset_selects_atoms(walk->set))
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

static lml_status check_row_weights(const lml_dataset_walk *walk, lml_error *error) {
  for (size_t k = 0; walk->weights != NULL && k < walk->natoms; k++)
    if (!(walk->weights[walk->atoms[k]] >= 0.0) || isinf(walk->weights[walk->atoms[k]]))
      return lml_fail(error, LML_ERR_INPUT,
                      LML_FRAME_FORMAT "the weight of atom %zu (counted from 0), column %s, is %g", LML_FRAME(walk),
                      walk->atoms[k], walk->set->row_weights, walk->weights[walk->atoms[k]]);
  return LML_OK;
}

/** Where a test has no values, which is no error: what it has in their place. */
static void record_similar_names(lml_dataset *set, const lml_dataset_walk *walk) {
  if (set->nframes == 0) lml_frame_similar_names(&walk->frame, lml_dataset_quantity(set)->value, set->similar);
}

/** Whether the frame says what the quantity shall be; an error where it must and does not, and where a test says it in
 *  a way that can't be used. */
static lml_status check_values(lml_dataset *set, lml_dataset_walk *walk, bool *has_values, lml_error *error) {
  const lml_quantity_ops *quantity = lml_dataset_quantity(set);
  lml_error reason = {0};
  *has_values = quantity->read(walk, NULL, &reason) == LML_OK;
  if (*has_values) return LML_OK;
  if (lml_dataset_needs_values(set) || (set->role == LML_ROLE_TEST && quantity->is_there(walk)))
    return lml_fail(error, reason.status, "%s", reason.message);
  if (set->role == LML_ROLE_TEST) record_similar_names(set, walk);
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
  const lml_quantity_ops *quantity = lml_dataset_quantity(walk->set);
  lml_status status = quantity->extent == LML_EXTENT_ATOMS ? lml_dataset_walk_select(walk, error) : LML_OK;
  if (status != LML_OK) return status;
  status = lml_structure_check_apart(&walk->frame.structure, error);
  if (status != LML_OK) return lml_fail_context(error, "%s: frame %zu", LML_FRAME(walk));
  status = check_elements(walk, potential, error);
  if (status == LML_OK) status = check_complete(walk, error);
  if (status == LML_OK && quantity->check != NULL && lml_dataset_compares(walk->set))
    status = quantity->check(walk, error);
  return status == LML_OK ? check_row_weights(walk, error) : status;
}

static size_t rows_of(const lml_dataset_walk *walk) {
  const lml_quantity_ops *quantity = lml_dataset_quantity(walk->set);
  return quantity->from_first && walk->set->nframes == 0 ? 0 : quantity->count_rows(walk);
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
  if (lml_dataset_selects_atoms(set) && walk->held != NULL) set->ncorrected += walk->held_components.corrected;
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
  return lml_dot(d, d) >= distance * distance;
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
  const bool selected = lml_dataset_selects_atoms(walk->set);
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
  const lml_quantity_ops *quantity = lml_dataset_quantity(set);
  if (set->nframes == 0) set->has_values = has_values;
  if (set->nframes == 0 && has_values && quantity->has_offsets) {
    const lml_status status = quantity->read(walk, &set->first_energy, error);
    if (status != LML_OK) return status;
  }
  if (set->has_values == has_values || set->role == LML_ROLE_SOFT || set->role == LML_ROLE_HARD) return LML_OK;
  return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "it %s %s, unlike the frames before it", LML_FRAME(walk),
                  has_values ? "has" : "has no", lml_quantity_names[set->quantity]);
}

/** Whether forces are looked for in the frame of a log of regions that had no atoms. */
static bool has_no_regions(lml_dataset_walk *walk) {
  if (!lml_dataset_selects_atoms(walk->set) || !lml_dataset_walk_has_qm_forces(walk)) return false;
  const lml_values *region = lml_frame_column(&walk->frame, LML_LOG_REGION);
  bool none = region != NULL && region->type == LML_TEXT && region->width == 1;
  for (size_t k = 0; none && k < region->count; k++) none = lml_region_column_is(region, k, LML_REGION_MM);
  return none;
}

/** Whether the frame of a log says nothing of its own: its quantum forces stand in an earlier frame, where they count
 *  once, or no quantum code was asked, and its forces are a potential's. */
static bool tells_nothing(lml_dataset_walk *walk) {
  static const char *const names[] = {LML_LOG_RECALLED, LML_LOG_SKIPPED};
  if (lml_dataset_compares(walk->set) && has_no_regions(walk)) return true;
  for (size_t k = 0; k < sizeof names / sizeof names[0] && lml_dataset_compares(walk->set); k++) {
    const lml_values *said = lml_frame_info(&walk->frame, names[k]);
    if (said != NULL && said->type == LML_LOGICAL && said->logicals[0]) return true;
  }
  return false;
}

/** Whether the frame can be used, and is far enough from the last that was. */
static lml_status screen_frame(lml_dataset *set, lml_dataset_walk *walk, const lml_potential *potential, bool *taken,
                               lml_error *error) {
  bool has_values;
  *taken = false;
  if (tells_nothing(walk)) return LML_OK;
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
    status = lml_dataset_walk_read(&walk, &end, &reason);
    if (status != LML_OK) {
      status = skip_truncated(set, walk.reader, status, &reason, error);
      break;
    }
    if (!end) status = scan_frame(set, &walk, potential, error);
  }
  lml_dataset_walk_end(&walk);
  return status;
}

static lml_status scan(lml_dataset *set, const lml_potential *potential, lml_error *error) {
  lml_status status = lml_sha256_file(set->path, set->checksum, error);
  if (status == LML_OK) status = lml_dataset_extend(set, potential, error);
  if (status != LML_OK || set->nrows > 0) return status;
  if (set->truncated[0] != '\0')
    return lml_fail(error, LML_ERR_INPUT, "%s, and no frame before it can be used", set->truncated);
  if (set->nread == 0) return lml_fail(error, LML_ERR_INPUT, "%s: holds no frame", set->path);
  return lml_fail(error, LML_ERR_INPUT, "%s: no atom or frame of it is selected: it gives no rows", set->path);
}

/** Frames of a log that is followed come later. */
static lml_status scan_later(lml_dataset *set, const lml_potential *potential, lml_error *error) {
  (void)set, (void)potential, (void)error;
  return LML_OK;
}

/* ---- rows ---- */

/** What the fixed terms give for the frame; zero without any. */
static lml_status evaluate_fixed(lml_design *design, const lml_structure *structure, lml_error *error) {
  if (design->fixed == NULL) return lml_results_reset(&design->results, structure->natoms, error);
  return lml_calculator_evaluate(design->fixed, structure, NULL, &design->results, error);
}

/** Read the frame, see to its fixed terms, and make its rows. */
static lml_status visit(lml_design *design, size_t position, const lml_row_sink *sink, lml_error *error) {
  const lml_dataset *set = design->walk.set;
  lml_error reason = {0};
  lml_status status = lml_dataset_walk_to(&design->walk, position, error);
  if (status != LML_OK) return status;
  status = evaluate_fixed(design, &design->walk.frame.structure, &reason);
  if (status == LML_OK) status = lml_design_structure_rows(design, sink, &reason);
  if (status == LML_OK) return LML_OK;
  return lml_fail(error, status, "%s: frame %zu: %s", set->path, set->frames[position].index, reason.message);
}

static lml_status open_file(lml_design *design, const lml_dataset *set, lml_error *error) {
  design->has_reference = false;
  return lml_dataset_walk_begin(&design->walk, set, error);
}

/** Rows that count from the first frame's need these before all others. */
static lml_status make_frame(lml_design *design, size_t position, const lml_row_sink *sink, lml_error *error) {
  lml_status status = LML_OK;
  if (lml_dataset_quantity(design->walk.set)->from_first && !design->has_reference && position > 0)
    status = visit(design, 0, sink, error);
  design->has_reference = true;
  return status == LML_OK ? visit(design, position, sink, error) : status;
}

static void close_file(lml_design *design) { lml_dataset_walk_end(&design->walk); }

const lml_source_ops lml_structure_source = {
    .content = LML_CONTENT_STRUCTURES, .scan = scan, .open = open_file, .frame = make_frame, .close = close_file};

const lml_source_ops lml_log_source = {
    .content = LML_CONTENT_STRUCTURES, .scan = scan_later, .open = open_file, .frame = make_frame, .close = close_file};
