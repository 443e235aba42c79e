#include "retrain/data/frame_walk.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/print.h"
#include "structure/log_keys.h"

/* ---- what a frame has under a name ---- */

lml_status lml_frame_numbers(lml_dataset_walk *walk, const char *name, size_t count, const double **values,
                             lml_error *error) {
  const lml_values *info = lml_frame_info(&walk->frame, name);
  *values = NULL;
  if (info == NULL) return LML_OK;
  if (info->type != LML_REAL || info->count * info->width != count)
    return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "%s must be %zu real number%s", LML_FRAME(walk), name, count,
                    count == 1 ? "" : "s");
  for (size_t k = 0; k < count; k++)
    if (!isfinite(info->reals[k]))
      return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "%s is not finite", LML_FRAME(walk), name);
  *values = info->reals;
  return LML_OK;
}

lml_status lml_frame_reals(lml_dataset_walk *walk, const char *name, size_t width, const double **values,
                           lml_error *error) {
  const lml_values *column = lml_frame_column(&walk->frame, name);
  *values = NULL;
  if (column == NULL) return LML_OK;
  if (column->type != LML_REAL || column->width != width)
    return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "column %s must hold %zu real numbers per atom (%s:R:%zu)",
                    LML_FRAME(walk), name, width, name, width);
  *values = column->reals;
  return LML_OK;
}

/** Whether @p name holds @p stem in any case. */
static bool is_like(const char *name, const char *stem) {
  const size_t length = strlen(stem);
  for (const char *at = name; *at != '\0'; at++) {
    size_t k = 0;
    while (k < length && tolower((unsigned char)at[k]) == stem[k]) k++;
    if (k == length) return true;
  }
  return false;
}

void lml_frame_similar_names(const lml_frame *frame, lml_value value, char text[LML_ERROR_MESSAGE_SIZE]) {
  static const char *const stems[LML_VALUE_COUNT] = {"energy", "force", "virial", "stress"};
  const bool columns = value == LML_VALUE_FORCES;
  const lml_values *all = columns ? frame->columns : frame->info;
  const size_t count = columns ? frame->ncolumns : frame->ninfo;
  const char *first = NULL;
  size_t length = 0;
  text[0] = '\0';
  for (size_t k = 0; k < count; k++) {
    if (all[k].type != LML_REAL || !is_like(all[k].name, stems[value])) continue;
    if (first == NULL) first = all[k].name;
    length += lml_print_cut(text + length, LML_ERROR_MESSAGE_SIZE - length, "%s %.40s", length == 0 ? "; it has" : ",",
                            all[k].name);
    if (length > LML_ERROR_MESSAGE_SIZE / 3) break;
  }
  if (first != NULL)
    lml_print_cut(text + length, LML_ERROR_MESSAGE_SIZE - length,
                  ": if that is meant, say \"keys\": {\"%s\": \"%.40s\"} or --%s-key %.40s", lml_value_names[value],
                  first, lml_value_names[value], first);
}

/* ---- which atoms count ---- */

bool lml_dataset_walk_has_qm_forces(lml_dataset_walk *walk) {
  return walk->set->keys[LML_VALUE_FORCES] == NULL && lml_frame_column(&walk->frame, LML_LOG_FORCES_QM) != NULL;
}

/** The column that forces are taken from. */
static lml_status find_forces(lml_dataset_walk *walk, lml_selection selection, lml_error *error) {
  const bool qm = selection == LML_SELECT_QM && lml_dataset_walk_has_qm_forces(walk);
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

/** Leave out the QM atoms of each of several regions of a log of which @p key is true. */
static void leave_out_regions(lml_dataset_walk *walk, const char *key) {
  for (size_t r = 0;; r++) {
    char name[LML_LOG_NAME_SIZE];
    lml_log_name(name, key, r, 2);
    const lml_values *said = lml_frame_info(&walk->frame, name);
    lml_log_name(name, LML_LOG_REGION, r, 2);
    const lml_values *region = lml_frame_column(&walk->frame, name);
    if (said == NULL || said->type != LML_LOGICAL || region == NULL || region->type != LML_TEXT) return;
    size_t kept = 0;
    for (size_t k = 0; k < walk->natoms; k++)
      if (!said->logicals[0] || !lml_region_column_is(region, walk->atoms[k], LML_REGION_QM))
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
  if (!lml_dataset_compares(walk->set)) return LML_OK;
  leave_out_regions(walk, LML_LOG_RECALLED); /* which stand in an earlier frame, and count once */
  leave_out_regions(walk, LML_LOG_SKIPPED);  /* of which there are none */
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

/** Keep the selected atoms of region QM, unless there are none in the frame. */
static void keep_quantum(lml_dataset_walk *walk) {
  const lml_values *region = lml_frame_column(&walk->frame, "region");
  size_t kept = 0;
  bool labelled = false;
  if (region == NULL || region->type != LML_TEXT || region->width != 1) return;
  for (size_t i = 0; i < walk->frame.structure.natoms; i++) labelled |= strcmp(region->texts[i], "QM") == 0;
  for (size_t k = 0; k < walk->natoms && labelled; k++)
    if (strcmp(region->texts[walk->atoms[k]], "QM") == 0) walk->atoms[kept++] = walk->atoms[k];
  if (labelled) walk->natoms = kept;
}

lml_status lml_dataset_walk_select(lml_dataset_walk *walk, lml_error *error) {
  const size_t natoms = walk->frame.structure.natoms;
  lml_selection selection = walk->set->selection;
  if (selection == LML_SELECT_LOG)
    selection = lml_dataset_walk_has_qm_forces(walk) ? LML_SELECT_QM : LML_SELECT_UNFIXED;
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
  if (status == LML_OK && walk->set->quantum) keep_quantum(walk);
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

lml_status lml_dataset_walk_read(lml_dataset_walk *walk, bool *end, lml_error *error) {
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
  if (status == LML_OK) status = lml_dataset_walk_read(walk, &end, error);
  if (status == LML_OK && end)
    return lml_fail(error, LML_ERR_INPUT, "%s: the file has fewer frames than when it was looked at first", set->path);
  if (status != LML_OK || !lml_dataset_selects_atoms(set)) return status;
  status = lml_dataset_walk_select(walk, error);
  if (status != LML_OK || frame->nrows == walk->nrows) return status;
  return lml_fail(error, LML_ERR_INPUT, LML_FRAME_FORMAT "it has changed since it was looked at first",
                  LML_FRAME(walk));
}

/* ---- quantum forces alone ---- */

/** How many atoms and rows of each frame the quantum code's are. */
static lml_status count_quantum(const lml_dataset *set, lml_dataset *restricted, lml_error *error) {
  lml_dataset_walk walk;
  lml_status status = lml_dataset_walk_begin(&walk, set, error);
  restricted->nrows = 0;
  for (size_t k = 0; k < set->nframes && status == LML_OK; k++) {
    lml_dataset_frame *frame = &restricted->frames[k];
    status = lml_dataset_walk_to(&walk, k, error);
    if (status != LML_OK) break;
    keep_quantum(&walk);
    count_rows(&walk);
    frame->first = restricted->nrows;
    frame->nrows = walk.nrows;
    frame->nselected = walk.natoms;
    restricted->nrows += walk.nrows;
  }
  lml_dataset_walk_end(&walk);
  return status;
}

lml_status lml_dataset_restrict(const lml_dataset *set, lml_dataset *restricted, lml_error *error) {
  *restricted = *set;
  restricted->frames = NULL;
  lml_status status =
      lml_alloc(&restricted->frames, set->nframes, sizeof *set->frames, "frames with quantum forces", error);
  if (status != LML_OK) return status;
  if (set->nframes > 0) memcpy(restricted->frames, set->frames, set->nframes * sizeof *set->frames);
  if (!lml_dataset_has_structures(set) || !lml_dataset_selects_atoms(set)) return LML_OK;
  restricted->quantum = true;
  return count_quantum(set, restricted, error);
}
